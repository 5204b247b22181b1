/**
 * Movements as lines of text, as the log keeps them: one a version that comes in or goes out, its cells parted by tabs.
 * They are put together where an importer has the movements at hand, and read one entry after the other.
 */
import { LineWriter } from '../database/line-writer.ts';
import { KINDS, STATES } from '../feeds/usage-record.ts';
import { shardOf } from '../ledger/usage-store.ts';
import type { Movement, Version } from '../ledger/version.ts';
import { isSameUsage } from './observe.ts';

/** What moved: nothing comes in where a version was taken out of the ledger for good. */
export interface Moved {
  from: Version | undefined;
  to: Version | undefined;
}

/** The delivery that moved it; undefined where upkeep did. */
export interface MovementSource {
  feed: string;
  importId: string;
}

/** What one delivery moved, and the number that it has in its batch. */
export interface MovedBy {
  source: MovementSource | undefined;
  batch: number;
  moved: readonly Moved[];
}

/** What one delivery moved in one shard. */
export interface LogLines {
  source: MovementSource | undefined;
  batch: number;
  shard: number;
  movements: number;
  lines: LineWriter;
}

/** What there is to log of what deliveries moved in the accounts that are watched: nothing of what only confirms. */
export function linesOf(movedBy: readonly MovedBy[], isWatched: (accountId: string) => boolean): LogLines[] {
  return movedBy.flatMap(({ source, batch, moved }) => {
    const entries = new Map<number, LogLines>();
    const add = (version: Version, moves: '-' | '+') => {
      if (!isWatched(version.accountId)) return;
      const shard = shardOf(version.accountId);
      let entry = entries.get(shard);
      if (!entry) entries.set(shard, (entry = { source, batch, shard, movements: 0, lines: new LineWriter() }));
      entry.movements++;
      writeMovement(entry.lines, version, moves);
    };
    for (const { from, to } of moved) {
      if (from && to && confirms(from, to)) continue;
      if (from) add(from, '-');
      if (to) add(to, '+');
    }
    return [...entries.values()];
  });
}

/** Whether a later version changes nothing that is looked at, as most of a night's do. */
function confirms(from: Version, to: Version): boolean {
  return isSameUsage(from, to) && from.amount === to.amount;
}

function writeMovement(line: LineWriter, v: Version, moves: '-' | '+'): void {
  line.mark(moves);
  line.text(v.accountId);
  line.text(v.recordId);
  line.text(v.origin);
  line.text(v.serviceId);
  line.integer(v.startedAt);
  line.integer(v.durationSeconds);
  line.integer(KINDS.indexOf(v.kind));
  if (v.units === undefined) line.text('');
  else line.integer(v.units);
  line.text(v.aNumber);
  line.text(v.destination.number);
  line.text(v.destination.country);
  line.integer(v.destination.traffic);
  line.integer(v.amount);
  if (v.cost === undefined) line.text('');
  else line.integer(v.cost);
  line.integer(STATES.indexOf(v.state));
  line.integer(v.revision);
  line.text(v.originCountry);
  line.integer(v.receivedAt);
  line.endLine();
}

/** The movements that an entry tells, in its order. What was taken out for good, or went to another account, is worth nothing from then on. */
export function movementsOf(lines: string): Movement[] {
  const movements: Movement[] = [];
  const cells = new Cells(lines);
  let out: Version | undefined;
  while (cells.areLeft) {
    const comesIn = cells.mark() === PLUS;
    const version = readVersion(cells);
    if (out && !(comesIn && out.accountId === version.accountId && out.recordId === version.recordId)) {
      movements.push({ from: out, to: { ...out, amount: 0n, cost: undefined } });
      out = undefined;
    }
    if (comesIn) movements.push({ from: out, to: version });
    out = comesIn ? undefined : version;
  }
  if (out) movements.push({ from: out, to: { ...out, amount: 0n, cost: undefined } });
  return movements;
}

/** The accounts that an entry names, line by line. */
export function* accountsIn(lines: string): Generator<string> {
  for (let at = 0; at < lines.length;) {
    yield new Cells(lines, at + 1).text();
    const ends = lines.indexOf('\n', at);
    if (ends < 0) throw unreadable(lines, at);
    at = ends + 1;
  }
}

function readVersion(cells: Cells): Version {
  return {
    accountId: cells.text(),
    recordId: cells.text(),
    origin: cells.text(),
    serviceId: cells.text(),
    startedAt: cells.integer()!,
    durationSeconds: cells.integer()!,
    kind: KINDS[cells.integer()!]!,
    units: cells.bigint(),
    aNumber: cells.text(),
    // As from the ledger: the type of number is not asked for again.
    destination: { number: cells.text(), country: cells.text(), type: 'other', traffic: cells.integer()! },
    amount: cells.bigint()!,
    cost: cells.bigint(),
    state: STATES[cells.integer()!]!,
    revision: cells.integer()!,
    originCountry: cells.text(),
    tariff: '',
    receivedAt: cells.integer()!,
  };
}

const [TAB, NEWLINE, PLUS, MINUS, ZERO] = ['\t', '\n', '+', '-', '0'].map((sign) => sign.charCodeAt(0)) as Codes;
type Codes = [tab: number, newline: number, plus: number, minus: number, zero: number];
/** So many digits are a whole number exactly. */
const EXACT_DIGITS = 15;
const ESCAPED: Record<string, string> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r', '\\t': '\t' };

/** Reads cells one after the other, where they stand: to cut lines apart first would leave twice as much behind. */
class Cells {
  readonly #lines: string;
  #at: number;

  constructor(lines: string, at = 0) {
    this.#lines = lines;
    this.#at = at;
  }

  get areLeft(): boolean {
    return this.#at < this.#lines.length;
  }

  /** The sign that a line begins with. */
  mark(): number {
    return this.#lines.charCodeAt(this.#at++);
  }

  /** Undoes what {@link LineWriter.text} escapes. */
  text(): string {
    const begins = this.#at;
    const cell = this.#lines.slice(begins, this.#end());
    return cell.includes('\\') ? cell.replaceAll(/\\[\\nrt]/g, (escape) => ESCAPED[escape]!) : cell;
  }

  /** None where nothing stands. */
  integer(): number | undefined {
    const lines = this.#lines;
    const begins = this.#at;
    const isNegative = lines.charCodeAt(begins) === MINUS;
    let at = isNegative ? begins + 1 : begins;
    let value = 0;
    for (; ; at++) {
      const code = lines.charCodeAt(at);
      if (code === TAB || code === NEWLINE) break;
      const digit = code - ZERO;
      if (!(digit >= 0 && digit <= 9)) throw unreadable(lines, begins);
      value = 10 * value + digit;
    }
    this.#at = at + 1;
    if (at === begins) return undefined;
    return isNegative ? -value : value;
  }

  bigint(): bigint | undefined {
    const begins = this.#at;
    const value = this.integer();
    if (value === undefined) return undefined;
    const ends = this.#at - 1;
    return BigInt(ends - begins <= EXACT_DIGITS ? value : this.#lines.slice(begins, ends));
  }

  /** Where the cell ends; goes on behind it. */
  #end(): number {
    const lines = this.#lines;
    let at = this.#at;
    for (let code = lines.charCodeAt(at); code !== TAB && code !== NEWLINE; code = lines.charCodeAt(at)) {
      if (at >= lines.length) throw unreadable(lines, this.#at);
      at++;
    }
    this.#at = at + 1;
    return at;
  }
}

function unreadable(lines: string, at: number): Error {
  return new Error(`the log of movements can not be read from its character ${at} of ${lines.length} on`);
}
