/**
 * Learns on schedule what is usual among accounts: what a segment's accounts do (from a sample of the ledger), and how high harmless accounts get (from what signatures noted). What is fitted holds from the next turn on.
 */
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { unjudgedSince } from '../../cases/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import {
  calibrate,
  FRESH_DAYS,
  harmless,
  maximaOf,
  NOTHING_NOTED,
  type Calibration,
  type Cohort,
  type Watched,
} from '../../deviations/calibration.ts';
import { takeAllTurns } from '../../deviations/movement-log.ts';
import { NormsCollector, type Norms } from '../../deviations/norms.ts';
import { falseBudgetMost } from '../../deviations/policy-store.ts';
import { AT } from '../../deviations/signature.ts';
import { allSignatures, keepFit, latestFit, type Fitted } from '../../deviations/signature-store.ts';
import { Clock, toDate, type Instant } from '../../kernel/clock.ts';
import { dateOfDay, dayOf, USAGE_ROW, versionsInTurn } from '../../ledger/usage-store.ts';
import { enqueue } from '../../queues/outbox.ts';
import { NOTED_AFTER_MS } from './watch-signatures.ts';

const DAY_MS = 86_400_000;
const MONTH_MS = 30.4375 * DAY_MS;
const NORMS_EVERY_MS = 7 * DAY_MS;
const CALIBRATED_EVERY_MS = 28 * DAY_MS;
/** A shorter time says little of what happens once in years. */
const NOTED_MS_MIN = 10 * DAY_MS;
/** Longer than evidence takes to fade. */
const FADED_MS = 14 * DAY_MS;
/** Usage of so many days tells what is usual. */
const NORMS_DAYS = 60;
/** Less than two weeks of it don't. */
const NORMS_MS_MIN = 14 * DAY_MS;
/** So many accounts are sample enough for any number of them. */
const SAMPLE_ACCOUNTS = 10_000;
const CHUNK_ACCOUNTS = 200;

/** One fits at a time, wherever. */
const FIT_LOCK = 7_006;

@Injectable()
export class FitNorms {
  readonly #log = new Logger('deviations');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Brings what is usual up to date. Safe to repeat, and to run anywhere at the same time: one fits, the others pass. */
  async run(): Promise<void> {
    const said = await inTransaction(this.dataSource, async ({ client }) => {
      const { rows } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
        FIT_LOCK,
      ]);
      if (!rows[0]!.ours) return [];
      return this.#learn(client, this.clock.now());
    });
    for (const each of said) this.#log.log(each);
  }

  async #learn(client: ClientBase, now: Instant): Promise<string[]> {
    const began = await ledgerBegan(client);
    // Nothing can be fitted to less, and there may be a million accounts to find that out from.
    if (began === undefined || now - began < NORMS_MS_MIN) return [];
    const before = await latestFit(client);
    const normsDue = before.fittedAt === undefined || now - before.fittedAt >= NORMS_EVERY_MS;
    const fittedNorms = normsDue ? await fitNorms(client, before, now) : undefined;
    const calibration = await fitCalibration(client, before, began, now);
    if (!fittedNorms && !calibration) return [];
    const accounts = fittedNorms?.accounts ?? 0;
    const fit = {
      norms: fittedNorms?.norms ?? before.norms,
      calibration: calibration?.calibration ?? before.calibration,
      calibratedAt: calibration?.at ?? before.calibratedAt,
    };
    const isFirst = before.normsNo === '';
    await takeAllTurns(client);
    await keepFit(client, fit, { accounts, isFirst }, now);
    // Until then every signature was made by what is built in.
    if (isFirst) await enqueue(client, [{ job: 'rebuild-signatures', payload: {} }]);
    return [
      ...(fittedNorms ? [`fitted what is usual from ${accounts} accounts`] : []),
      ...(calibration
        ? [`calibrated on ${calibration.calibration.settled.everyone.accountMonths.toFixed(0)} account-months`]
        : []),
    ];
  }
}

/** A part of all accounts, the same each time: every n-th by a hash of its reference. */
const SAMPLE = `
  SELECT account_id FROM accounts
   WHERE mod(abs(hashtext(account_id)::bigint), greatest(1, (SELECT count(*) FROM accounts) / ${SAMPLE_ACCOUNTS})) = 0
   ORDER BY account_id`;

