/**
 * A spend cap: for whom, on what, in which period, how much, and what happens at which share of it.
 */
import { z } from 'zod';
import { parseTraffic, type Traffic } from '../destinations/traffic.ts';
import { textUpTo } from '../kernel/characters.ts';
import { isCurrency, parseAmount, percentOf, type Currency, type Micros } from '../kernel/money.ts';
import { parsePeriod, PERIOD_WANTED, type Period } from '../kernel/period.ts';

export const ACTIONS = [
  'warn',
  'notify-operator',
  'suspend:international',
  'suspend:premium',
  'suspend:outgoing',
] as const;
export type Action = (typeof ACTIONS)[number];

/** `shadow`: only recorded; `approve`: a suspension waits for a person; `enforce`. */
export const MODES = ['shadow', 'approve', 'enforce'] as const;
export type Mode = (typeof MODES)[number];

const REINSTATEMENTS = ['period-end', 'manual'] as const;
export type Reinstatement = (typeof REINSTATEMENTS)[number];

/** What is held against the limit: what is spent, or that and what calls in progress come to. */
export const COUNTS = ['spend', 'with-exposure'] as const;
export type Count = (typeof COUNTS)[number];

/** Control characters and half surrogate pairs: nothing that a name holds, and nothing that PostgreSQL keeps. */
const WRITABLE = /^[^\p{Cc}\p{Cs}]*$/u;
const unwritable = { error: 'holds a control character' };

/** Ten times this, in micros, is still a bigint of PostgreSQL's. */
const LIMIT_MAX: Micros = 100_000_000_000_000_000n;

const reference = textUpTo(64).min(1).regex(WRITABLE, unwritable);

const scope = z
  .strictObject({ segment: reference.optional(), account: reference.optional(), service: reference.optional() })
  .refine((value) => Object.values(value).filter((part) => part !== undefined).length <= 1, {
    error: 'must be {} for everyone, or name one of segment, account, service',
  });

const threshold = z.strictObject({
  percent: z
    .number()
    .gt(0, { error: 'must be above 0' })
    .lte(1000, { error: 'must be at most 1000' })
    .refine((percent) => Math.abs(Math.round(percent * 100) - percent * 100) < 1e-6, {
      error: 'may have two decimals at most',
    }),
  actions: z
    .array(z.enum(ACTIONS, { error: `must be one of ${ACTIONS.join(', ')}` }))
    .min(1, { error: 'must name at least one action' })
    .refine((actions) => new Set(actions).size === actions.length, { error: 'names an action twice' }),
});

/** A cap as it travels: the body of `POST /v1/caps` and of `caps apply`. */
export const capDefinition = z
  .strictObject({
    name: textUpTo(200).min(1).regex(WRITABLE, unwritable),
    scope: scope.default({}),
    traffic: z.string().refine((text): text is Traffic => parseTraffic(text) !== undefined, {
      error:
        'must be all, national, international, premium, satellite, high-risk, country:SO (ISO 3166-1) or prefix:+25261',
    }),
    period: z
      .string()
      .refine((text): text is Period => parsePeriod(text) !== undefined, { error: PERIOD_WANTED })
      .meta({
        description:
          'day, week, month (from the account’s cycle day on) or rolling:24h, any whole number of hours. A threshold acts once a ' +
          'period; of rolling windows once until all that was in the one that acted has left',
      }),
    limit: z
      .string({ error: 'must be a decimal string such as "100.00"' })
      .refine((text) => parseAmount(text) !== undefined, {
        error: 'must be a decimal string with at most 6 decimals, such as "100.00"',
      })
      .refine((text) => (parseAmount(text) ?? 1n) > 0n, { error: 'must be above 0' })
      .refine((text) => (parseAmount(text) ?? 0n) <= LIMIT_MAX, { error: 'must be at most 100000000000' }),
    currency: z.string().refine(isCurrency, { error: 'must be an ISO 4217 code such as EUR' }),
    thresholds: z
      .array(threshold)
      .min(1, { error: 'must have at least one threshold' })
      .max(20, { error: 'must have at most 20 thresholds' })
      .refine((list) => new Set(list.map((each) => each.percent)).size === list.length, {
        error: 'names a percent twice',
      }),
    mode: z.enum(MODES, { error: `must be one of ${MODES.join(', ')}` }).default('enforce'),
    reinstate: z.enum(REINSTATEMENTS, { error: `must be one of ${REINSTATEMENTS.join(', ')}` }).default('period-end'),
    forecast: z.boolean().optional().meta({
      description: 'whether the customer is warned as soon as the limit will probably be reached; of weeks and months',
    }),
    count: z
      .enum(COUNTS, { error: `must be one of ${COUNTS.join(', ')}` })
      .optional()
      .meta({ description: 'with-exposure: what calls in progress come to counts beside what is spent; else spend' }),
  })
  .meta({ id: 'CapDefinition' });

export type CapDefinition = z.output<typeof capDefinition>;

export type Scope =
  | { kind: 'everyone'; value: '' }
  | { kind: 'segment'; value: string }
  | { kind: 'account'; value: string }
  | { kind: 'service'; value: string };

export interface Threshold {
  percent: number;
  /** `limit × percent / 100` */
  amount: Micros;
  actions: readonly Action[];
}

/** A cap ready to be held against spend. */
export interface Cap {
  id: string;
  /** counts the changes of its definition, from 1 */
  version: number;
  name: string;
  scope: Scope;
  traffic: Traffic;
  period: Period;
  limit: Micros;
  /** how much of the limit is an uplift of the account for which the cap is held */
  uplift: Micros;
  currency: Currency;
  /** by rising percent */
  thresholds: readonly Threshold[];
  mode: Mode;
  reinstate: Reinstatement;
  count: Count;
  /** whether the customer is warned as soon as the limit will probably be reached */
  forecast: boolean;
}

export function scopeOf(definition: CapDefinition): Scope {
  const { segment, account, service } = definition.scope;
  if (service !== undefined) return { kind: 'service', value: service };
  if (account !== undefined) return { kind: 'account', value: account };
  if (segment !== undefined) return { kind: 'segment', value: segment };
  return { kind: 'everyone', value: '' };
}

export function capOf(id: string, version: number, definition: CapDefinition): Cap {
  const limit = parseAmount(definition.limit)!;
  return {
    id,
    version,
    name: definition.name,
    scope: scopeOf(definition),
    traffic: definition.traffic,
    period: definition.period,
    limit,
    uplift: 0n,
    currency: definition.currency,
    thresholds: definition.thresholds
      .map(({ percent, actions }) => ({ percent, actions, amount: percentOf(limit, percent) }))
      .toSorted((a, b) => a.percent - b.percent),
    mode: definition.mode,
    reinstate: definition.reinstate,
    count: definition.count ?? 'spend',
    forecast: definition.forecast ?? false,
  };
}
