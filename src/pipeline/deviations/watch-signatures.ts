/** Takes movements into the signatures of their accounts, in their order; what rises to a level becomes a matter. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { notToLearn, type NotToLearn } from '../../cases/store.ts';
import { resetMaxima, type Thresholds } from '../../deviations/calibration.ts';
import { noteCorrected } from '../../deviations/corrected-accounts.ts';
import { deviationOf, isLate } from '../../deviations/deviation.ts';
import type { LogEntry } from '../../deviations/movement-log.ts';
import type { HeldAgainst } from '../../deviations/model.ts';
import type { DeviationPolicy } from '../../deviations/policy.ts';
import { actOn } from '../../deviations/act.ts';
import { HELD, levelFor, LEVELS, type Level } from '../../deviations/levels.ts';
import { isSameUsage, observe } from '../../deviations/observe.ts';
import { SCALE } from '../../deviations/scales.ts';
import { AT, Signature } from '../../deviations/signature.ts';
import { saveSignatures, signaturesOf, type Fitted } from '../../deviations/signature-store.ts';
import type { Instant } from '../../kernel/clock.ts';
import type { Movement, Version } from '../../ledger/version.ts';
import { deviationMatter, type Observed } from './deviation-matters.ts';
import type { Matter } from '../deciding/matter.ts';
import type { ObservationContext } from './observation-context.ts';
import { grouped } from '../grouped.ts';
import { isNotLearnt } from './not-learnt.ts';
import { whatStands, type Standing } from './what-stands.ts';

/** Until a signature is so old, how high it gets says nothing of harmless accounts: everything is new to it. */
export const NOTED_AFTER_MS = 20 * 86_400_000;

/** A signature to which nothing has happened, of an account whose first record starts at `first`. */
export function newSignature(first: Instant): Signature {
  const signature = new Signature();
  resetMaxima(signature, Math.floor((first + NOTED_AFTER_MS) / 1_000));
  return signature;
}

/** The order in which a batch's movements are taken in, live and in a rebuild: by their start, versions of a record as they came. */
export function inOrder<T extends Pick<Movement, 'to'>>(movements: readonly T[]): T[] {
  return movements.toSorted(
    ({ to: a }, { to: b }) =>
      a.startedAt - b.startedAt || (a.recordId < b.recordId ? -1 : a.recordId > b.recordId ? 1 : 0),
  );
}

/** An account of a turn, which what moved is taken into. */
interface Watched {
  readonly account: Account;
  readonly policy: DeviationPolicy;
  /** none until something has been taken in */
  signature: Signature | undefined;
  standing: Standing | undefined;
  /** cases of which usage is not learnt */
  readonly settled: readonly NotToLearn[] | undefined;
  isTouched: boolean;
  isCorrected: boolean;
}

/** The signatures of a turn's accounts, which what moved is taken into. */
export class WatchedSignatures {
  private constructor(
    private readonly watched: ReadonlyMap<string, Watched>,
    private readonly context: ObservationContext,
  ) {}

  static async of(
    client: ClientBase,
    accounts: ReadonlyMap<string, Account>,
    context: ObservationContext,
  ): Promise<WatchedSignatures> {
    const { policies, notLearnt } = context;
    const all = [...accounts.values()].filter((account) => policies.watches(account));
    const ids = all.map(({ accountId }) => accountId);
    const [signatures, settled] = await Promise.all([
      signaturesOf(client, ids),
      notToLearn(
        client,
        ids.filter((id) => notLearnt.has(id)),
      ),
    ]);
    const settledOf = grouped(settled, ({ accountId }) => accountId);
    const watched = new Map<string, Watched>();
    const decided = new Map<string, Watched>();
    for (const account of all) {
      const { accountId } = account;
      const signature = signatures.get(accountId);
      const each: Watched = {
        account,
        policy: policies.of(account),
        signature,
        standing: undefined,
        settled: settledOf.get(accountId),
        isTouched: false,
        isCorrected: false,
      };
      watched.set(accountId, each);
      // "Would have" is said once, whatever else can be done by now.
      if (each.policy.mode !== 'shadow' && (signature?.u[AT.level] ?? 0) > 0) decided.set(accountId, each);
    }
    for (const [id, standing] of await whatStands(client, decided)) decided.get(id)!.standing = standing;
    return new WatchedSignatures(watched, context);
  }

