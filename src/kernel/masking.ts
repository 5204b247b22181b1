/** What stands for an address where it may not be read in full: enough to recognize it by. */

/** `a***@example.net`, `+316***21`. */
export function maskAddress(address: string): string {
  const at = address.lastIndexOf('@');
  if (at > 0) return `${address.slice(0, 1)}***${address.slice(at)}`;
  const [head, tail] = address.length >= 12 ? [4, 2] : [3, 2];
  return address.length > head + tail ? `${address.slice(0, head)}***${address.slice(-tail)}` : '***';
}

/** Whether an e-mail address is what stands for one. */
export const isMaskedEmail = (text: string): boolean => /^.\*{3}@/.test(text);

/** The digits by which a number is known however it is written: nationally, with `00`, with or without `+`. */
const KNOWN_BY = 7;
/** An e-mail address up to its `@`; a masked one is none. */
const MAILBOX = /([^\s<>@*,;:"'()[\]])[^\s<>@*,;:"'()[\]]*@/g;

/** A number that can be none of a gateway's own names for a message. */
const E164 = /\+\d{8,15}/g;

/** What a gateway said, its reader's address masked in whatever form, and every other address and number: mail is passed on. */
export function maskAnswer(answer: string, address: string): string {
  const number = /^\+?\d+$/.test(address) && address.length > KNOWN_BY;
  const own = number ? new RegExp(`\\+?\\d*${address.slice(-KNOWN_BY)}(?!\\d)`, 'g') : address;
  const masked = address === '' ? answer : answer.replaceAll(own, maskAddress);
  return masked.replaceAll(MAILBOX, '$1***@').replaceAll(E164, maskAddress);
}
