/**
 * What two people have to agree on. Where an amount is set, a billing key by itself
 *
 * - lifts no suspension of more spend than that;
 * - raises an account's limits for a while by no more, all uplifts together that are in force and that nobody agreed to;
 * - raises the limit of a cap of one account or service by no more within a month.
 *
 * Of the first two it asks, and another key agrees or declines; the third is refused. An administrator's key acts alone, and
 * nobody agrees to what they asked for themselves.
 *
 * That is all that the rule covers. By itself a billing key still changes caps of segments and of everyone, makes and deletes
 * caps, changes thresholds and mode, puts an account into another segment, and settles a case, whose verdict may lift what
 * it barred. Each stands among the changes, or the events of its case, under the name of who did it.
 */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Traffic } from '../../destinations/traffic.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { Clock, formatInstant, parseInstant, toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount, type Micros } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { step } from '../../suspensions/states.ts';
import { lockSuspension } from '../../suspensions/store.ts';
import { endAll } from '../suspending/tell-of-suspensions.ts';
import { GrantUplift, type UpliftRequest } from '../limits/grant-uplift.ts';
import { recordChanges } from '../recorded-change.ts';

/** Who asks or agrees. */
export interface Person {
  /** as written down beside what they do */
  actor: string;
  /** the id of their key, by which two are told apart */
  key: string;
  /** whether their role acts alone */
  alone: boolean;
}

/** What was asked for, as it is kept until somebody agrees. */
type Asked =
  | { do: 'lift'; suspension: string; reason: string }
  | { do: 'uplift'; cap?: string; traffic?: Traffic; amount: string; until: string; reason: string };

export interface ApprovalRow {
  approval_no: string;
  approval_id: string;
  state: 'pending' | 'approved' | 'declined';
  account_id: string;
  asked: Asked;
  amount_micros: string;
  currency: string;
  asked_by: string;
  asked_by_key: string;
  asked_at: Date;
  settled_by: string | null;
  settled_at: Date | null;
  settled_reason: string | null;
  uplift_id: string | null;
}

export interface SecondPersonRule {
  version: number;
  /** undefined: nobody has to agree to anything */
  above: Micros | undefined;
}