const USAGE = `
  SELECT ${USAGE_ROW} FROM usage u WHERE u.account_id = ANY ($1) AND u.started_at >= $2 AND u.day >= $3
   ORDER BY u.account_id, u.started_at, u.record_id`;

async function fitNorms(
  client: ClientBase,
  before: Fitted,
  now: Instant,
): Promise<{ norms: Norms; accounts: number } | undefined> {
  const { rows: sample } = await client.query<{ account_id: string }>(SAMPLE);
  const collector = new NormsCollector();
  const from = now - NORMS_DAYS * DAY_MS;
  let seen = 0;
  let [earliest, latest] = [Infinity, -Infinity];
  for (let at = 0; at < sample.length; at += CHUNK_ACCOUNTS) {
    const ids = sample.slice(at, at + CHUNK_ACCOUNTS).map(({ account_id }) => account_id);
    const accounts = new Map((await accountsById(client, ids)).map((each) => [each.accountId, each]));
    const active = new Set<string>();
    for await (const version of versionsInTurn(client, USAGE, [ids, toDate(from), dateOfDay(dayOf(from))])) {
      active.add(version.accountId);
      collector.add(version, accounts.get(version.accountId)!);
      earliest = Math.min(earliest, version.startedAt);
      latest = Math.max(latest, version.startedAt);
    }
    seen += active.size;
  }
  return latest - earliest < NORMS_MS_MIN ? undefined : { norms: collector.norms(before.norms), accounts: seen };
}

/** From how high accounts got since they were calibrated last; undefined where that was not long ago. */
async function fitCalibration(
  client: ClientBase,
  { calibration, calibratedAt }: Fitted,
  began: Instant,
  now: Instant,
): Promise<{ calibration: Calibration; at: Instant } | undefined> {
  const due = calibratedAt === undefined ? NOTED_MS_MIN : CALIBRATED_EVERY_MS;
  // Usage can be older than today's, never younger: all signatures are read only where it may be time.
  if (now - (calibratedAt ?? began + NOTED_AFTER_MS) < due) return undefined;
  let latest = 0;
  let earliest = Infinity;
  const noted: (Omit<Watched, 'months'> & { since: number; isFresh: boolean })[] = [];
  // What was still high when the last calibration was done, was noted anew after it.
  const unjudged = await unjudgedSince(client, (calibratedAt ?? FADED_MS) - FADED_MS);
  for await (const { accountId, segment, signature } of allSignatures(client)) {
    const notedSince = signature.u[AT.maximaSince]! * 1_000;
    const since = Math.max(notedSince, calibratedAt ?? 0);
    latest = Math.max(latest, signature.u[AT.now]! * 1_000);
    earliest = Math.min(earliest, since);
    // Who was silent since the last calibration has got nowhere since, and still bears what that one has read.
    const maxima = notedSince < since ? NOTHING_NOTED : maximaOf(signature);
    const isFresh = signature.f[AT.days]! < FRESH_DAYS;
    noted.push({ since, isFresh, segment, maxima, isUnjudged: unjudged.has(accountId) });
  }
  if (latest - (calibratedAt ?? earliest) < due) return undefined;
  // The usage's own time: what was taken in today may be of last year.
  const watched = (fresh: boolean): Watched[] =>
    noted
      .filter(({ since, isFresh }) => since < latest && isFresh === fresh)
      .map(({ since, ...each }) => ({ ...each, months: (latest - since) / MONTH_MS }));
  const budget = await falseBudgetMost(client);
  // What was done before the first calibration kept no promise, so it tells nothing of who is harmless.
  const tell = (all: Watched[], before: Cohort) => (calibratedAt === undefined ? all : harmless(all, budget, before));
  const fresh = tell(watched(true), calibration.fresh);
  const settled = tell(watched(false), calibration.settled);
  return { calibration: calibrate(fresh, settled, calibration), at: latest };
}

/** The first day of usage that ever came. */
async function ledgerBegan(client: ClientBase): Promise<Instant | undefined> {
  const { rows } = await client.query<{ day: string | null }>('SELECT min(day)::text AS day FROM ledger_days');
  const day = rows[0]!.day;
  return day === null ? undefined : Date.parse(`${day}T00:00:00Z`);
}
