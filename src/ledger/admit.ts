/**
 * Holds a well-formed record against its account and the number plan: what comes out can be counted. Pure.
 */
import type { Account } from '../accounts/account.ts';
import { classify, NO_DESTINATION, normalizeCaller } from '../destinations/classify.ts';
import type { RejectReason, UsageRecord } from '../feeds/usage-record.ts';
import { formatInstant, type Instant } from '../kernel/clock.ts';
import type { HeldVersion } from './version.ts';

/** Clocks of switches and rating systems differ by this much without being wrong. */
const CLOCKS_APART_MS = 5 * 60_000;

export function startsInFuture(startedAt: Instant, now: Instant): boolean {
  return startedAt > now + CLOCKS_APART_MS;
}

export interface NotAdmitted {
  field: string;
  reason: RejectReason;
  detail: string;
}

/** By which import a version comes, and in which batch. */
export type Arrival = Pick<HeldVersion, 'importId' | 'arrived'>;

/** Of a version that is only looked at. */
const NOT_ARRIVED: Arrival = { importId: '', arrived: 0 };

/** What speaks against a record, its numbers aside. */
export function refusalOf(record: UsageRecord, account: Account | undefined, now: Instant): NotAdmitted | undefined {
  if (!account) {
    return {
      field: 'account_id',
      reason: 'unknown_account',
      detail: `no account "${record.accountId}"; send the row again when it exists`,
    };
  }
  if (record.currency !== account.currency) {
    return {
      field: 'currency',
      reason: 'wrong_currency',
      detail: `is ${record.currency}, but account ${account.accountId} is charged in ${account.currency}`,
    };
  }
  if (startsInFuture(record.startedAt, now)) {
    return {
      field: 'started_at',
      reason: 'start_in_future',
      detail: `starts at ${formatInstant(record.startedAt, account.timeZone)}, after ${formatInstant(now, account.timeZone)}`,
    };
  }
  return undefined;
}

export function admit(
  record: UsageRecord,
  account: Account | undefined,
  origin: string,
  now: Instant,
  { importId, arrived }: Arrival = NOT_ARRIVED,
): HeldVersion | NotAdmitted {
  const refusal = refusalOf(record, account, now);
  if (refusal || !account) return refusal!;
  const destination = record.bNumber === '' ? NO_DESTINATION : classify(record.bNumber, account.homeCountry);
  if (!destination) {
    return { field: 'b_number', reason: 'bad_number', detail: `"${record.bNumber}" is no number that can be dialled` };
  }
  // Field by field: this runs for every record, and a copy by spreading costs more than all the checks above.
  return {
    recordId: record.recordId,
    origin,
    // The account's own word, not the row's: it is looked up many times.
    accountId: account.accountId,
    serviceId: record.serviceId,
    startedAt: record.startedAt,
    durationSeconds: record.durationSeconds,
    kind: record.kind,
    units: record.units,
    aNumber: normalizeCaller(record.aNumber, account.homeCountry),
    destination,
    amount: record.amount,
    cost: record.cost,
    state: record.state,
    revision: record.revision,
    originCountry: record.originCountry,
    tariff: record.tariff,
    receivedAt: record.receivedAt,
    importId,
    arrived,
    near: undefined,
  };
}

export function isAdmitted(result: HeldVersion | NotAdmitted): result is HeldVersion {
  return !('reason' in result);
}
