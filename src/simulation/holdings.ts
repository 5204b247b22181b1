/**
 * The version that holds of each record, in columns: a file of millions of records fits into memory, and any of them may still be
 * superseded at its last line. What comes out equals what was put in, but for the import that brought it.
 */
import type { Destination } from '../destinations/classify.ts';
import { KINDS, STATES } from '../feeds/usage-record.ts';
import type { Version } from '../ledger/version.ts';

const ROWS_AT_FIRST = 1 << 16;
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
/** start, when it became available, duration, revision */
const REALS = 4;
/** amount, cost, units */
const WHOLES = 3;

export class Holdings {
  readonly #rows = new Map<string, number>();
  readonly #texts = new Interned<string>();
  readonly #destinations = new Interned<Destination>();
  #words = new Uint32Array(ROWS_AT_FIRST * WORDS);
  #reals = new Float64Array(ROWS_AT_FIRST * REALS);
  #wholes = new BigInt64Array(ROWS_AT_FIRST * WHOLES);

  get(recordId: string): Version | undefined {
    const row = this.#rows.get(recordId);
    if (row === undefined) return undefined;
    const words = row * WORDS;
    const text = (column: number): string => this.#texts.values[this.#words[words + column]!]!;
    const reals = row * REALS;
    const wholes = row * WHOLES;
    const said = (column: number): bigint | undefined => {
      const value = this.#wholes[wholes + column]!;
      return value === NONE ? undefined : value;
    };
    const kindState = this.#words[words + KIND_STATE]!;
    return {
      recordId,
      accountId: text(TEXTS.account),
      serviceId: text(TEXTS.service),
      aNumber: text(TEXTS.aNumber),
      origin: text(TEXTS.origin),
      originCountry: text(TEXTS.originCountry),
      tariff: text(TEXTS.tariff),
      destination: this.#destinations.values[this.#words[words + DESTINATION]!]!,
      durationSeconds: this.#reals[reals + 2]!,
      revision: this.#reals[reals + 3]!,
      kind: KINDS[kindState & 15]!,
      state: STATES[kindState >>> 4]!,
      startedAt: this.#reals[reals]!,
      receivedAt: this.#reals[reals + 1]!,
      amount: this.#wholes[wholes]!,
      cost: said(1),
      units: said(2),
    };
  }

  set(version: Version): void {
    let row = this.#rows.get(version.recordId);
    if (row === undefined) {
      row = this.#rows.size;
      this.#rows.set(ownText(version.recordId), row);
      if (row * WORDS === this.#words.length) this.#grow();
    }
    const words = row * WORDS;
    this.#words[words + TEXTS.account] = this.#place(version.accountId);
    this.#words[words + TEXTS.service] = this.#place(version.serviceId);
    this.#words[words + TEXTS.aNumber] = this.#place(version.aNumber);
    this.#words[words + TEXTS.origin] = this.#place(version.origin);
    this.#words[words + TEXTS.originCountry] = this.#place(version.originCountry);
    this.#words[words + TEXTS.tariff] = this.#place(version.tariff);
    const { destination } = version;
    const number = `${destination.number} ${destination.country} ${destination.type} ${destination.traffic}`;
    this.#words[words + DESTINATION] =
      this.#destinations.placeOf(number) ??
      this.#destinations.add(number, { ...destination, number: ownText(destination.number) });
    this.#words[words + KIND_STATE] = KINDS.indexOf(version.kind) | (STATES.indexOf(version.state) << 4);
    this.#reals.set([version.startedAt, version.receivedAt, version.durationSeconds, version.revision], row * REALS);
    this.#wholes.set([version.amount, version.cost ?? NONE, version.units ?? NONE], row * WHOLES);
  }

  #place(text: string): number {
    return this.#texts.placeOf(text) ?? this.#texts.add(ownText(text), ownText(text));
  }

  #grow(): void {
    const [words, reals, wholes] = [this.#words, this.#reals, this.#wholes];
    this.#words = new Uint32Array(words.length * 2);
    this.#reals = new Float64Array(reals.length * 2);
    this.#wholes = new BigInt64Array(wholes.length * 2);
    this.#words.set(words);
    this.#reals.set(reals);
    this.#wholes.set(wholes);
  }
}
