import { classify, NO_DESTINATION } from '../../src/destinations/classify.ts';
import type { Version } from '../../src/ledger/version.ts';
import type { Instant } from '../../src/kernel/clock.ts';

let ids = 0;

/** A made-up version of a record of `SAMPLE_ACCOUNT`; each says what it needs otherwise. `number` empty: to none. */
export function sampleVersion(
  startedAt: Instant,
  number: string,
  seconds: number,
  euros: number,
  more: Partial<Version> = {},
): Version {
  return {
    recordId: `r${++ids}`,
    origin: 'default',
    accountId: '1001',
    serviceId: '',
    startedAt,
    durationSeconds: seconds,
    kind: 'voice',
    units: undefined,
    aNumber: '',
    destination: number === '' ? NO_DESTINATION : classify(number, 'NL')!,
    amount: BigInt(Math.round(euros * 1e6)),
    cost: undefined,
    state: 'provisional',
    revision: 0,
    originCountry: '',
    tariff: '',
    receivedAt: startedAt,
    ...more,
  };
}
