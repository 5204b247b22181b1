/** What tells of people goes when it is old, and nothing before; what was decided, and evidence, stand. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { ForgetPersonalData } from '../../src/pipeline/retention/forget-personal-data.ts';
import { startAdmin, type AdminApp } from '../admin/admin-app.ts';
import { ACCOUNT_ID, formOn, look, submit, tokenOf, warned } from '../answers/customer.ts';

const DAY_MS = 86_400_000;
const KEPT_DAYS = 100;

let admin: AdminApp;
beforeEach(async () => {
  admin = await startAdmin();
});
afterEach(() => admin.close());

const query = <T>(sql: string, parameters: unknown[] = []) => admin.database.dataSource.query<T[]>(sql, parameters);
const daysLater = (days: number) => admin.clock.advanceTo(admin.clock.now() + days * DAY_MS);
const forget = (days = KEPT_DAYS) =>
  new ForgetPersonalData(admin.database.dataSource, admin.clock, readConfig({ RETENTION_DAYS: String(days) })).run();

const TABLES = [
  'warnings',
  'warning_attempts',
  'warning_receipts',
  'answers',
  'decisions',
  'operator_messages',
  'operator_attempts',
  'operator_events',
  'alarms',
  'silences',
  'forecasts',
  'deviation_signatures',
  'signature_events',
  'changes',
];
const rowsOf = async (table: string) =>
  (await query<{ row: string }>(`SELECT t::text AS row FROM ${table} t`)).map(({ row }) => row);
/** Every row of every table that forgets. */
const everything = async () =>
  Object.fromEntries(
    await Promise.all(TABLES.map(async (table) => [table, (await rowsOf(table)).toSorted()] as const)),
  );
const count = async (table: string) => (await rowsOf(table)).length;

const PERSONAL =
  /jansen@example|31612345678|31207946000|31301112222|Bakkerij|127\.0\.0\.1|Browser of the tests|ops@example|10\.1\.2\.3/;
const tellingOfPeople = async () => {
  const found = await Promise.all(
    TABLES.map(async (table) => ((await rowsOf(table)).some((row) => PERSONAL.test(row)) ? [table] : [])),
  );
  return found.flat();
};

async function callMe(phone: string): Promise<void> {
  const token = await tokenOf(admin);
  const path = `/a/${token}/call-me`;
  const form = formOn((await look(admin, `/a/${token}`)).html, path);
  expect((await submit(admin, path, { ...form, at: 'other', phone })).status).toBe(303);
}

/** Messages that have left, with what gateways said of them; and an operator's message with a silenced event. */
async function sendAll(): Promise<void> {
  const at = new Date(admin.clock.now());
  await query(`UPDATE warnings SET state = 'sent', settled_at = $1 WHERE settled_at IS NULL`, [at]);
  await query(
    `INSERT INTO warning_attempts SELECT warning_id, 1, $1, 'sent', '250 for ' || address FROM warnings WHERE address <> ''
     ON CONFLICT DO NOTHING`,
    [at],
  );
  await query(
    `INSERT INTO warning_receipts (warning_id, at, said, part, answer) SELECT warning_id, $1, 'delivered', '', address FROM warnings
      WHERE address <> '' ON CONFLICT DO NOTHING`,
    [at],
  );
  await query(
    `WITH quiet AS (INSERT INTO silences (silence_id, reason, author, created_at, starts_at, ends_at)
       VALUES (gen_random_uuid(), 'a drill', 'anna', $1, $1, $1) RETURNING silence_id)
     UPDATE operator_events SET at = $1, grouped_at = $1, silence_id = quiet.silence_id FROM quiet WHERE grouped_at IS NULL`,
    [at],
  );
  await query(
    `WITH message AS (INSERT INTO operator_messages (message_id, receiver, kind, at, subject, text, body, state, settled_at)
       VALUES (gen_random_uuid(), 'team', 'notify-operator', $1, 's', 'call +31207946000', '{}', 'sent', $1) RETURNING message_id)
     INSERT INTO operator_attempts SELECT message_id, 1, $1, 'sent', '250' FROM message`,
    [at],
  );
}

async function lived(): Promise<void> {
  await warned(admin);
  const receiver = { kind: 'email', address: 'ops@example.net', events: ['alarm'] };
  expect((await admin.call('PUT', '/v1/receivers/team', { body: receiver })).statusCode).toBe(201);
  await query(
    `INSERT INTO changes (at, actor, subject, subject_id, change, before, after)
               VALUES ($1, 'anna', 'allowed-numbers', $2, 'changed', '[]', '["+31301112222"]')`,
    [new Date(admin.clock.now()), ACCOUNT_ID],
  );
  await query(`INSERT INTO forecasts VALUES ($1, gen_random_uuid(), '', '2010-03', $2, 1, '{}')`, [
    ACCOUNT_ID,
    new Date(admin.clock.now()),
  ]);
  await query(
    `INSERT INTO alarms (kind, subject, raised_at, text, facts, cleared_at)
     VALUES ('contact-fails', '${ACCOUNT_ID} email', $1, '550 for jansen@example.nl', '{}', $1),
            ('contact-fails', '${ACCOUNT_ID} sms', $1, 'still open', '{}', NULL)`,
    [new Date(admin.clock.now())],
  );
  await callMe('020 794 60 00');
  await sendAll();
}

