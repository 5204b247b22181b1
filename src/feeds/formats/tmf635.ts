/**
 * Usage of the TM Forum's TMF635 Usage Management API (v4): one object, an array of them, or one a line. After the schemas
 * `Usage`, `RatedProductUsage` and `UsageCharacteristic` of https://www.tmforum.org/resources/specification/tmf635.
 *
 * - `status` received and guided: it comes again when it is rated; rejected and recycled: it could not be rated.
 * - The amount is the sum of `taxExcludedRatingAmount` over `ratedProductUsage`, in its `unit`.
 * - A version that was rated later has a higher revision: seconds since 2000 of the latest `ratingDate`; where there is
 *   none, rated 0, rerated 1, billed 2.
 * - What is not in the schema stands in `usageCharacteristic` by name. Names of ours for what has to be looked for:
 *   `relatedParty <role>`, and `originatingE164`, `destinationE164`: the number with its country code, which the examples
 *   keep in a characteristic of its own.
 */
import { parseInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount } from '../../kernel/money.ts';
import { canonicalAmount } from './conversions.ts';
import type { PeerFormat, PeerRow } from './mapping.ts';

type Fields = Readonly<Record<string, unknown>>;

const REVISION_EPOCH: Instant = parseInstant('2000-01-01T00:00:00Z')!;
const REVISION_OF: Record<string, string> = { rated: '0', rerated: '1', billed: '2' };

export const tmf635: PeerFormat = {
  syntax: 'json',
  columns: {
    record_id: ['id'],
    account_id: ['relatedParty customer'],
    started_at: ['usageDate'],
    duration_s: ['duration'],
    kind: ['usageType'],
    units: ['volume'],
    a_number: ['originatingE164'],
    b_number: ['destinationE164'],
    amount: ['taxExcludedRatingAmount'],
    currency: ['taxExcludedRatingAmount unit'],
    revision: ['revision'],
  },
  kinds: { voice: 'voice', call: 'voice', sms: 'sms', data: 'data' },
  rowOf,
  verdict: (row) => {
    const status = row('status');
    if (status === 'received' || status === 'guided') return { skip: 'not_rated_yet' };
    if (Object.hasOwn(REVISION_OF, status) && row('taxExcludedRatingAmount') !== '') return undefined;
    const why = Object.hasOwn(REVISION_OF, status)
      ? 'no ratedProductUsage has an amount'
      : `its status is "${status.slice(0, 40)}"`;
    return { reject: 'not_rated', field: 'amount', detail: why };
  },
};

function rowOf(usage: Fields): PeerRow {
  return (name) => {
    const own = scalar(usage[name]);
    if (own !== '') return own;
    if (name === 'taxExcludedRatingAmount') return amountOf(usage);
    if (name === 'taxExcludedRatingAmount unit') return [...new Set(ratings(usage).map(currencyOf))].join('+');
    if (name === 'revision') return revisionOf(usage);
    if (name === 'originatingE164') return e164(usage, 'originating');
    if (name === 'destinationE164') return e164(usage, 'destination');
    if (name.startsWith('relatedParty ')) {
      return scalar(listOf(usage.relatedParty).find((party) => party.role === name.slice('relatedParty '.length))?.id);
    }
    return characteristic(usage, name);
  };
}

function ratings(usage: Fields): Fields[] {
  return listOf(usage.ratedProductUsage).filter((rating) => moneyOf(rating) !== '');
}

function moneyOf(rating: Fields): string {
  const amount = rating.taxExcludedRatingAmount;
  return scalar(amount) || scalar(fieldsOf(amount)?.value);
}

function currencyOf(rating: Fields): string {
  const amount = fieldsOf(rating.taxExcludedRatingAmount);
  return scalar(amount?.unit) || scalar(rating.currencyCode);
}

/** The sum, or the one that is no amount. */
function amountOf(usage: Fields): string {
  const texts = ratings(usage).map(moneyOf);
  if (texts.length < 2) return texts[0] ?? '';
  let sum = 0n;
  for (const text of texts) {
    const micros = parseAmount(canonicalAmount(text, '.', 'units') ?? '');
    if (micros === undefined) return text;
    sum += micros;
  }
  return formatAmount(sum);
}

function revisionOf(usage: Fields): string {
  let latest: Instant | undefined;
  for (const rating of ratings(usage)) {
    const at = parseInstant(scalar(rating.ratingDate));
    if (at !== undefined && at >= REVISION_EPOCH) latest = Math.max(latest ?? at, at);
  }
  return latest === undefined
    ? (REVISION_OF[scalar(usage.status)] ?? '')
    : String(Math.floor((latest - REVISION_EPOCH) / 1000));
}

function e164(usage: Fields, end: 'originating' | 'destination'): string {
  const number = characteristic(usage, `${end}Number`);
  const code = characteristic(usage, `${end}CountryCode`).replace(/^\+/, '');
  return /^\d{1,4}$/.test(code) && /^[1-9]\d*$/.test(number) ? `+${code}${number}` : number;
}

function characteristic(usage: Fields, name: string): string {
  return scalar(listOf(usage.usageCharacteristic).find((each) => each.name === name)?.value);
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf).filter((each) => each !== undefined) : [];
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** Numbers have been read as text. */
function scalar(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
