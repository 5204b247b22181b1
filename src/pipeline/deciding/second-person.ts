/**
 * What two people have to agree on. Where an amount is set, a billing key by itself
 *
 * - lifts no suspension of more spend than that;
 * - settles no case by a verdict that ends bars of more spend, each account's highest together;
 * - raises an account's limits for a while by no more, all uplifts together that are in force and that nobody agreed to;
 * - weakens no cap, whosever it is, by more within a month, and puts no account under caps so much weaker
 *   (`limits/weakened-protection.ts`).
 *
 * Of all but the last it asks, and another key agrees or declines; the last is refused. An administrator's key acts alone, and
 * nobody agrees to what they asked for themselves.
 *
 * That is all that the rule covers. By itself a billing key still answers the guard, declines a bar that waits, says which numbers always
 * pass, takes `suspension_terms` from an account, and sets policies for deviations. Each stands among the changes, or in evidence, under the name of who did it.
 */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import type { Verdict } from '../../cases/case.ts';
import { caseVersion, lockCase } from '../../cases/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { decisionId } from '../../decisions/decision.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { Clock, parseInstant, toDate, type Instant } from '../../kernel/clock.ts';
import { formatAmount, parseAmount, type Micros } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { lockCounting } from '../../ledger/usage-store.ts';
import { step } from '../../suspensions/states.ts';
import { lockSuspension } from '../../suspensions/store.ts';
import { endAll } from '../suspending/tell-of-suspensions.ts';
import { GrantUplift, type UpliftRequest } from '../limits/grant-uplift.ts';
import { recordChanges } from '../recorded-change.ts';
import { askedUplift, ledTo, type AskedUplift } from './asked-uplift.ts';
import { refuseOtherVersion, SettleCase } from './settle-case.ts';

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
  | { do: 'verdict'; case: string; verdict: Verdict; version: number; reason: string }
  | AskedUplift;

/** Of which account, or none, and how much spend what is asked for is about. */
interface About {
  accountId: string;
  amount: Micros;
  currency: string;
}

