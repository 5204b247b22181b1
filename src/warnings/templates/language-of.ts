/** The languages there are words in, and which of them a reader gets. */
import { de } from './de.ts';
import { en } from './en.ts';
import { fr } from './fr.ts';
import type { Language } from './language.ts';
import { nl } from './nl.ts';

export const LANGUAGES: Readonly<Record<string, Language>> = { nl, en, de, fr };

/** Speakers of these read one of ours more easily than English. */
const NEIGHBOURS: Readonly<Record<string, string>> = {
  fy: 'nl',
  li: 'nl',
  af: 'nl',
  nds: 'de',
  gsw: 'de',
  lb: 'de',
  br: 'fr',
  co: 'fr',
  oc: 'fr',
  wa: 'fr',
};

/** The code of the language for a canonical BCP 47 tag; English where there is none nearer, or the tag is none. */
export function languageOf(tag: string | undefined): string {
  if (tag === undefined) return 'en';
  const { language } = new Intl.Locale(tag);
  const code = NEIGHBOURS[language] ?? language;
  return Object.hasOwn(LANGUAGES, code) ? code : 'en';
}
