/**
 * The version that holds of each record, in columns: a file of millions of records fits into memory, and any of them may still be
 * superseded at its last line. What comes out equals what was put in, but for the import that brought it.
 */
import type { Destination } from '../destinations/classify.ts';
import { KINDS, STATES } from '../feeds/usage-record.ts';
import type { Version } from '../ledger/version.ts';
import { LargeMap } from './large-map.ts';

/** Rows of a piece: what is added needs no copy of what is there. */
const PIECE_BITS = 16;
const PIECE_ROWS = 1 << PIECE_BITS;
/** Money and units that are not said. */
const NONE = -(2n ** 63n);

/** Equal values are kept once, and known by their place. */
class Interned<T> {
  readonly values: T[] = [];
  readonly #places = new Map<string, number>();

  placeOf(key: string): number | undefined {
    return this.#places.get(key);
  }

  add(key: string, value: T): number {
    const place = this.values.push(value) - 1;
    this.#places.set(key, place);
    return place;
  }
}

/** A part of a string keeps the whole of it alive; V8 makes such parts from 13 characters on. */
export function ownText(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf8').toString('utf8');
}

/** Columns of a row of whole numbers. */
const TEXTS = { account: 0, service: 1, aNumber: 2, origin: 3, originCountry: 4, tariff: 5 } as const;
const DESTINATION = 6;
const KIND_STATE = 7;
const WORDS = 8;
/** start, when it became available, duration, revision, the number called */
const REALS = 5;
const NUMBER = 4;
/** E.164 in full: these fit into a real, and most are called only once or twice. */
const E164 = /^\+[1-9]\d{0,14}$/;
/** The number stands with the destination itself. */
const ELSEWHERE = 0;
/** amount, cost, units */
const WHOLES = 3;

interface Piece {
  words: Uint32Array;
  reals: Float64Array;
  wholes: BigInt64Array;
}

function newPiece(): Piece {
  return {
    words: new Uint32Array(PIECE_ROWS * WORDS),
    reals: new Float64Array(PIECE_ROWS * REALS),
    wholes: new BigInt64Array(PIECE_ROWS * WHOLES),
  };
}

export class Holdings {
  readonly #rows = new LargeMap<number>();
  readonly #texts = new Interned<string>();
  readonly #destinations = new Interned<Destination>();
  readonly #pieces: Piece[] = [];

  get(recordId: string): Version | undefined {
    const row = this.#rows.get(recordId);
    if (row === undefined) return undefined;
    const { words, reals, wholes } = this.#pieces[row >>> PIECE_BITS]!;
    const within = row % PIECE_ROWS;
    const word = (column: number): number => words[within * WORDS + column]!;
    const real = (column: number): number => reals[within * REALS + column]!;
    const text = (column: number): string => this.#texts.values[word(column)]!;
    const said = (column: number): bigint | undefined => {
      const value = wholes[within * WHOLES + column]!;
      return value === NONE ? undefined : value;
    };
    const kindState = word(KIND_STATE);
    const destination = this.#destinations.values[word(DESTINATION)]!;
    return {
      recordId,
      accountId: text(TEXTS.account),
      serviceId: text(TEXTS.service),
      aNumber: text(TEXTS.aNumber),
      origin: text(TEXTS.origin),
      originCountry: text(TEXTS.originCountry),
      tariff: text(TEXTS.tariff),
      destination: real(NUMBER) === ELSEWHERE ? destination : { ...destination, number: `+${real(NUMBER)}` },
      durationSeconds: real(2),
      revision: real(3),
      kind: KINDS[kindState & 15]!,
      state: STATES[kindState >>> 4]!,
      startedAt: real(0),
      receivedAt: real(1),
      amount: wholes[within * WHOLES]!,
      cost: said(1),
      units: said(2),
    };
  }

  set(version: Version): void {
    let row = this.#rows.get(version.recordId);
    if (row === undefined) {
      row = this.#rows.size;
      this.#rows.set(ownText(version.recordId), row);
      if (row % PIECE_ROWS === 0) this.#pieces.push(newPiece());
    }
    const { words, reals, wholes } = this.#pieces[row >>> PIECE_BITS]!;
    const within = row % PIECE_ROWS;
    const { destination } = version;
    const isPlain = E164.test(destination.number);
    words.set(
      [
        this.#place(version.accountId),
        this.#place(version.serviceId),
        this.#place(version.aNumber),
        this.#place(version.origin),
        this.#place(version.originCountry),
        this.#place(version.tariff),
        this.#placeOf(isPlain ? { ...destination, number: '' } : destination),
        KINDS.indexOf(version.kind) | (STATES.indexOf(version.state) << 4),
      ],
      within * WORDS,
    );
    const number = isPlain ? Number(destination.number) : ELSEWHERE;
    reals.set(
      [version.startedAt, version.receivedAt, version.durationSeconds, version.revision, number],
      within * REALS,
    );
    wholes.set([version.amount, version.cost ?? NONE, version.units ?? NONE], within * WHOLES);
  }

  #placeOf(destination: Destination): number {
    const key = `${destination.number} ${destination.country} ${destination.type} ${destination.traffic}`;
    return (
      this.#destinations.placeOf(key) ??
      this.#destinations.add(key, { ...destination, number: ownText(destination.number) })
    );
  }

  #place(text: string): number {
    return this.#texts.placeOf(text) ?? this.#texts.add(ownText(text), ownText(text));
  }
}
