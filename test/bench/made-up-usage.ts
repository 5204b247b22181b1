/** Made-up usage and accounts from a seed: the same in every run. */
import type { Account } from '../../src/accounts/account.ts';
import { formatInstant, parseInstant } from '../../src/kernel/clock.ts';

export const ACCOUNTS = Number(process.env.BENCH_ACCOUNTS ?? 100_000);
const STARTS = parseInstant('2026-03-01T00:00:00Z')!;
const TWO_DAYS_MS = 172_800_000;
export const DAYS = [20_512, 20_513, 20_514];

export const HEADER =
  'record_id,account_id,service_id,started_at,duration_s,kind,units,a_number,b_number,amount,currency,state,revision,cost,origin_country,received_at';
const NUMBERS = ['+31201234567', '+31612345678', '+4915112345678', '+447400123456', '+252612345678', '+12125551234'];

/** A small linear congruential generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** `rows` lines of two days from `starts` on, in the order of their starts, each of any of the accounts; amounts below `amountMax`. */
export function* usageLines(name: string, rows: number, amountMax = 2, starts = STARTS): Generator<string> {
  const random = seeded([...name].reduce((hash, letter) => hash * 31 + letter.codePointAt(0)!, 7));
  for (let i = 0; i < rows; i++) {
    const account = Math.floor(random() * ACCOUNTS);
    const at = formatInstant(starts + Math.floor(((i / rows) * TWO_DAYS_MS) / 1000) * 1000);
    const number = NUMBERS[Math.floor(random() * NUMBERS.length)]!;
    yield `${name}-${i.toString(36)}-${Math.floor(random() * 1e9).toString(36)},a${account},a${account}-t1,${at},${Math.floor(random() * 600)},voice,,+31431234567,${number},${(random() * amountMax).toFixed(4)},EUR,provisional,0,,NL,`;
  }
}

/** The nightly file of a day: every second row is the final version of one that is there, the others are the night's alone. */
export function* nightlyLines(name: string, rows: number): Generator<string> {
  let index = 0;
  for (const line of usageLines(name, rows)) {
    const row = index++ % 2 === 0 ? line : line.replace(name, `${name}n`);
    yield row.replace(',provisional,', ',final,');
  }
}

export function madeUpAccount(index: number): Account {
  return {
    accountId: `a${index}`,
    name: `Account a${index}`,
    segment: index % 3 === 0 ? 'smb' : 'consumer',
    currency: 'EUR',
    timeZone: 'Europe/Amsterdam',
    cycleDay: 1,
    locale: 'nl-NL',
    email: '',
    msisdn: '',
    homeCountry: 'NL',
    suspensionTerms: '',
    parentId: '',
  };
}
