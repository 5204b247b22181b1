/** An account as it travels, as JSON or as a row of CSV: the column names are the same. */
import { z } from 'zod';
import type { Account } from './account.ts';
import { isCountry } from '../destinations/number-plan.ts';
import { textUpTo } from '../kernel/characters.ts';
import { isMaskedEmail } from '../kernel/masking.ts';
import { isCurrency } from '../kernel/money.ts';
import { isTimeZone } from '../kernel/period.ts';

const line = (longest: number) => textUpTo(longest).regex(/^[^\p{Cc}\p{Cs}]*$/u, { error: 'must be one line of text' });

const reference = line(64).regex(/^(?:\S(?:.*\S)?)?$/u, { error: 'must not begin or end with a space' });

export const accountId = reference.min(1, { error: 'must not be empty' });
/** A segment that something is said of; the empty one is that of accounts in none. */
export const segmentName = accountId;

function isLocale(text: string): boolean {
  try {
    return text.length <= 35 && Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}

/** The body of `PUT /v1/accounts/{id}`, where the path names the account already. */
export const accountForm = z
  .strictObject({
    account_id: accountId.optional().meta({ description: 'if given, the one in the path' }),
    name: line(200).default(''),
    segment: reference.default('').meta({ description: 'caps may be scoped to it' }),
    currency: z
      .string({ error: 'must be an ISO 4217 code such as EUR' })
      .refine(isCurrency, { error: 'must be an ISO 4217 code such as EUR' }),
    time_zone: z
      .string({ error: 'must be an IANA zone such as Europe/Amsterdam' })
      .refine(isTimeZone, { error: 'must be an IANA zone such as Europe/Amsterdam' }),
    cycle_day: z
      .int({ error: 'must be a whole number from 1 to 28' })
      .min(1, { error: 'must be from 1 to 28' })
      .max(28, { error: 'must be from 1 to 28' })
      .default(1)
      .meta({ description: 'the day on which its month begins' }),
    locale: z.string().refine(isLocale, { error: 'must be a BCP 47 tag such as nl-NL' }).default('en'),
    email: line(254)
      .regex(/^(?:[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+)?$/, { error: 'must be one e-mail address, or empty' })
      .refine((email) => !isMaskedEmail(email), { error: 'is masked: send it in full, as a billing key reads it' })
      .default(''),
    msisdn: z
      .string()
      .regex(/^(?:\+[1-9]\d{6,14})?$/, { error: 'must be E.164 such as +31612345678, or empty' })
      .default(''),
    home_country: z
      .string({ error: 'must be an ISO 3166-1 alpha-2 code such as NL' })
      .refine(isCountry, { error: 'must be an ISO 3166-1 alpha-2 code such as NL' }),
    suspension_terms: line(2000)
      .default('')
      .meta({ description: 'the contract clause that allows suspension; empty: never by itself' }),
    parent_id: reference.default('').meta({
      description: 'the reseller or group that it belongs to, an account or not; nothing is summed up over it',
    }),
  })
  .meta({ id: 'AccountForm' });

export type AccountForm = z.output<typeof accountForm>;

/** The account that a form describes. */
export function accountFrom(id: string, form: AccountForm): Account {
  return {
    accountId: id,
    name: form.name,
    segment: form.segment,
    currency: form.currency,
    timeZone: form.time_zone,
    cycleDay: form.cycle_day,
    locale: form.locale,
    email: form.email,
    msisdn: form.msisdn,
    homeCountry: form.home_country,
    suspensionTerms: form.suspension_terms,
    parentId: form.parent_id,
  };
}
