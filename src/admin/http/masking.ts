/** What a viewer may not see in full. */
import { maskAddress, maskAnswer } from '../../kernel/masking.ts';
import type { KeyRole } from '../keys/role.ts';

const mayRead = (role: KeyRole): boolean => role === 'billing' || role === 'admin';

export function addressFor(address: string, role: KeyRole): string {
  return mayRead(role) || address === '' ? address : maskAddress(address);
}

/** What a gateway said of a message to this address. */
export function answerFor(answer: string, address: string, role: KeyRole): string {
  return mayRead(role) ? answer : maskAnswer(answer, address);
}

/** Words about an account: numbers are told by their `+`, for the account's own may be as long. */
export function wordsFor(words: string, role: KeyRole): string {
  return mayRead(role) ? words : words.replace(/\+\d{7,15}/g, maskAddress);
}

/** The numbers of a usage row; a feed wrote them itself and may read them back. */
export function maskNumbers(text: string, role: KeyRole): string {
  return mayRead(role) || role === 'feed' ? text : text.replace(/\+?\d{7,}/g, maskAddress);
}
