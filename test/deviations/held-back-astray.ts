/** What is in the database of accounts whose bars are held back, held against what ought to be. */
import { accountsById } from '../../src/accounts/store.ts';
import { suspendedClass } from '../../src/caps/barring.ts';
import { capBook } from '../../src/caps/uplift-store.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { verifyAccount } from '../../src/evidence/read.ts';
import { toDate } from '../../src/kernel/clock.ts';
import { calendarPeriod } from '../../src/kernel/period.ts';
import type { HeldBack } from './held-back.ts';

interface BarRow {
  id: string;
  account_id: string;
  cap_id: string | null;
  class: string;
  state: string;
  period: string;
  percent: number | null;
  decision_id: string;
  lift_by: string | null;
  lift_wanted_at: Date | null;
  /** whether the guard, or a brake, has it wait still */
  guard_holds: boolean;
  brake_holds: boolean;
  /** a person was asked by its cap's mode, or has to be since there is no clause */
  asks: boolean;
  /** states now of the cases whose verdict of a wrong price ended it */
  wrongly: string[];
}

const BARS = `
  SELECT s.suspension_id AS id, s.account_id, s.cap_id, s.class, s.state, s.period, d.threshold::float8 AS percent, s.decision_id, s.lift_by,
         s.lift_wanted_at, coalesce(q.state = 'open', false) AS guard_holds, coalesce(c.state IN ('open', 'rating-error'), false) AS brake_holds,
         coalesce(k.definition ->> 'mode' = 'approve', false) AS asks,
         ARRAY(SELECT w.state FROM cases w JOIN case_events e USING (case_no)
                WHERE e.at = s.lift_wanted_at AND e.what IN ('rating-error', 'closed')) AS wrongly
    FROM suspensions s JOIN decisions d USING (decision_id) LEFT JOIN guard_questions q ON q.question_id = s.guard_question
    LEFT JOIN braked_decisions b USING (decision_id) LEFT JOIN cases c USING (case_no) LEFT JOIN caps k ON k.cap_id = s.cap_id
   WHERE s.requested_by = 'plafond' ORDER BY s.suspension_no`;

const LIVE = ['awaiting-approval', 'wanted', 'applied'];
const RIGHT = ['legitimate', 'confirmed-fraud'];

export type Standing = Map<string, BarRow>;

export async function standing(held: HeldBack): Promise<Standing> {
  return new Map((await held.plafond.query<BarRow>(BARS)).map((row) => [row.id, row]));
}

interface Asked {
  account: string;
  cap: string;
  manual: boolean;
  period: string;
  percent: number;
  reached: boolean;
  suspends: boolean;
  warns: boolean;
}

/** What caps that hold ask for now. */
async function asked(held: HeldBack): Promise<Asked[]> {
  const { database, clock } = held.plafond;
  return inTransaction(database.dataSource, async ({ client }) => {
    const book = await capBook(client);
    const { rows: ids } = await client.query<{ account_id: string }>('SELECT account_id FROM accounts');
    const all: Asked[] = [];
    for (const account of await accountsById(
      client,
      ids.map((row) => row.account_id),
    )) {
      for (const cap of book.ofAccount(account)) {
        const period = calendarPeriod(cap.period as 'day' | 'month', clock.now(), account);
        const { rows } = await client.query<{ spend: string }>(
          `SELECT coalesce(sum(amount_micros), 0)::text AS spend FROM usage WHERE account_id = $1 AND started_at >= $2 AND started_at < $3`,
          [account.accountId, toDate(period.from), toDate(period.to)],
        );
        for (const { percent, amount, actions } of cap.thresholds) {
          all.push({
            account: account.accountId,
            cap: cap.id,
            manual: cap.reinstate === 'manual',
            period: period.name,
            percent,
            reached: BigInt(rows[0]!.spend) >= amount,
            suspends: actions.some((action) => suspendedClass(action) !== undefined),
            warns: actions.includes('warn'),
          });
        }
      }
    }
    return all;
  });
}

const isOf = (row: BarRow, each: Asked) =>
  row.account_id === each.account &&
  row.cap_id === each.cap &&
  row.period === each.period &&
  row.percent === each.percent;
const inWords = (row: BarRow) => `${row.account_id} ${row.class} ${row.period} ${row.state}`;

/** What of caps was carried out since `before`, though nothing asks for it. */
export async function carriedOutFor(held: HeldBack, before: Standing, after: Standing): Promise<string[]> {
  const all = await asked(held);
  const carried = [...after.values()].filter(
    (row) => row.cap_id !== null && row.state === 'wanted' && before.get(row.id)?.state === 'awaiting-approval',
  );
  return carried
    .filter((row) => {
      const now = all.filter(
        (each) => each.account === row.account_id && each.cap === row.cap_id && each.percent === row.percent,
      );
      // Of a period that is over, what is lifted by hand only.
      return !now.some((each) => (each.period === row.period ? each.reached : each.manual));
    })
    .map((row) => `${inWords(row)} is carried out for nothing`);
}

/** What rules have made since `before` though the guard lets nothing pass. */
export async function pastGuard(held: HeldBack, before: Standing, after: Standing): Promise<string[]> {
  const [guard] = await held.plafond.query<{ per_hour: number }>('SELECT per_hour FROM guard');
  if (guard!.per_hour > 0) return [];
  const made = [...after.values()].filter(
    (row) => row.state === 'wanted' && (before.get(row.id)?.state ?? 'awaiting-approval') === 'awaiting-approval',
  );
  return made.map((row) => `${inWords(row)} passes the guard`);
}

