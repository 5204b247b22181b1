/** Texts are as long as people count them: in characters of Unicode, of which JavaScript may take two for one. */
import { z } from 'zod';

export function hasMoreThan(text: string, characters: number): boolean {
  // A text never has more characters than JavaScript counts.
  return text.length > characters && [...text].length > characters;
}

/** A text of at most so many characters. */
export const textUpTo = (characters: number) =>
  z
    .string()
    .refine((text) => !hasMoreThan(text, characters), { error: `must have at most ${characters} characters` })
    .meta({ maxLength: characters });
