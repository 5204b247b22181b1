/**
 * CDR files of the Sipwise C5 (sip:provider), as its cdr-exporter writes them: quote `'`, separator `,`, escape `\`, no
 * header row. After the handbook (https://sipwise.com/doc/mr5.1.2/carrier/ar01s06.html, "Billing Data Export") and its open
 * exporter, github.com/sipwise/cdr-exporter: the columns of cdr-exporter.conf, the first and the last line of
 * NGCP/CDR/Export.pm (`write_file`), quotes and escapes of NGCP/CDR/Exporter.pm.
 *
 * - The first line is `version,lines`, the last the MD5 of every byte before it, in hexadecimal: a file without is cut off.
 * - Times are those of the platform and say no zone. The exporter's SQL puts the milliseconds behind the time, also where the
 *   database has done so already (`FROM_UNIXTIME` of a decimal): then they stand there twice.
 * - `rating_status` other than `ok`: it has no price yet, or never gets one.
 * - What is rated anew has a later `rated_at`, and is exported again under its id: the version that was rated last holds.
 * - Costs are in cents, `source_customer_cost` is what the calling customer pays, `source_carrier_cost` what the carrier asks.
 * - A call that came from a peer has `source_user_id` 0: no customer pays for it here.
 *
 * The columns are those of the administrator's files; a reseller's leave some out and are named in the mapping's `header`.
 */
import type { PeerFormat } from './mapping.ts';

const COSTS = ['cost', 'zone', 'detail', 'free_time'] as const;
const sides = (side: string, of: readonly string[]) =>
  COSTS.flatMap((what) => of.map((party) => `${side}_${party}_${what}`));

/** A time with its milliseconds twice. */
const TWICE = /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3,6})\.\d{3}$/;

const PARTY = (side: string) =>
  [
    'user_id',
    'provider_id',
    'external_subscriber_id',
    'subscriber_id',
    'external_contract_id',
    'account_id',
    'user',
    'domain',
  ].map((what) => `${side}_${what}`);

export const sipwise: PeerFormat = {
  syntax: 'csv',
  quote: "'",
  escape: '\\',
  sealed: true,
  header: [
    'id',
    'update_time',
    ...PARTY('source'),
    'source_cli',
    'source_clir',
    'source_ip',
    ...PARTY('destination'),
    'destination_user_in',
    'destination_domain_in',
    'destination_user_dialed',
    'peer_auth_user',
    'peer_auth_realm',
    'call_type',
    'call_status',
    'call_code',
    'init_time',
    'start_time',
    'duration',
    'call_id',
    'rating_status',
    'rated_at',
    ...sides('source', ['carrier', 'customer']),
    ...sides('destination', ['carrier', 'customer']),
    ...sides('source', ['reseller']),
    ...sides('destination', ['reseller']),
  ],
  columns: {
    record_id: ['id'],
    account_id: ['source_account_id'],
    service_id: ['source_user_id'],
    started_at: ['start_time', 'init_time'],
    duration_s: ['duration'],
    a_number: ['source_cli'],
    b_number: ['destination_user_in'],
    amount: ['source_customer_cost'],
    cost: ['source_carrier_cost'],
    revision: ['rated_at'],
  },
  kind: 'voice',
  amountUnit: 'cents',
  e164WithoutPlus: true,
  needsTimeZone: true,
  view: (row) => (name) => row(name).replace(TWICE, '$1'),
  verdict: (row) => {
    if (row('source_user_id') === '0') return { skip: 'not_outgoing' };
    const status = row('rating_status');
    if (status === 'ok') return undefined;
    return { reject: 'not_rated', field: 'amount', detail: `its rating_status is "${status.slice(0, 40)}", not "ok"` };
  },
};
