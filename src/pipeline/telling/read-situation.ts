/** Reads what is going on for the customer who holds the link of a warning: one account, and one warning's usage of it. */
import type { ClientBase } from 'pg';
import type { Account } from '../../accounts/account.ts';
import { accountsById } from '../../accounts/store.ts';
import { maximumConsent } from '../../answers/consent.ts';
import type { Situation } from '../../answers/pages.ts';
import { answersTo, policiesFor } from '../../answers/store.ts';
import { capOf, type Cap, type CapDefinition } from '../../caps/cap.ts';
import { capBook } from '../../caps/uplift-store.ts';
import type { BarScope } from '../../caps/barring.ts';
import { decisionOf, type DecisionRow } from '../../decisions/store.ts';
import type { Decision } from '../../decisions/decision.ts';
import type { Traffic } from '../../destinations/traffic.ts';
import { parseInstant, type Instant } from '../../kernel/clock.ts';
import { maskAddress } from '../../kernel/masking.ts';
import type { Micros } from '../../kernel/money.ts';
import { calendarPeriod, rollingHours, type CalendarPeriod } from '../../kernel/period.ts';
import { dearestNumbers } from '../../spend/dearest-numbers.ts';
import { spentInSteps, usuallySpent } from '../../spend/spent-in-steps.ts';
import type { Link } from '../../warnings/link.ts';

const NUMBERS_MAX = 5;
const DAY_MS = 86_400_000;
/** What a warning that no cap caused looks back on. */
const LOOK_BACK_MS = 7 * DAY_MS;

/** A situation with what it was read from. */
export interface KnownSituation extends Situation {
  account: Account;
  decision: Decision;
  /** the cap as it was when it warned; undefined where none did */
  cap: Cap | undefined;
  period: CalendarPeriod;
  toBar: readonly BarScope[];
}

const DECISION = 'SELECT * FROM decisions WHERE decision_id = $1';
const CAP = 'SELECT definition FROM cap_versions WHERE cap_id = $1 AND version = $2';
/** By the index suspensions_live. */
const BARS = `
  SELECT class, requested_at, ends_at FROM suspensions
   WHERE account_id = $1 AND state IN ('wanted', 'applied') ORDER BY suspension_no`;
/** When usage last came in by any feed. */
const KNOWN_UP_TO = 'SELECT max(last_import_at) AS at FROM feed_marks';

/** `undefined` where the decision or its account is no more. */
export async function readSituation(
  client: ClientBase,
  { decisionId, expiresAt }: Link,
  now: Instant,
): Promise<KnownSituation | undefined> {
  const [row] = (await client.query<DecisionRow>(DECISION, [decisionId])).rows;
  const decision = row && decisionOf(row);
  const [account] = decision ? await accountsById(client, [decision.accountId]) : [];
  if (!decision || !account) return undefined;
  const cap = await capThen(client, decision);
  const period = stretchOf(decision, cap, account, now);
  const traffic: Traffic = decision.traffic === '' ? 'all' : decision.traffic;
  const asked = { accountId: account.accountId, serviceId: decision.serviceId, from: period.from, to: period.to };
  const spent = (await spentInSteps(client, traffic, [{ key: '', ...asked }])).get('')!;
  const spend = spent.reduce((sum, { amount }) => sum + amount, 0n);
  const bars = await client.query<{ class: BarScope; requested_at: Date; ends_at: Date | null }>(BARS, [
    account.accountId,
  ]);
  const known = (await client.query<{ at: Date | null }>(KNOWN_UP_TO)).rows[0]?.at?.getTime() ?? now;
  const maximum = maximumConsent(await policiesFor(client, account), account);
  // The limit that holds now, raised where it was agreed; of a cap that is no more, the one that had warned.
  const holding = await limitHolding(client, decision, account);
  const limit = holding ?? decision.limit;
  const consents =
    maximum !== undefined &&
    (cap ? holding !== undefined && maximum > holding && maximum > spend : limit === undefined);
  const calendar = cap && rollingHours(cap.period) === undefined ? (cap.period as 'day' | 'week' | 'month') : undefined;
  const usual =
    calendar === undefined
      ? undefined
      : (await usuallySpent(client, [{ key: '', ...asked, traffic, period: calendar, calendar: account }])).get('');
  const answers = await answersTo(client, decision.id);
  return {
    account,
    decision,
    cap,
    accountName: account.name === '' ? account.accountId : account.name,
    locale: account.locale,
    timeZone: account.timeZone,
    currency: account.currency,
    traffic,
    period,
    warnedAt: decision.at,
    asOf: known,
    spend,
    limit,
    series: { from: period.from, to: period.to, until: Math.min(now, period.to), spent, limit, usual },
    numbers: (await dearestNumbers(client, traffic, asked, NUMBERS_MAX)).map((each) => ({
      ...each,
      number: each.number === '' ? '–' : shortened(each.number),
    })),
    bars: bars.rows.map((bar) => ({
      scope: bar.class,
      since: bar.requested_at.getTime(),
      until: bar.ends_at?.getTime(),
    })),
    toBar: routesToBar(traffic),
    consent: consents && now < openUntil(period, cap) ? { maximum } : undefined,
    phone: account.msisdn === '' ? '' : maskAddress(account.msisdn),
    answers: answers.map((each) => ({
      answer: each.answer,
      at: each.at.getTime(),
      amount: each.amount_micros === null ? undefined : BigInt(each.amount_micros),
      phone: each.phone === '' ? '' : maskAddress(each.phone),
    })),
    expiresAt,
  };
}

