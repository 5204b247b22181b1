/** Accounts that are warned, seen from the desk of whoever runs Plafond. Made up. */
import type { PlafondProcess } from '../harness/process.ts';
import { MID_CYCLE } from '../samples/account.ts';

const CAP = {
  name: 'International',
  scope: {},
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 100, actions: ['warn', 'suspend:international'] },
  ],
  mode: 'enforce',
  reinstate: 'period-end',
};

export interface Contact {
  id: string;
  email?: string;
  msisdn?: string;
}

export interface SeenWarning {
  id: string;
  channel: 'email' | 'sms';
  state: string;
  subject: string;
  text: string;
  attempts: { outcome: string; answer: string }[];
  receipts: { said: string; part: string; answer: string }[];
}

export async function prepareAccounts(plafond: PlafondProcess, contacts: readonly Contact[]): Promise<void> {
  for (const { id, email = '', msisdn = '' } of contacts) {
    await plafond.json('PUT', `/v1/accounts/${id}`, {
      name: `Account ${id}`,
      currency: 'EUR',
      time_zone: 'Europe/Amsterdam',
      cycle_day: MID_CYCLE,
      locale: 'nl-NL',
      email,
      msisdn,
      home_country: 'NL',
      suspension_terms: 'GTC 7.3',
    });
  }
  await plafond.json('POST', '/v1/caps', CAP);
}

/** One call that costs so much, just now. */
export async function spend(plafond: PlafondProcess, account: string, amount: string): Promise<void> {
  await plafond.json('POST', '/v1/usage?feed=rating', [
    {
      record_id: `${account}-${amount}`,
      account_id: account,
      started_at: new Date(Date.now() - 60_000).toISOString(),
      duration_s: 30,
      kind: 'voice',
      b_number: '+252612345678',
      amount,
      currency: 'EUR',
      state: 'provisional',
    },
  ]);
}

export async function warningsOf(plafond: PlafondProcess, account: string): Promise<SeenWarning[]> {
  return (await plafond.json<{ items: SeenWarning[] }>('GET', `/v1/warnings?account=${account}`)).items;
}

export async function decisionsOf(
  plafond: PlafondProcess,
  account: string,
): Promise<{ type: string; explanation: string }[]> {
  const page = await plafond.json<{ items: { type: string; explanation: string }[] }>(
    'GET',
    `/v1/decisions?account=${account}`,
  );
  return page.items;
}