it('nothing is forgotten that is young, and nothing is forgotten early where usage is kept for days only', async () => {
  await lived();
  const before = await everything();
  daysLater(KEPT_DAYS - 1);
  await forget();
  expect(await everything()).toEqual(before);
  expect(await tellingOfPeople()).toEqual([
    'warnings',
    'warning_attempts',
    'warning_receipts',
    'answers',
    'decisions',
    'operator_messages',
    'operator_events',
    'alarms',
    'changes',
  ]);
});

it('a link works for 31 days, so its warning is kept for twice as long however short usage is', async () => {
  await lived();
  const before = await everything();
  daysLater(61);
  await forget(1);
  expect(await everything()).toEqual(before);
  daysLater(2);
  await forget(1);
  expect(await tellingOfPeople()).toEqual([]);
});

it('what is old goes or is masked, what is young stays, and what was done still stands', async () => {
  await lived();
  const told = await query<{ type: string; at: Date }>('SELECT type, at FROM decisions ORDER BY decision_no');
  daysLater(60);
  await callMe('030 111 22 22');
  await sendAll();
  daysLater(KEPT_DAYS - 59);
  await forget();

  expect(
    await query(`SELECT address <> '' AS known, text <> '' OR facts <> '[]' AS said, state FROM warnings`),
  ).toEqual(expect.arrayContaining([{ known: false, said: false, state: 'sent' }]));
  expect(await query(`SELECT phone, address, user_agent, answer FROM answers ORDER BY answer_no`)).toEqual([
    { phone: '', address: '', user_agent: '', answer: 'call-me' },
    { phone: '+31301112222', address: '127.0.0.1', user_agent: 'Browser of the tests', answer: 'call-me' },
  ]);
  const asked = await query<{ explanation: string }>(
    `SELECT explanation FROM decisions WHERE type = 'notify-operator' ORDER BY decision_no`,
  );
  expect(asked.map(({ explanation }) => explanation.split('called at ')[1])).toEqual(['(a number).', '+31301112222.']);
  expect(await query(`SELECT type, at FROM decisions ORDER BY decision_no LIMIT ${told.length}`)).toEqual(told);
  const left = { operator_messages: 1, operator_attempts: 1, operator_events: 1, alarms: 1, silences: 1, forecasts: 0 };
  for (const [table, rows] of Object.entries(left)) expect([table, await count(table)]).toEqual([table, rows]);
  expect((await rowsOf('changes')).filter((row) => PERSONAL.test(row))).toEqual([]);
  expect(await query(`SELECT after ->> 'segment' AS segment FROM changes WHERE subject = 'account'`)).toEqual([
    { segment: 'smb' },
  ]);

  const after = await everything();
  await Promise.all([forget(), forget()]);
  expect(await everything()).toEqual(after);
});

it('evidence stays as it was written and verifies; a number to call back at was masked in it from the first', async () => {
  await lived();
  const before = await rowsOf('evidence');
  daysLater(3_000);
  await forget();
  expect(await rowsOf('evidence')).toEqual(before);
  expect(before.filter((row) => /31207946000/.test(row))).toEqual([]);
  const checked = await inTransaction(admin.database.dataSource, ({ client }) => verifyAccount(client, ACCOUNT_ID));
  expect(checked).toMatchObject({ ok: true, entries: before.length });
});

it('what is usual for an account goes with the account, the same night', async () => {
  await query(`INSERT INTO deviation_signatures VALUES ('gone', '\\x00'), ('1001', '\\x00')`);
  await query(
    `INSERT INTO signature_events (account_id, what, arrived, import_id, at)
     SELECT unnest('{gone,1001}'::text[]), 'taken-in', 64, 1, now()`,
  );
  await query(`INSERT INTO corrected_accounts VALUES ('gone', now()), ('1001', now())`);
  await warned(admin);
  await forget();
  expect(await query('SELECT account_id FROM deviation_signatures')).toEqual([{ account_id: '1001' }]);
  expect(await query('SELECT account_id FROM signature_events')).toEqual([{ account_id: '1001' }]);
  expect(await query('SELECT account_id FROM corrected_accounts')).toEqual([{ account_id: '1001' }]);
});

it('more than fit into one batch go in several', async () => {
  await warned(admin);
  await query(
    `INSERT INTO answers (answer_id, form_id, account_id, decision_id, answer, at, shown, language, address, user_agent, currency)
     SELECT gen_random_uuid(), gen_random_uuid(), '1001', decision_id, 'not-us', '2000-01-01', 'words', 'nl', '10.1.2.3', 'b', 'EUR'
       FROM (SELECT decision_id FROM decisions LIMIT 1) d, generate_series(1, 4500)`,
  );
  await forget();
  expect(await query(`SELECT count(*)::int AS left FROM answers WHERE address <> ''`)).toEqual([{ left: 0 }]);
});
