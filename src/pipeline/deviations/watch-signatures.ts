/** Takes movements into the signatures of their accounts, in their order; what rises to a level becomes a matter. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { notToLearn, type NotToLearn } from '../../cases/store.ts';
import { resetMaxima, type Thresholds } from '../../deviations/calibration.ts';
import { noteCorrected } from '../../deviations/corrected-accounts.ts';
import { deviationOf, isLate } from '../../deviations/deviation.ts';
import type { LogEntry } from '../../deviations/movement-log.ts';
import { ignoresHold } from '../../deviations/ignored-hold.ts';
import type { HeldAgainst } from '../../deviations/model.ts';
import { isSameUsage, levelFor, LEVELS, observe } from '../../deviations/observe.ts';
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

const HELD = LEVELS.indexOf('hold');
const SUSPENDED = LEVELS.indexOf('suspend');

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

/** The signatures of a turn's accounts, which what moved is taken into. */
export class WatchedSignatures {
  readonly #touched = new Map<string, Signature>();
  readonly #corrected = new Set<string>();

  private constructor(
    private readonly accounts: ReadonlyMap<string, Account>,
    private readonly context: ObservationContext,
    private readonly signatures: Map<string, Signature>,
    private readonly standing: ReadonlyMap<string, Standing>,
    private readonly settled: ReadonlyMap<string, NotToLearn[]>,
  ) {}

  static async of(
    client: ClientBase,
    accounts: ReadonlyMap<string, Account>,
    context: ObservationContext,
  ): Promise<WatchedSignatures> {
    const watched = [...accounts.values()].filter((account) => context.policies.watches(account));
    const signatures = await signaturesOf(
      client,
      watched.map(({ accountId }) => accountId),
    );
    const decided = watched
      .filter(({ accountId }) => (signatures.get(accountId)?.u[AT.level] ?? 0) > 0)
      .map((account) => ({ account, mode: context.policies.of(account).mode }))
      // "Would have" is said once, whatever else can be done by now.
      .filter(({ mode }) => mode !== 'shadow');
    const standing = await whatStands(client, new Map(decided.map((each) => [each.account.accountId, each])));
    const settled = await notToLearn(
      client,
      watched.map(({ accountId }) => accountId).filter((id) => context.notLearnt.has(id)),
    );
    const byAccount = grouped(settled, ({ accountId }) => accountId);
    return new WatchedSignatures(accounts, context, signatures, standing, byAccount);
  }

  /** Takes an entry's movements in; answers what follows. */
  take({ at, batch }: LogEntry, movements: readonly Movement[]): Matter[] {
    const matters: Matter[] = [];
    const against = this.context.fits.at(batch);
    for (const movement of inOrder(movements)) {
      const account = this.accounts.get(movement.to.accountId);
      if (!account || !this.context.policies.watches(account)) continue;
      // A later version may differ only in what is none of the signature's.
      if (movement.from && isSameUsage(movement.from, movement.to)) continue;
      if (movement.from) this.#corrected.add(account.accountId);
      const unsettled = this.#unsettled(movement, account);
      if (!unsettled) continue;
      const observed = takeIn(
        this.#signatureOf(account, movement),
        this.standing.get(account.accountId),
        unsettled,
        account,
        at,
        against,
        this.context,
      );
      if (observed) matters.push(deviationMatter(observed));
    }
    return matters;
  }

  async save(client: ClientBase, at: Instant): Promise<void> {
    await Promise.all([saveSignatures(client, this.#touched), noteCorrected(client, this.#corrected, at)]);
  }

  /** Of a movement what is no usage of a case that was found to be fraud or wrongly rated: of such usage nothing is in the signature. */
  #unsettled(movement: Movement, account: Account): Movement | undefined {
    const cases = this.settled.get(account.accountId);
    if (!cases) return movement;
    const isSettled = (version: Version) => cases.some((each) => isNotLearnt(version, account, each));
    const { from, to } = movement;
    // The last record of a call that went on tells of it as well.
    if (isSettled(from?.state === 'interim' ? { ...to, state: 'interim' } : to)) return undefined;
    return from && isSettled(from) ? { from: undefined, to } : movement;
  }

  #signatureOf({ accountId }: Account, { to }: Movement): Signature {
    const known = this.#touched.get(accountId);
    if (known) return known;
    const signature = this.signatures.get(accountId) ?? newSignature(to.startedAt);
    this.#touched.set(accountId, signature);
    return signature;
  }
}

function takeIn(
  signature: Signature,
  standing: Standing | undefined,
  movement: Movement,
  account: Account,
  at: Instant,
  { fit: fitted, model }: HeldAgainst<Fitted>,
  { policies, thresholdsFor }: ObservationContext,
): Observed | undefined {
  const calibrated_s = fitted.calibratedAt === undefined ? 0 : Math.floor(fitted.calibratedAt / 1_000);
  if (signature.u[AT.maximaSince]! < calibrated_s) resetMaxima(signature, calibrated_s);
  const policy = policies.of(account);
  const { to: record } = movement;
  // Where nobody has said anything yet, it first learns: of an unknown population nothing can be promised.
  const silent = isLate(record, at) || (policy.version === 0 && fitted.normsNo === '');
  const thresholds: Thresholds | undefined = silent ? undefined : thresholdsFor(policy.falseBudget);
  const reading = observe(signature, movement, account, model, thresholds);
  if (!thresholds) return undefined;
  const level = levelFor(reading.score, thresholds, SCALE[reading.scale]!.family);
  const isDue = reading.rose !== 'none' || (standing !== undefined && level > standing.level);
  const hold = standing?.level === HELD ? standing.hold : undefined;
  if (!isDue && !hold) return undefined;
  const rose = LEVELS[isDue ? level : SUSPENDED]!;
  const observed: Observed = {
    deviation: deviationOf(signature, { ...reading, rose }, record, account, model, thresholds),
    record,
    account,
    policy,
    normsNo: fitted.normsNo,
    at,
  };
  if (!isDue && !ignoresHold(observed.deviation, hold!, record, account.currency)) return undefined;
  // It stands for the rest of the turn.
  if (standing) Object.assign(standing, { level: isDue ? level : SUSPENDED, hold: undefined });
  if (isDue) return observed;
  signature.u[AT.level] = SUSPENDED;
  return { ...observed, ignoredHold: hold };
}
