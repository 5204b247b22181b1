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

/** Each once: what is hot changes oftener than norms. */
const COMPILED = new WeakMap<SegmentNorms, SegmentModel>();

function compiled(norms: SegmentNorms): SegmentModel {
  let model = COMPILED.get(norms);
  if (!model) COMPILED.set(norms, (model = compile(norms)));
  return model;
}

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
  readonly #hot: HotList;
  readonly #batch: number;

  /** For usage of `batch`. */
  constructor(norms: Norms, calibration: Calibration, hot: HotList = new HotList([]), batch = 0) {
    this.calibration = calibration;
    this.#everyone = compiled(norms.everyone);
    this.#segments = new Map(Object.entries(norms.segments).map(([name, segment]) => [name, compiled(segment)]));
    this.#hot = hot;
    this.#batch = batch;
  }

  /** Whether a number was in a block that was confirmed to be fraud's. */
  isHot(number: string): boolean {
    return this.#hot.has(number, this.#batch);
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

/** What holds of what was fitted and of what is hot, by the number of a batch. */
export class Fits<Fit extends { fromBatch: number; norms: Norms; calibration: Calibration }> {
  readonly #fits: readonly Fit[];
  readonly #hot: HotList;
  /** where something else begins to hold, the latest first */
  readonly #changes: readonly number[];
  readonly #held = new Map<number, HeldAgainst<Fit>>();

  /** The latest first, and at least one: it holds for all batches before the second as well. */
  constructor(fits: readonly Fit[], hot: HotList = new HotList([])) {
    this.#fits = fits;
    this.#hot = hot;
    const changes = new Set([...fits.map(({ fromBatch }) => fromBatch), ...hot.changes]);
    this.#changes = [...changes].toSorted((a, b) => b - a);
  }

  /** Of a batch by its number; undefined: of one to come. */
  at(batch = Infinity): HeldAgainst<Fit> {
    const since = this.#changes.find((change) => change <= batch) ?? 0;
    let held = this.#held.get(since);
    if (!held) {
      const fit = this.#fits.find(({ fromBatch }) => fromBatch <= since) ?? this.#fits.at(-1)!;
      this.#held.set(since, (held = { fit, model: new Model(fit.norms, fit.calibration, this.#hot, since) }));
    }
    return held;
  }
}

/** A number block that was confirmed to be fraud's at any account: an E.164 prefix with `+`. */
export interface HotRange {
  range: string;
  /** it was hot for batches with this number and higher ones, */
  fromBatch: number;
  /** and below this one; infinite: it still is */
  beforeBatch: number;
}

export class HotList {
  readonly #lengths: readonly number[];
  readonly #ranges = new Map<string, HotRange[]>();
  /** the batches from which on it is another one */
  readonly changes: readonly number[];

  constructor(ranges: readonly HotRange[]) {
    for (const each of ranges) this.#ranges.set(each.range, [...(this.#ranges.get(each.range) ?? []), each]);
    this.#lengths = [...new Set(ranges.map(({ range }) => range.length))].toSorted((a, b) => a - b);
    this.changes = ranges.flatMap(({ fromBatch, beforeBatch }) => [fromBatch, beforeBatch]).filter(Number.isFinite);
  }

  has(number: string, batch: number): boolean {
    return this.#lengths.some((length) =>
      this.#ranges
        .get(number.slice(0, length))
        ?.some(({ fromBatch, beforeBatch }) => fromBatch <= batch && batch < beforeBatch),
    );
  }
}
