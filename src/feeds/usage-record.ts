import type { Instant } from '../kernel/clock.ts';
import type { Micros } from '../kernel/money.ts';

/** `interim`: the call still runs; `provisional`: rated near real time; `final`: the nightly, authoritative version. */
export const STATES = ['interim', 'provisional', 'final'] as const;
export type UsageState = (typeof STATES)[number];

export const KINDS = ['voice', 'sms', 'data'] as const;
export type UsageKind = (typeof KINDS)[number];

/** One version of one rated record as a feed sent it: well-formed, but not yet held against accounts. */
export interface UsageRecord {
  /** unique at its origin */
  recordId: string;
  accountId: string;
  /** empty: none */
  serviceId: string;
  startedAt: Instant;
  durationSeconds: number;
  kind: UsageKind;
  /** bytes, for data */
  units: bigint | undefined;
  aNumber: string;
  /** as the feed wrote it; may be empty for data */
  bNumber: string;
  amount: Micros;
  currency: string;
  state: UsageState;
  revision: number;
  /** wholesale cost in the same currency */
  cost: Micros | undefined;
  /** ISO 3166-1 alpha-2; empty: unknown */
  originCountry: string;
  /** by which tariff the origin rated it; empty: it does not say */
  tariff: string;
  /** when the record became available; the end of the call where the feed does not say */
  receivedAt: Instant;
  /** the line of the file, counted from 1; of a JSON array, the element */
  line: number;
}

/** A row that can't be used: set aside with its text, never dropped. */
export interface Reject {
  line: number;
  /** the row as it stood in the file */
  text: string;
  /** the column at fault; empty where the whole row is */
  field: string;
  reason: RejectReason;
  /** a sentence for the person who mends it */
  detail: string;
}

export type RejectReason =
  | 'unreadable_row'
  | 'missing_field'
  | 'bad_record_id'
  | 'bad_account_id'
  | 'bad_service_id'
  | 'bad_started_at'
  | 'start_in_future'
  | 'bad_duration'
  | 'bad_kind'
  | 'bad_units'
  | 'bad_number'
  | 'bad_amount'
  | 'negative_amount'
  | 'not_rated'
  | 'bad_currency'
  | 'wrong_currency'
  | 'bad_state'
  | 'bad_revision'
  | 'bad_cost'
  | 'bad_origin_country'
  | 'bad_tariff'
  | 'bad_received_at'
  | 'unknown_account';

/** What a parser makes of one row; the row's text stays with the record until it is known to be used. */
export type ParsedRow = { record: UsageRecord; text: string } | { reject: Reject };

/** Why a row of a peer's is passed over: it is no usage that a customer is charged, by what the peer itself says. */
export type SkipReason =
  /** the same call rated for somebody else, such as the carrier */
  | 'other_run'
  /** the feed's definition takes only rows with another value */
  | 'not_selected'
  | 'not_answered'
  /** the called leg of a call whose calling leg has the price */
  | 'other_leg'
  /** a call that came in */
  | 'not_outgoing'
  /** it comes again when it has a price */
  | 'not_rated_yet';

/** A row that is passed over: received and told, but neither counted nor rejected. */
export interface Skipped {
  line: number;
  reason: SkipReason;
  text: string;
}

/** What a feed's format makes of one row. */
export type FeedRow = ParsedRow | { skipped: Skipped };
