/** The same calls as each format writes them: what a billing system's feeds would bring of one version. */
import { createHash } from 'node:crypto';
import { PEER_FORMATS } from '../../src/feeds/formats/peer-formats.ts';

/** What a version says of its call. */
export interface Said {
  id: string;
  account: string;
  /** milliseconds since 1970, whole seconds */
  startedAt: number;
  number: string;
  tariff: string;
  /** in cents */
  cents: number;
  state: 'interim' | 'provisional' | 'final';
  /** seconds since 2000; 0: it does not say */
  ratedAt: number;
}

export interface RandomFeed {
  /** that it brings; a peer's rows are all in the state that its mapping names */
  states: readonly Said['state'][];
  as: 'csv' | 'ndjson' | 'json';
  source: 'http' | 'drop-folder';
  definition: object;
  write: (rows: readonly Said[]) => string;
}

const EPOCH_S = Date.UTC(2000, 0, 1) / 1000;
const DURATION_S = 60;

const utc = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z');
const rated = ({ ratedAt }: Said, written = utc) => (ratedAt === 0 ? '' : written((EPOCH_S + ratedAt) * 1000));
/** On a clock an hour ahead of UTC, as all of the test's winter is in Amsterdam. */
const local = (ms: number) =>
  utc(ms + 3_600_000)
    .slice(0, 19)
    .replace('T', ' ');
const amount = ({ cents }: Said) => (cents / 100).toFixed(2);
const lines = (...texts: readonly string[]) => `${texts.join('\n')}\n`;

const canonical = (row: Said) => ({
  record_id: row.id,
  account_id: row.account,
  started_at: utc(row.startedAt),
  duration_s: String(DURATION_S),
  kind: 'voice',
  b_number: row.number,
  amount: amount(row),
  currency: 'EUR',
  state: row.state,
  revision: String(row.ratedAt),
  tariff: row.tariff,
});

const CGRATES = { currency: 'EUR', columns: { tariff: 'Category' } };
const cdr = (row: Said, RunID: string) => ({
  CGRID: row.id,
  RunID,
  ToR: '*voice',
  Category: row.tariff,
  Account: row.account,
  Destination: row.number,
  SetupTime: utc(row.startedAt - 5_000),
  AnswerTime: utc(row.startedAt),
  Usage: `${DURATION_S}s`,
  Cost: amount(row),
  '@timestamp': rated(row),
});
/** Beside what the customer is charged stands what the carrier asks. */
const runs = (row: Said) => [cdr(row, '*default'), { ...cdr(row, 'supplier'), Account: 'carrier', Cost: '0.01' }];

const SIPWISE = PEER_FORMATS.sipwise.header!;
function sipwiseRow(row: Said): string {
  const cells: Record<string, string> = {
    id: row.id,
    source_user_id: '6f2c1f6e',
    source_account_id: row.account,
    destination_user_in: row.number.slice(1),
    start_time: `${local(row.startedAt)}.000`,
    duration: `${DURATION_S}.000`,
    rating_status: 'ok',
    rated_at: rated(row, local),
    source_customer_cost: row.cents.toFixed(6),
    source_customer_detail: row.tariff,
  };
  return SIPWISE.map((name) => `'${cells[name] ?? ''}'`).join(',');
}
function sealed(rows: readonly string[]): string {
  const unsealed = lines(`007,${String(rows.length).padStart(4, '0')}`, ...rows);
  return lines(unsealed.slice(0, -1), createHash('md5').update(unsealed).digest('hex'));
}

const usage = (row: Said) => ({
  id: row.id,
  usageDate: utc(row.startedAt),
  usageType: 'VOICE',
  status: 'rated',
  ratedProductUsage: [
    { ...(row.ratedAt > 0 && { ratingDate: rated(row) }), taxExcludedRatingAmount: { unit: 'EUR', value: 0.25 } },
    { taxExcludedRatingAmount: { unit: 'EUR', value: (row.cents - 25) / 100 } },
  ],
  relatedParty: [{ id: row.account, role: 'customer' }],
  usageCharacteristic: [
    { name: 'destinationNumber', value: row.number },
    { name: 'duration', value: DURATION_S },
    { name: 'tariff', value: row.tariff },
  ],
});

const germanTime = (ms: number) => {
  const [date, time] = local(ms).split(' ') as [string, string];
  return `${date.split('-').toReversed().join('.')} ${time}`;
};
const german = (row: Said) =>
  [
    row.id,
    row.account,
    germanTime(row.startedAt),
    '0:01:00',
    row.number,
    amount(row).replace('.', ','),
    row.tariff,
    rated(row, germanTime),
  ].join(';');

export const RANDOM_FEEDS: Record<string, RandomFeed> = {
  near: {
    states: ['interim', 'provisional'],
    as: 'ndjson',
    source: 'http',
    definition: {},
    write: (rows) => lines(...rows.map((row) => JSON.stringify(canonical(row)))),
  },
  'near-cgrates': {
    states: ['provisional'],
    as: 'ndjson',
    source: 'http',
    definition: { format: 'cgrates-json', mapping: { ...CGRATES, state: 'provisional' } },
    write: (rows) => lines(...rows.flatMap((row) => runs(row).map((run) => JSON.stringify(run)))),
  },
  nightly: {
    states: ['final'],
    as: 'csv',
    source: 'drop-folder',
    definition: {},
    write: (rows) =>
      lines(Object.keys(canonical(rows[0]!)).join(), ...rows.map((row) => Object.values(canonical(row)).join())),
  },
  'nightly-cgrates': {
    states: ['final'],
    as: 'csv',
    source: 'drop-folder',
    definition: { format: 'cgrates-csv', mapping: CGRATES },
    write: (rows) =>
      lines(
        Object.keys(cdr(rows[0]!, '')).join(),
        ...rows.flatMap((row) => runs(row).map((run) => Object.values(run).join())),
      ),
  },
  'nightly-sipwise': {
    states: ['final'],
    as: 'csv',
    source: 'drop-folder',
    definition: {
      format: 'sipwise',
      mapping: { currency: 'EUR', time_zone: 'Europe/Amsterdam', columns: { tariff: 'source_customer_detail' } },
    },
    write: (rows) => sealed(rows.map(sipwiseRow)),
  },
  'nightly-tmf': {
    states: ['final'],
    as: 'json',
    source: 'drop-folder',
    definition: { format: 'tmf635', mapping: { columns: { tariff: 'tariff' } } },
    write: (rows) => JSON.stringify(rows.map(usage)),
  },
  'nightly-csv': {
    states: ['final'],
    as: 'csv',
    source: 'drop-folder',
    definition: {
      format: 'mapped-csv',
      mapping: {
        header: ['id', 'customer', 'begin', 'length', 'to', 'price', 'tariff', 'rated'],
        columns: {
          record_id: 'id',
          account_id: 'customer',
          started_at: 'begin',
          duration_s: 'length',
          b_number: 'to',
          amount: 'price',
          tariff: 'tariff',
          revision: 'rated',
        },
        separator: ';',
        decimal: ',',
        time_zone: 'Europe/Amsterdam',
        time_format: 'dd.MM.yyyy HH:mm:ss',
        duration_unit: 'hh:mm:ss',
        currency: 'EUR',
        kind: 'voice',
      },
    },
    write: (rows) => lines(...rows.map(german)),
  },
};
