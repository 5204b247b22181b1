/**
 * Usage of the TM Forum's TMF635 Usage Management API (v4): one object, an array of them, or one a line. After the schemas
 * `Usage`, `RatedProductUsage` and `UsageCharacteristic` of https://www.tmforum.org/resources/specification/tmf635.
 *
 * - `status` received and guided: it comes again when it is rated; rejected and recycled: it could not be rated. Version 2
 *   wrote them with capitals.
 * - The amount is the sum of `taxExcludedRatingAmount` over `ratedProductUsage`, in its `unit`. Where one of them is said with
 *   tax alone, the sum would be too little, so there is none.
 * - A role or a characteristic that is asked for and says two things is none.
 * - A version that was rated later has a higher revision: seconds since 2000 of the latest `ratingDate`; where there is
 *   none, rated 0, rerated 1, billed 2.
 * - What is not in the schema stands in `usageCharacteristic` by name. Names of ours for what has to be looked for:
 *   `relatedParty <role>`, and `originatingE164`, `destinationE164`: the number with its country code, which the examples
 *   keep in a characteristic of its own.
 */
import { parseInstant, type Instant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount } from '../../kernel/money.ts';
import type { Column } from './canonical.ts';
import { canonicalAmount, revisionOfRating } from './conversions.ts';
import type { PeerFormat, PeerRow } from './mapping.ts';

type Fields = Readonly<Record<string, unknown>>;

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
  verdict: (row, mapping) => {
    const status = row('status').toLowerCase();
    if (status === 'received' || status === 'guided') return { skip: 'not_rated_yet' };
    const isRated = Object.hasOwn(REVISION_OF, status);
    const unpriced = isRated ? row(UNPRICED) : `its status is "${status.slice(0, 40)}"`;
    const asks = mapping.columns.amount?.includes('taxExcludedRatingAmount') ?? false;
    if (unpriced !== '' && (asks || !isRated)) return { reject: 'not_rated', field: 'amount', detail: unpriced };
    for (const [column, names] of Object.entries(mapping.columns) as [Column, readonly string[]][]) {
      for (const name of names) {
        const several = row(SEVERAL + name);
        if (several === '') continue;
        return { reject: 'unreadable_row', field: column, detail: `has "${name}" more than once: ${several}` };
      }
    }
    return undefined;
  },
};

/** Names of ours for what is wrong with a usage: why its ratings are no amount, and all that stands under a name which should be one. */
const UNPRICED = 'unpriced ';
const SEVERAL = 'several ';

function rowOf(usage: Fields): PeerRow {
  return (name) => {
    const own = scalar(usage[name]);
    if (own !== '') return own;
    if (name === UNPRICED) return unpriced(usage);
    if (name.startsWith(SEVERAL)) {
      const asked = name.slice(SEVERAL.length).replace(/^(originating|destination)E164$/, '$1Number');
      return several(valuesOf(usage, asked));
    }
    if (name === 'taxExcludedRatingAmount') return amountOf(usage);
    if (name === 'taxExcludedRatingAmount unit') return [...new Set(ratings(usage).map(currencyOf))].join('+');
    if (name === 'revision') return revisionOf(usage);
    if (name === 'originatingE164') return e164(usage, 'originating');
    if (name === 'destinationE164') return e164(usage, 'destination');
    return valuesOf(usage, name)[0] ?? '';
  };
}

/** What stands under a name in a list of the usage. */
function valuesOf(usage: Fields, name: string): string[] {
  if (!name.startsWith(PARTY)) return characteristics(usage, name);
  const ofRole = listOf(usage.relatedParty).filter(({ role }) => role === name.slice(PARTY.length));
  return ofRole.map(({ id }) => scalar(id));
}

const PARTY = 'relatedParty ';

function several(values: readonly string[]): string {
  const distinct = [...new Set(values.filter((value) => value !== ''))];
  return distinct.length > 1 ? distinct.map((value) => value.slice(0, 40)).join(' and ') : '';
}

/** Why the ratings are not all an amount without tax; empty: they are. One from a bundle may have no money of its own. */
function unpriced(usage: Fields): string {
  const others = listOf(usage.ratedProductUsage).filter((rating) => moneyOf(rating) === '');
  if (others.some(({ taxIncludedRatingAmount: amount }) => hasValue(amount)))
    return 'a ratedProductUsage has an amount with tax alone';
  if (others.some(({ taxExcludedRatingAmount: amount }) => hasValue(amount)))
    return 'a taxExcludedRatingAmount has no value';
  return ratings(usage).length === 0 ? 'no ratedProductUsage has an amount' : '';
}

function hasValue(amount: unknown): boolean {
  return amount !== undefined && amount !== null;
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

/** The sum, or all of them where one is no amount. */
function amountOf(usage: Fields): string {
  const texts = ratings(usage).map(moneyOf);
  if (texts.length < 2) return texts[0] ?? '';
  let sum = 0n;
  for (const text of texts) {
    const micros = parseAmount(canonicalAmount(text, '.', 'units') ?? '');
    if (micros === undefined) return texts.join('+');
    sum += micros;
  }
  return formatAmount(sum);
}

function revisionOf(usage: Fields): string {
  let latest: Instant | undefined;
  for (const rating of ratings(usage)) {
    const at = parseInstant(scalar(rating.ratingDate));
    if (at !== undefined) latest = Math.max(latest ?? at, at);
  }
  const rated = latest === undefined ? undefined : revisionOfRating(latest);
  return rated ?? REVISION_OF[scalar(usage.status).toLowerCase()] ?? '';
}

function e164(usage: Fields, end: 'originating' | 'destination'): string {
  const number = characteristic(usage, `${end}Number`);
  const code = characteristic(usage, `${end}CountryCode`).replace(/^\+/, '');
  return /^\d{1,4}$/.test(code) && /^[1-9]\d*$/.test(number) ? `+${code}${number}` : number;
}

function characteristic(usage: Fields, name: string): string {
  return characteristics(usage, name)[0] ?? '';
}

function characteristics(usage: Fields, name: string): string[] {
  const named = listOf(usage.usageCharacteristic).filter((each) => each.name === name);
  return named.map(({ value }) => scalar(value));
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