  /** Takes an entry's movements in; answers what follows. */
  take({ at, batch }: LogEntry, movements: readonly Movement[]): Matter[] {
    const matters: Matter[] = [];
    const against = this.context.fits.at(batch);
    for (const movement of inOrder(movements)) {
      const watched = this.watched.get(movement.to.accountId);
      if (!watched) continue;
      // A later version may differ only in what is none of the signature's.
      if (movement.from && isSameUsage(movement.from, movement.to)) continue;
      if (movement.from) watched.isCorrected = true;
      const unsettled = unsettledOf(movement, watched);
      if (!unsettled) continue;
      watched.isTouched = true;
      const observed = takeIn(watched, unsettled, at, against, this.context);
      if (observed) matters.push(deviationMatter(observed));
    }
    return matters;
  }

  async save(client: ClientBase, at: Instant): Promise<void> {
    const touched = new Map<string, Signature>();
    const corrected: string[] = [];
    for (const [id, { signature, isTouched, isCorrected }] of this.watched) {
      if (isTouched) touched.set(id, signature!);
      if (isCorrected) corrected.push(id);
    }
    await Promise.all([saveSignatures(client, touched), noteCorrected(client, corrected, at)]);
  }
}

/** Of a movement what is no usage of a case that was found to be fraud or wrongly rated: of such usage nothing is in the signature. */
function unsettledOf(movement: Movement, { settled, account }: Watched): Movement | undefined {
  if (!settled) return movement;
  const isSettled = (version: Version) => settled.some((each) => isNotLearnt(version, account, each));
  const { from, to } = movement;
  // The last record of a call that went on tells of it as well.
  if (isSettled(from?.state === 'interim' ? { ...to, state: 'interim' } : to)) return undefined;
  return from && isSettled(from) ? { from: undefined, to } : movement;
}

function takeIn(
  watched: Watched,
  movement: Movement,
  at: Instant,
  { fit: fitted, model }: HeldAgainst<Fitted>,
  { thresholdsFor }: ObservationContext,
): Observed | undefined {
  const { account, policy, standing } = watched;
  const { to: record } = movement;
  const signature = (watched.signature ??= newSignature(record.startedAt));
  const calibrated_s = fitted.calibratedAt === undefined ? 0 : Math.floor(fitted.calibratedAt / 1_000);
  if (signature.u[AT.maximaSince]! < calibrated_s) resetMaxima(signature, calibrated_s);
  // Where nobody has said anything yet, it first learns: of an unknown population nothing can be promised.
  const silent = isLate(record, at) || (policy.version === 0 && fitted.normsNo === '');
  const thresholds: Thresholds | undefined = silent ? undefined : thresholdsFor(policy.falseBudget);
  const reading = observe(signature, movement, account, model, thresholds);
  if (!thresholds) return undefined;
  const level = levelFor(reading.score, thresholds, SCALE[reading.scale]!.family);
  const isDue = reading.rose !== 'none' || (standing !== undefined && level > standing.level);
  const hold = standing?.level === HELD ? standing.hold : undefined;
  const read = (rose: Level) => deviationOf(signature, { ...reading, rose }, record, account, model, thresholds);
  const act = actOn(signature, { level, isDue, hold }, read, record, account.currency);
  if (!act) return undefined;
  // It stands for the rest of the turn.
  if (standing) Object.assign(standing, { level: LEVELS.indexOf(act.deviation.level), hold: undefined });
  return { ...act, record, account, policy, normsNo: fitted.normsNo, at };
}