/** Rolls back what may not be done alone. */
class NeedsTwo extends Error {
  constructor(readonly about: About) {
    super('a second person has to agree');
  }
}

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
    private readonly cases: SettleCase,
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
      return this.#ask(
        client,
        { do: 'lift', suspension, reason },
        { accountId: row.account_id, amount, currency },
        person,
      );
    });
  }

  /**
   * Raises a limit for a while, or asks for it, where this person may not do so alone. Refuses like the uplift itself, and
   * with `already_asked`. A `request` by a name that the account has had before does nothing and is answered by what that one led to; it
   * is refused with `another_request` where that one asked for something else.
   */
  async raise(
    asked: Omit<UpliftRequest, 'id' | 'actor'>,
    person: Person,
    request: string | undefined,
  ): Promise<{ uplift: string } | { approval: string }> {
    const id = request === undefined ? randomUUID() : decisionId('uplift', asked.accountId, request);
    const raise = async (client: ClientBase) => {
      const before = await ledTo(client, id, askedUplift(asked));
      if (before) return before;
      if (await this.#mayRaise(client, asked, person)) {
        return { uplift: await this.uplifts.grantWithin(client, { ...asked, id, actor: person.actor }) };
      }
      const { accountId, amount } = asked;
      const [account] = await accountsById(client, [accountId]);
      if (!account) throw new Refusal('not-found', 'unknown_account', `there is no account ${accountId}`);
      const about = { accountId, amount, currency: account.currency };
      return { approval: await this.#ask(client, askedUplift(asked), about, person, id) };
    };
    // Of two by one name at once, the one that comes second is answered by what the first led to.
    return inTransaction(this.dataSource, ({ client }) => raise(client), { retryOnUniqueViolation: true });
  }

  /**
   * Settles a case, or asks for it where this person may not do so alone; resolves to what they wait for, or to undefined where it is
   * settled. It is done to see what it ends, and rolled back where that is too much. Refuses like the settling itself, and with
   * `already_asked`.
   */
  async settle(
    caseNo: string,
    verdict: Verdict,
    reason: string,
    seen: number | undefined,
    person: Person,
  ): Promise<string | undefined> {
    if (person.alone) {
      await this.cases.settle(caseNo, verdict, person.actor, reason, seen);
      return undefined;
    }
    try {
      await inTransaction(this.dataSource, async ({ client }) => {
        const said = { verdict, by: person.actor, why: reason, at: this.clock.now() };
        const unbarred = await this.cases.settleWithin(client, caseNo, said, seen);
        const about = await endedWith(client, unbarred);
        if (about && (await this.#needsTwo(client, about.amount))) throw new NeedsTwo(about);
      });
      await this.cases.decideBehind();
      return undefined;
    } catch (error) {
      if (!(error instanceof NeedsTwo)) throw error;
      return inTransaction(this.dataSource, async ({ client }) => {
        const row = (await lockCase(client, caseNo))!;
        if (seen !== undefined) await refuseOtherVersion(client, row, seen);
        const version = await caseVersion(client, caseNo);
        const about = { ...error.about, accountId: row.account_id };
        return this.#ask(client, { do: 'verdict', case: caseNo, verdict, version, reason }, about, person);
      });
    }
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
    await this.cases.decideBehind();
  }

  /** Says no; who asked may take it back in this way. Refuses with `unknown_approval` and `already_settled`. */
  async decline(id: string, reason: string, person: Person): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const row = await this.#lockPending(client, id);
      const at = this.clock.now();
      await settle(client, id, 'declined', person.actor, reason, null, at);
      await keepEvidence(client, row.account_id, 'approval-declined', { approval: id, by: person.actor, reason }, at);
    });
  }

  async #needsTwo(client: ClientBase, amount: Micros): Promise<boolean> {
    const { above } = await readRule(client);
    return above !== undefined && amount > above;
  }

  async #ask(
    client: ClientBase,
    asked: Asked,
    { accountId, amount, currency }: About,
    person: Person,
    id: string = randomUUID(),
  ): Promise<string> {
    const { rows: same } = await client.query<{ approval_id: string }>(
      `SELECT approval_id FROM approvals WHERE account_id = $1 AND state = 'pending' AND asked @> $2`,
      [accountId, JSON.stringify(sameAs(asked))],
    );
    if (same[0]) {
      throw new Refusal(
        'conflict',
        'already_asked',
        `approval ${same[0].approval_id} waits for a second person already`,
      );
    }
    const at = this.clock.now();
    await client.query(
      `INSERT INTO approvals (approval_id, account_id, asked, amount_micros, currency, asked_by, asked_by_key, asked_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [id, accountId, JSON.stringify(asked), amount.toString(), currency, person.actor, person.key, toDate(at)],
    );
    await keepEvidence(client, accountId, 'approval-asked', { approval: id, by: person.actor, asked }, at);
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
  async #carryOut(client: PoolClient, row: ApprovalRow, actor: string, at: Instant): Promise<string | null> {
    const { asked } = row;
    if (asked.do === 'lift') {
      await lockLiftable(client, asked.suspension);
      const ending = { trigger: 'manual' as const, by: actor, reason: asked.reason, at };
      await endAll(client, [asked.suspension], ending);
      return null;
    }
    if (asked.do === 'verdict') {
      const said = { verdict: asked.verdict, by: actor, why: asked.reason, at };
      await this.cases.settleWithin(client, asked.case, said, asked.version);
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

/** What else would be asked for twice. */
function sameAs(asked: Asked): object {
  if (asked.do === 'lift') return { do: 'lift', suspension: asked.suspension };
  // One of a case of which something was said since is never agreed to, so it is in nobody's way.
  return asked.do === 'verdict' ? { do: 'verdict', case: asked.case, version: asked.version } : asked;
}

/** Of bars that ended the spend of each account, together, in the currency in which that is most. */
async function endedWith(client: ClientBase, decisions: readonly string[]): Promise<About | undefined> {
  const { rows } = await client.query<{ currency: string; amount: string }>(
    `SELECT currency, sum(most)::bigint AS amount
       FROM (SELECT account_id, currency, max(spend_micros) AS most FROM decisions
              WHERE decision_id = ANY ($1::uuid[]) AND spend_micros IS NOT NULL GROUP BY 1, 2) of_account
      GROUP BY 1 ORDER BY 2 DESC LIMIT 1`,
    [decisions],
  );
  return rows[0] && { accountId: '', amount: BigInt(rows[0].amount), currency: rows[0].currency };
}

/** What is asked of a number range is in no account's evidence, but among the events of its case. */
async function keepEvidence(
  client: ClientBase,
  accountId: string,
  kind: string,
  body: object,
  at: Instant,
): Promise<void> {
  if (accountId !== '') await appendEvidence(client, [{ accountId, at, kind, body: { ...body } }]);
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

/** The amount beyond which two people have to agree; undefined: nobody has to. */
export async function amountAbove(client: ClientBase): Promise<Micros | undefined> {
  return (await readRule(client)).above;
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
