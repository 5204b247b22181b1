/** What the engine holds usage against, beside the account's own signature: the same for all accounts, and changed on schedule. Pure. */
import type { Version } from '../ledger/version.ts';
import type { Norms, SegmentNorms } from './norms.ts';
import { TRAVEL_UNFITTED, worthKey, type TravelNorms } from './travel.ts';
import { FRESH_DAYS, scoreOf, type Calibration } from './calibration.ts';

/** A segment's norms, made ready for a look-up a record. Money is euros' worth. */
export interface SegmentModel {
  dayInternational: number;
  dayAll: number;
  dayCalls: number;
  /** share of usage in each part of the week */
  hourShares: readonly number[];
  /** log-weight of a destination by how many use it */
  rare(key: number): number;
  travel: TravelNorms;
  /** mean logarithm of what a record of a kind is worth that is used from somewhere (the key of use from there) */
  worthAway(away: number, kind: Version['kind']): number;
}

const WORTH_UNKNOWN = TRAVEL_UNFITTED.worth['0']!;
const RARE_SHARE = 0.02;
const RARE_FLOOR = 0.0005;
const RARE_POWER = 0.4;

function compile({ dayInternational, dayAll, dayCalls, hours, reach, travel }: SegmentNorms): SegmentModel {
  const rare = new Map(Object.entries(reach).map(([key, share]) => [Number(key), rareOf(share)]));
  const unheardOf = Object.keys(reach).length === 0 ? 0.4 : rareOf(0);
  return {
    dayInternational,
    dayAll,
    dayCalls,
    travel,
    hourShares: hours,
    rare: (key) => rare.get(key) ?? unheardOf,
    worthAway: (away, kind) =>
      travel.worth[worthKey(away, kind)] ?? travel.worth[worthKey(0, kind)] ?? travel.worth[0] ?? WORTH_UNKNOWN,
  };
}

function rareOf(share: number): number {
  return Math.min(1.1, Math.max(-1, RARE_POWER * Math.log(RARE_SHARE / (share + RARE_FLOOR))));
}

export class Model {
  readonly calibration: Calibration;
  readonly #everyone: SegmentModel;
  readonly #segments: ReadonlyMap<string, SegmentModel>;
  readonly hot: HotList;

  constructor(norms: Norms, calibration: Calibration, hot: HotList = new HotList([])) {
    this.calibration = calibration;
    this.#everyone = compile(norms.everyone);
    this.#segments = new Map(Object.entries(norms.segments).map(([name, segment]) => [name, compile(segment)]));
    this.hot = hot;
  }

  /** Whether scores are held against what this provider's own accounts have shown. */
  get isCalibrated(): boolean {
    return this.calibration.settled.everyone.accountMonths > 0;
  }

  segment(name: string): SegmentModel {
    return this.#segments.get(name) ?? this.#everyone;
  }

  /** `days` of learning behind the account. */
  score(segment: string, days: number, statistics: ArrayLike<number>): { score: number; scale: number } {
    const cohort = days < FRESH_DAYS ? this.calibration.fresh : this.calibration.settled;
    return scoreOf(cohort.segments[segment] ?? cohort.everyone, statistics);
  }
}

/** What a batch is held against, and as the engine takes it. */
export interface HeldAgainst<Fit> {
  fit: Fit;
  model: Model;
}

/** What holds of what was fitted, by the number of a batch. */
export class Fits<Fit extends { fromBatch: number; norms: Norms; calibration: Calibration }> {
  readonly #fits: readonly Fit[];
  readonly #hot: HotList;
  readonly #held = new Map<Fit, HeldAgainst<Fit>>();

  /** The latest first, and at least one: it holds for all batches before the second as well. */
  constructor(fits: readonly Fit[], hot: HotList = new HotList([])) {
    this.#fits = fits;
    this.#hot = hot;
  }

  /** Of a batch by its number; undefined: of one to come. */
  at(batch?: number): HeldAgainst<Fit> {
    const fit =
      (batch === undefined ? this.#fits[0] : this.#fits.find(({ fromBatch }) => fromBatch <= batch)) ??
      this.#fits.at(-1)!;
    let held = this.#held.get(fit);
    if (!held) this.#held.set(fit, (held = { fit, model: new Model(fit.norms, fit.calibration, this.#hot) }));
    return held;
  }
}

/** Number blocks that were confirmed to be fraud's at any account: E.164 prefixes with `+`. */
export class HotList {
  readonly #lengths: readonly number[];
  readonly #prefixes: ReadonlySet<string>;

  constructor(prefixes: Iterable<string>) {
    this.#prefixes = new Set(prefixes);
    this.#lengths = [...new Set([...this.#prefixes].map(({ length }) => length))].toSorted((a, b) => a - b);
  }

  has(number: string): boolean {
    return this.#lengths.some((length) => this.#prefixes.has(number.slice(0, length)));
  }
}