/** A number that they called, as its caller still knows it: `+2526***5678`. */
function shortened(number: string): string {
  return number.length >= 12 ? `${number.slice(0, 5)}***${number.slice(-4)}` : maskAddress(number);
}

/** Until when it makes sense to go on in a period: a rolling window's usage has left it a length after its end. */
export function openUntil(period: CalendarPeriod, cap: Cap | undefined): Instant {
  if (!cap) return Infinity;
  return period.to + (rollingHours(cap.period) ?? 0) * 3_600_000;
}

/** The routes that "this wasn't us" bars: those on which the usage went, and no more of the customer's calls than that. */
function routesToBar(traffic: Traffic): BarScope[] {
  if (traffic === 'premium') return ['premium'];
  if (traffic === 'all' || traffic === 'high-risk') return ['international', 'premium'];
  return traffic === 'national' ? ['outgoing'] : ['international'];
}

async function limitHolding(client: ClientBase, decision: Decision, account: Account): Promise<Micros | undefined> {
  if (decision.capId === '') return undefined;
  const book = await capBook(client);
  const caps = [...book.ofAccount(account), ...book.ofService(decision.serviceId, account)];
  return caps.find(({ id }) => id === decision.capId)?.limit;
}

async function capThen(client: ClientBase, { capId, capVersion }: Decision): Promise<Cap | undefined> {
  if (capId === '') return undefined;
  const { rows } = await client.query<{ definition: CapDefinition }>(CAP, [capId, capVersion]);
  return rows[0] && capOf(capId, capVersion, rows[0].definition);
}

/** The usage that a warning was about, up to the end of its period; without a period, the days before it and all since. */
function stretchOf(decision: Decision, cap: Cap | undefined, account: Account, now: Instant): CalendarPeriod {
  const hours = cap && rollingHours(cap.period);
  if (!cap) return { name: '', from: decision.at - LOOK_BACK_MS, to: Math.max(now, decision.at) + 1 };
  if (hours !== undefined) {
    const end = parseInstant(decision.period) ?? decision.at;
    return { name: decision.period, from: end - hours * 3_600_000 + 1, to: end + 1 };
  }
  const period = cap.period as 'day' | 'week' | 'month';
  // A record that came late may have crossed the limit of a period that was over; it is found by its name.
  let found = calendarPeriod(period, decision.at, account);
  for (let back = 0; back < PERIODS_BACK_MAX && found.name !== decision.period; back++) {
    found = calendarPeriod(period, found.from - 1, account);
  }
  return found;
}

const PERIODS_BACK_MAX = 60;
