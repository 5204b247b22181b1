/**
 * How long a text is as an SMS (3GPP TS 23.038 §6.2.1, TS 23.040 §9.2.3.24.1). A message carries 140 octets: 160
 * characters of the GSM 7-bit default alphabet, or 70 UTF-16 units as soon as one character lies outside it. Each part
 * of a longer text gives six octets to the header that joins them, which leaves 153 or 67.
 */
const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
/** Each of these counts twice, for an escape goes before it. */
const EXTENSION = new Set('\f^{}\\[~]|€');

const COUNTERPARTS = new Map([
  ['‘', "'"],
  ['’', "'"],
  ['“', '"'],
  ['”', '"'],
  ['–', '-'],
  ['—', '-'],
  ['…', '...'],
  ['„', '"'],
  ['«', '"'],
  ['»', '"'],
  ['•', '-'],
  ['·', '.'],
  ['×', 'x'],
  // Letters of Latin alphabets that no accent can be taken from.
  ['œ', 'oe'],
  ['Œ', 'OE'],
  ['ł', 'l'],
  ['Ł', 'L'],
  ['đ', 'd'],
  ['Đ', 'D'],
  ['ı', 'i'],
  ['þ', 'th'],
  ['ð', 'd'],
]);

/** Whether every character is in the GSM 7-bit default alphabet or its extension table. */
export function isGsm7(text: string): boolean {
  return [...text].every((character) => BASIC.has(character) || EXTENSION.has(character));
}

/**
 * The text in the GSM 7-bit alphabet: `Somalië` becomes `Somalie`, curly quotes straight, a non-breaking space plain.
 * A character that has no counterpart is left out.
 */
export function toGsm7(text: string): string {
  return Array.from(text.normalize('NFC'), (character) => {
    if (isGsm7(character)) return character;
    return COUNTERPARTS.get(character) ?? [...character.normalize('NFKD')].filter(isGsm7).join('');
  }).join('');
}

/** Cuts a text into the parts in which it travels, never through an escaped character or a surrogate pair. */
export function splitSms(text: string): string[] {
  const gsm7 = isGsm7(text);
  const sizeOf = (character: string) => (gsm7 ? (EXTENSION.has(character) ? 2 : 1) : character.length);
  const characters = [...text];
  const size = characters.reduce((sum, character) => sum + sizeOf(character), 0);
  if (size <= (gsm7 ? 160 : 70)) return [text];
  const room = gsm7 ? 153 : 67;
  const parts: string[] = [];
  let part = '';
  let filled = 0;
  for (const character of characters) {
    if (filled + sizeOf(character) > room) {
      parts.push(part);
      part = '';
      filled = 0;
    }
    part += character;
    filled += sizeOf(character);
  }
  return [...parts, part];
}

/** How many messages the text is charged as. */
export function smsParts(text: string): number {
  return splitSms(text).length;
}
