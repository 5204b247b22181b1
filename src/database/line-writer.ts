/**
 * Lines of PostgreSQL's COPY text format, written as the bytes that they are: fields with a tab between them, a backslash
 * before what would end one. A string a field would be garbage, a kilobyte a line; here a line makes none.
 */
const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const BACKSLASH = 92;
const ZERO = 48;
const MINUS = 45;
const DIGITS_MAX = 20;
const NOTHING = Buffer.alloc(0);
const digits = new Uint8Array(DIGITS_MAX);

export class LineWriter {
  /** Made when something is written: what was taken last needs no successor. */
  #bytes: Buffer = NOTHING;
  #at = 0;
  readonly #bytesExpected: number;

  constructor(bytesExpected = 1024) {
    this.#bytesExpected = bytesExpected;
  }

  /** How many bytes have been written since they were last taken. */
  get length(): number {
    return this.#at;
  }

  /** What has been written; what comes next does not touch it. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#bytes = NOTHING;
    this.#at = 0;
    return taken;
  }

  /** A text; undefined is NULL. */
  text(value: string | undefined): void {
    if (value === undefined) {
      this.#null();
      return;
    }
    // Three bytes a UTF-16 unit at most, two where it is escaped.
    this.#makeRoom(value.length * 3 + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        at = this.#at + bytes.write(escaped(value), this.#at);
        break;
      }
      const letter = unit === BACKSLASH || unit <= RETURN ? letterOf(unit) : 0;
      if (letter !== 0) bytes[at++] = BACKSLASH;
      bytes[at++] = letter === 0 ? unit : letter;
    }
    bytes[at++] = TAB;
    this.#at = at;
  }

  /** A whole number; undefined is NULL. */
  integer(value: number | bigint | undefined): void {
    if (value === undefined) {
      this.#null();
      return;
    }
    if (typeof value === 'bigint') {
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
        this.text(value.toString());
        return;
      }
      value = Number(value);
    }
    this.#makeRoom(DIGITS_MAX + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    if (value < 0) bytes[at++] = MINUS;
    let rest = Math.abs(value);
    let count = 0;
    do {
      const tens = Math.floor(rest / 10);
      digits[count++] = ZERO + (rest - tens * 10);
      rest = tens;
    } while (rest > 0);
    while (count > 0) bytes[at++] = digits[--count]!;
    bytes[at++] = TAB;
    this.#at = at;
  }

  /** An instant: the date of its UTC day (`2010-03-14`), and the milliseconds since that began. */
  instant(date: string, milliseconds: number): void {
    this.text(date);
    this.#makeRoom(16);
    const bytes = this.#bytes;
    const seconds = Math.floor(milliseconds / 1000);
    // Where the date's tab stands.
    let at = this.#at - 1;
    at = twoDigits(bytes, at, ' ', Math.floor(seconds / 3600));
    at = twoDigits(bytes, at, ':', Math.floor(seconds / 60) % 60);
    at = twoDigits(bytes, at, ':', seconds % 60);
    const fraction = milliseconds % 1000;
    if (fraction !== 0) {
      at = twoDigits(bytes, at, '.', Math.floor(fraction / 10));
      bytes[at++] = ZERO + (fraction % 10);
    }
    bytes[at++] = UTC;
    bytes[at++] = TAB;
    this.#at = at;
  }

  /** A character before a field, of ASCII. */
  mark(character: string): void {
    this.#makeRoom(1);
    this.#bytes[this.#at++] = character.charCodeAt(0);
  }

  /** Ends a line, in place of the tab after its last field. */
  endLine(): void {
    this.#bytes[this.#at - 1] = NEWLINE;
  }

  #null(): void {
    this.#makeRoom(3);
    this.#bytes[this.#at++] = BACKSLASH;
    this.#bytes[this.#at++] = N;
    this.#bytes[this.#at++] = TAB;
  }

  #makeRoom(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const wanted = Math.max(this.#bytesExpected, this.#bytes.length * 2, this.#at + bytes);
    const larger = Buffer.allocUnsafeSlow(wanted);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

const UTC = 'Z'.charCodeAt(0);
const N = 'N'.charCodeAt(0);

function twoDigits(bytes: Buffer, at: number, before: string, value: number): number {
  const tens = Math.floor(value / 10);
  bytes[at] = before.charCodeAt(0);
  bytes[at + 1] = ZERO + tens;
  bytes[at + 2] = ZERO + value - tens * 10;
  return at + 3;
}

/** The letter that stands for a unit after a backslash; 0 where it stands for itself. */
function letterOf(unit: number): number {
  if (unit === BACKSLASH) return BACKSLASH;
  if (unit === NEWLINE) return 110;
  if (unit === RETURN) return 114;
  return unit === TAB ? 116 : 0;
}

const SPECIAL = /[\\\n\r\t]/g;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(value: string): string {
  return value.replace(SPECIAL, (character) => ESCAPES[character]!);
}
