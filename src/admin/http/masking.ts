/** What a viewer may not see in full: enough stays to recognize it by. */
import type { KeyRole } from '../keys/role.ts';

const mayRead = (role: KeyRole): boolean => role === 'billing' || role === 'admin';

/** `jan@example.nl` as `j…@example.nl`, `+31612345678` as `+316…78`. */
export function maskAddress(address: string, role: KeyRole): string {
  if (mayRead(role) || address === '') return address;
  const at = address.lastIndexOf('@');
  return at > 0 ? `${address.slice(0, 1)}…${address.slice(at)}` : maskNumber(address);
}

/** The numbers of a usage row; a feed wrote them itself and may read them back. */
export function maskNumbers(text: string, role: KeyRole): string {
  return mayRead(role) || role === 'feed' ? text : text.replace(/\+?\d{7,}/g, maskNumber);
}

function maskNumber(number: string): string {
  return number.length < 7 ? '…' : `${number.slice(0, 4)}…${number.slice(-2)}`;
}
