/** Contrast after WCAG 2.2 (relative luminance, success criterion 1.4.3). Pure. */

/** Contrast between two colours such as `#005a9c`: from 1 to 21; text wants 4.5 at least. */
export function contrast(a: string, b: string): number {
  const [lighter, darker] = [luminance(a), luminance(b)].toSorted((x, y) => y - x) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

/** Black or white, whichever is easier to read on a colour: 4.58 at least on any. */
export function inkOn(colour: string): '#000000' | '#ffffff' {
  return contrast(colour, '#ffffff') >= contrast(colour, '#000000') ? '#ffffff' : '#000000';
}

/** The colour itself where it can be read as text on white; else the text's own. */
export function readableOnWhite(colour: string, otherwise: string): string {
  return contrast(colour, '#ffffff') >= 4.5 ? colour : otherwise;
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