/** What ought not to be, in words. */
export async function astray(
  held: HeldBack,
  corrected: readonly { account: string; at: number }[],
  raised: ReadonlySet<string>,
): Promise<string[]> {
  const faults: string[] = [];
  const rows = [...(await standing(held)).values()];
  for (const row of rows) {
    if (row.state === 'awaiting-approval' && !row.guard_holds && !row.brake_holds && !row.asks)
      faults.push(`${inWords(row)}: nobody holds it`);
  }
  for (const each of (await asked(held)).filter(({ suspends }) => suspends)) {
    const own = rows.filter((row) => isOf(row, each));
    const live = own.filter(({ state }) => LIVE.includes(state));
    const last = own.at(-1);
    const what = `${each.account} at ${each.percent} % in ${each.period}`;
    if (live.length > 1) faults.push(`${what}: barred ${live.length} times`);
    if (!each.reached && live.length > 0 && !each.manual) faults.push(`${what}: barred, though it is not reached`);
    if (!each.reached || live.length > 0) continue;
    if (!last) faults.push(`${what}: not barred`);
    else if (last.lift_by === 'plafond') faults.push(`${what}: not barred, since nobody said so`);
    else if (last.wrongly.some((state) => RIGHT.includes(state)))
      faults.push(`${what}: not barred, though prices were right`);
    else if (
      last.wrongly.length > 0 &&
      corrected.some(({ account, at }) => account === each.account && at > last.lift_wanted_at!.getTime())
    )
      faults.push(`${what}: not barred as corrected`);
  }
  faults.push(...(await ofCases(held)), ...(await ofWarnings(held, corrected, raised)));
  return faults;
}

/** What verdicts promised of deviations' bars. */
async function ofCases(held: HeldBack): Promise<string[]> {
  const rows = await held.plafond.query<{
    account_id: string;
    state: string;
    bar: string;
    case_no: string;
    by_verdict: boolean;
  }>(
    `SELECT DISTINCT ON (s.decision_id, s.class) c.case_no, c.account_id, c.state, s.state AS bar,
            s.lift_wanted_at IN (SELECT at FROM case_events e WHERE e.case_no = c.case_no) AS by_verdict
       FROM cases c JOIN case_decisions USING (case_no) JOIN suspensions s USING (decision_id)
      WHERE c.kind = 'account' AND s.cap_id IS NULL AND s.requested_by = 'plafond' AND s.requested_at <= c.state_at
      ORDER BY s.decision_id, s.class, s.suspension_no DESC`,
  );
  return rows.flatMap(({ account_id, state, bar, by_verdict }) => {
    const isLive = LIVE.includes(bar);
    const isBroken =
      state === 'confirmed-fraud'
        ? bar === 'awaiting-approval' || (!isLive && by_verdict)
        : isLive && state !== 'closed';
    return isBroken ? [`${account_id}: its case is ${state}, and the bar of a deviation ${bar}`] : [];
  });
}

/** Warnings: once, and where nothing withholds them. */
async function ofWarnings(
  held: HeldBack,
  corrected: readonly { account: string; at: number }[],
  raised: ReadonlySet<string>,
): Promise<string[]> {
  const faults: string[] = [];
  for (const each of (await asked(held)).filter(({ warns }) => warns)) {
    const decided = await held.plafond.query<{
      type: string;
      at: Date;
      holds: boolean | null;
      wrong_at: Date | null;
      state: string;
    }>(
      `SELECT d.type, d.at, c.state IN ('open', 'rating-error') AS holds, c.state,
              (SELECT max(e.at) FROM case_events e WHERE e.case_no = c.case_no AND e.what = 'rating-error') AS wrong_at
         FROM decisions d LEFT JOIN braked_decisions b USING (decision_id) LEFT JOIN cases c USING (case_no)
        WHERE d.account_id = $1 AND d.cap_id = $2 AND d.period = $3 AND d.threshold = $4 AND d.action = 'warn' ORDER BY d.decision_no`,
      [each.account, each.cap, each.period, each.percent],
    );
    const what = `${each.account} at ${each.percent} % in ${each.period}`;
    const warned = decided.filter(({ type }) => type === 'warn');
    if (warned.length > 1 && !raised.has(each.account)) faults.push(`${what}: warned ${warned.length} times`);
    const last = decided.at(-1);
    if (!each.reached || warned.length > 0 || last?.holds) continue;
    const isDoubtful =
      last !== undefined &&
      last.wrong_at !== null &&
      last.state === 'closed' &&
      !corrected.some(({ account, at }) => account === each.account && at > last.wrong_at!.getTime());
    if (!isDoubtful) faults.push(`${what}: not warned`);
  }
  return faults;
}

/** What every story leaves: evidence that holds, and no decision that is told of twice. */
export async function recordsAstray(held: HeldBack): Promise<string[]> {
  const twice = await held.plafond.query<{ told: string }>(
    `SELECT f ->> 'decisionId' AS told FROM warnings, jsonb_array_elements(facts) AS f WHERE channel = 'email'
      GROUP BY 1 HAVING count(*) > 1`,
  );
  const verified = await inTransaction(held.plafond.database.dataSource, async ({ client }) => {
    const { rows } = await client.query<{ account_id: string }>('SELECT account_id FROM accounts ORDER BY 1');
    const all: string[] = [];
    for (const { account_id } of rows)
      if (!(await verifyAccount(client, account_id)).ok) all.push(`${account_id}: evidence`);
    return all;
  });
  return [...twice.map(({ told }) => `decision ${told} is told of twice`), ...verified];
}