@Injectable()
export class SecondPerson {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly uplifts: GrantUplift,
  ) {}

  async rule(): Promise<SecondPersonRule> {
    return inTransaction(this.dataSource, ({ client }) => readRule(client));
  }

  /** Refuses with `changed_meanwhile`. */
  async change(above: Micros | undefined, ifMatch: number | undefined, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const before = await readRule(client, 'FOR UPDATE');
      if (ifMatch !== undefined && ifMatch !== before.version) {
        const detail = `the rule is at version ${before.version}, not ${ifMatch}; read it again`;
        throw new Refusal('changed-meanwhile', 'changed_meanwhile', detail);
      }
      await client.query('UPDATE second_person SET version = version + 1, above_micros = $1', [
        above?.toString() ?? null,
      ]);
      const shown = (amount: Micros | undefined) => ({ above: amount === undefined ? null : formatAmount(amount) });
      const change = { actor, subject: 'second-person', subjectId: 'rule', change: 'changed' } as const;
      await recordChanges(client, [{ ...change, before: shown(before.above), after: shown(above) }], this.clock.now());
    });
  }

  /**
   * Asks for a suspension to be lifted, where this person may not do so alone; resolves to what they wait for, or to
   * undefined where they may go on. Refuses like the lifting itself, and with `already_asked`.
   */
  async askToLift(suspension: string, reason: string, person: Person): Promise<string | undefined> {
    return inTransaction(this.dataSource, async ({ client }) => {
      if (person.alone) return undefined;
      const row = await lockLiftable(client, suspension);
      const { rows } = await client.query<{ spend_micros: string | null; currency: string }>(
        'SELECT spend_micros, currency FROM decisions WHERE decision_id = $1',
        [row.decision_id],
      );
      const amount = BigInt(rows[0]?.spend_micros ?? 0);
      if (!(await this.#needsTwo(client, amount))) return undefined;
      const currency = rows[0]!.currency;
      return this.#ask(client, row.account_id, { do: 'lift', suspension, reason }, amount, currency, person);
    });
  }

  /**
   * Raises a limit for a while, or asks for it, where this person may not do so alone. Refuses like the uplift itself, and
   * with `already_asked`.
   */
  async raise(asked: Omit<UpliftRequest, 'actor'>, person: Person): Promise<{ uplift: string } | { approval: string }> {
    return inTransaction(this.dataSource, async ({ client }) => {
      if (await this.#mayRaise(client, asked, person)) {
        return { uplift: await this.uplifts.grantWithin(client, { ...asked, actor: person.actor }) };
      }
      const [account] = await accountsById(client, [asked.accountId]);
      if (!account) throw new Refusal('not-found', 'unknown_account', `there is no account ${asked.accountId}`);
      const { accountId, of, amount, until, reason } = asked;
      const kept = { do: 'uplift' as const, ...of, amount: formatAmount(amount), until: formatInstant(until), reason };
      return { approval: await this.#ask(client, accountId, kept, amount, account.currency, person) };
    });
  }

  async #mayRaise(client: ClientBase, asked: Omit<UpliftRequest, 'actor'>, person: Person): Promise<boolean> {
    const { above } = await readRule(client);
    if (person.alone || above === undefined) return true;
    // Of uplifts that are asked for at once each counts those before it.
    await lockCounting(client);
    return asked.amount + (await raisedAlone(client, asked.accountId)) <= above;
  }

  /**
   * Agrees: what was asked for is done in the same transaction. Refuses with `unknown_approval`, `already_settled`,
   * `own_request`, and like what is done.
   */
  async approve(id: string, person: Person): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const row = await this.#lockPending(client, id);
      if (row.asked_by_key === person.key) {
        throw new Refusal('conflict', 'own_request', 'another person has to agree to what you asked for');
      }
      const at = this.clock.now();
      const actor = `${row.asked_by}, approved by ${person.actor}`;
      const upliftId = await this.#carryOut(client, row, actor, at);
      await settle(client, id, 'approved', person.actor, null, upliftId, at);
    });
  }

  /** Says no; who asked may take it back in this way. Refuses with `unknown_approval` and `already_settled`. */
  async decline(id: string, reason: string, person: Person): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const row = await this.#lockPending(client, id);
      const at = this.clock.now();
      await settle(client, id, 'declined', person.actor, reason, null, at);
      await appendEvidence(client, [
        { accountId: row.account_id, at, kind: 'approval-declined', body: { approval: id, by: person.actor, reason } },
      ]);
    });
  }

  async #needsTwo(client: ClientBase, amount: Micros): Promise<boolean> {
    const { above } = await readRule(client);
    return above !== undefined && amount > above;
  }

  async #ask(
    client: ClientBase,
    accountId: string,
    asked: Asked,
    amount: Micros,
    currency: string,
    person: Person,
  ): Promise<string> {
    const { rows: same } = await client.query<{ approval_id: string }>(
      `SELECT approval_id FROM approvals WHERE account_id = $1 AND state = 'pending' AND asked @> $2`,
      [accountId, JSON.stringify(asked.do === 'lift' ? { do: 'lift', suspension: asked.suspension } : asked)],
    );
    if (same[0]) {
      throw new Refusal(
        'conflict',
        'already_asked',
        `approval ${same[0].approval_id} waits for a second person already`,
      );
    }
    const id = randomUUID();
    const at = this.clock.now();
    await client.query(
      `INSERT INTO approvals (approval_id, account_id, asked, amount_micros, currency, asked_by, asked_by_key, asked_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [id, accountId, JSON.stringify(asked), amount.toString(), currency, person.actor, person.key, toDate(at)],
    );
    await appendEvidence(client, [
      { accountId, at, kind: 'approval-asked', body: { approval: id, by: person.actor, asked } },
    ]);
    return id;
  }

  async #lockPending(client: ClientBase, id: string): Promise<ApprovalRow> {
    const { rows } = await client.query<ApprovalRow>('SELECT * FROM approvals WHERE approval_id = $1 FOR UPDATE', [id]);
    const row = rows[0];
    if (!row) throw new Refusal('not-found', 'unknown_approval', `there is no approval ${id}`);
    if (row.state !== 'pending') throw new Refusal('conflict', 'already_settled', `it is ${row.state} already`);
    return row;
  }

  /** Does what was asked for; answers the uplift that came of it. */
  async #carryOut(client: ClientBase, row: ApprovalRow, actor: string, at: Instant): Promise<string | null> {
    const { asked } = row;
    if (asked.do === 'lift') {
      await lockLiftable(client, asked.suspension);
      const ending = { trigger: 'manual' as const, by: actor, reason: asked.reason, at };
      await endAll(client, [asked.suspension], ending);
      return null;
    }
    return this.uplifts.grantWithin(client, {
      accountId: row.account_id,
      of: asked.cap === undefined ? { traffic: asked.traffic! } : { cap: asked.cap },
      amount: parseAmount(asked.amount)!,
      until: parseInstant(asked.until)!,
      reason: asked.reason,
      actor,
    });
  }
}

async function readRule(client: ClientBase, lock = ''): Promise<SecondPersonRule> {
  const { rows } = await client.query<{ version: number; above_micros: string | null }>(
    `SELECT version, above_micros FROM second_person ${lock}`,
  );
  const { version, above_micros: above } = rows[0]!;
  return { version, above: above === null ? undefined : BigInt(above) };
}

/** By how much uplifts in force raise limits of an account, without those that a second person agreed to. By `uplifts_of_account`. */
const RAISED_ALONE = `
  SELECT coalesce(sum(amount_micros), 0)::text AS raised FROM uplifts u
   WHERE account_id = $1 AND ended_at IS NULL
     AND NOT EXISTS (SELECT FROM approvals a WHERE a.uplift_id = u.uplift_id AND a.state = 'approved')`;

async function raisedAlone(client: ClientBase, accountId: string): Promise<Micros> {
  const { rows } = await client.query<{ raised: string }>(RAISED_ALONE, [accountId]);
  return BigInt(rows[0]!.raised);
}

const MONTH_MS = 31 * 86_400_000;

/**
 * The limit of a cap, and the lowest that it has had since `$2` while it was one account's or service's; by the primary key of its
 * versions.
 */
const LIMITS = `
  SELECT c.definition ->> 'limit' AS now,
         (SELECT min((v.definition ->> 'limit')::numeric)::text FROM cap_versions v
           WHERE v.cap_id = c.cap_id AND v.definition -> 'scope' ?| '{account,service}'
             AND v.version >= coalesce((SELECT max(version) FROM cap_versions WHERE cap_id = c.cap_id AND changed_at <= $2), 0)) AS lowest
    FROM caps c WHERE c.cap_id = $1`;

/** Refuses with `second_person_needed`. To be called while nobody else changes caps. */
export async function refuseRaisingAlone(client: ClientBase, capId: string, limit: Micros, at: Instant): Promise<void> {
  const { above } = await readRule(client);
  if (above === undefined) return;
  const { rows } = await client.query<{ now: string; lowest: string | null }>(LIMITS, [capId, toDate(at - MONTH_MS)]);
  const { now, lowest } = rows[0] ?? { now: '', lowest: null };
  if (lowest === null || limit <= parseAmount(now)! || limit - parseAmount(lowest)! <= above) return;
  throw new Refusal(
    'conflict',
    'second_person_needed',
    `it would raise this limit by more than ${formatAmount(above)} within a month: an administrator may, or raise it for a while, to which another person agrees`,
  );
}

async function lockLiftable(client: ClientBase, suspension: string) {
  const row = await lockSuspension(client, suspension);
  if (!row) throw new Refusal('not-found', 'unknown_suspension', `there is no suspension ${suspension}`);
  const next = step(row.state, 'lift');
  if ('no' in next) throw new Refusal('conflict', next.no.code, next.no.detail);
  return row;
}

async function settle(
  client: ClientBase,
  id: string,
  state: 'approved' | 'declined',
  by: string,
  reason: string | null,
  upliftId: string | null,
  at: Instant,
): Promise<void> {
  await client.query(
    `UPDATE approvals SET state = $2, settled_by = $3, settled_reason = $4, uplift_id = $5, settled_at = $6 WHERE approval_id = $1`,
    [id, state, by, reason, upliftId, toDate(at)],
  );
}
