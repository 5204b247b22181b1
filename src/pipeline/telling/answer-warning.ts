/**
 * Carries out what a customer answers to a warning, in one transaction: the answer with what they had read, what changes
 * because of it, what operators are told, and the evidence of all of it. A form counts once, whoever sends it again.
 */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { lockAccounts } from '../../accounts/store.ts';
import { consentText, confirmationMail, editionFor, type PageBrand } from '../../answers/pages.ts';
import { readConsent, type WrongAmount } from '../../answers/consent.ts';
import { insertAnswer, type Answer, type AnswerKind } from '../../answers/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { decisionResponse } from '../../decisions/decision.ts';
import { insertDecisions } from '../../decisions/store.ts';
import { normalizeCaller } from '../../destinations/classify.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { maskAddress } from '../../kernel/masking.ts';
import { formatAmount, type Micros } from '../../kernel/money.ts';
import { enqueue } from '../../queues/outbox.ts';
import { endSuspensions, liveByHand, type SuspensionRow } from '../../suspensions/store.ts';
import type { Link } from '../../warnings/link.ts';
import { keepWritten } from '../../warnings/planned.ts';
import { GrantUplift } from '../limits/grant-uplift.ts';
import { answerEvidence, confirmationOf, noticesOf, tellOperators, withoutPhone } from './answer-record.ts';
import { openUntil, readSituation, type KnownSituation } from './read-situation.ts';
import { SettleCase } from '../deciding/settle-case.ts';
import { suspendByHand } from '../suspending/suspend-by-hand.ts';
import { tellOfSuspensions } from '../suspending/tell-of-suspensions.ts';

/** Who is named where a customer has something done. */
export const CUSTOMER = 'the customer, by the link of a warning';

/** How an answer came. */
export interface Said {
  link: Link;
  formId: string;
  /** IP address */
  address: string;
  userAgent: string;
}

/** What became of an answer; anything but `done` has changed nothing. */
export type Answered = 'done' | 'used' | 'gone' | 'not-allowed' | 'no-phone' | WrongAmount;

interface Change {
  evidence: NewEvidence[];
  /** for the billing team, after who said what */
  told: string;
  /** of the answer's own entry of evidence */
  facts: Record<string, unknown>;
}

@Injectable()
export class AnswerWarning {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly uplifts: GrantUplift,
    private readonly cases: SettleCase,
  ) {}

  /** What is going on; `undefined` where there is nothing to tell any more. */
  async situation(link: Link): Promise<KnownSituation | undefined> {
    return inTransaction(this.dataSource, ({ client }) => readSituation(client, link, this.clock.now()));
  }

  /** It wasn't them: the routes that this usage went by are barred at once. Their own wish needs no clause of the contract. */
  async notUs(said: Said, shown: string): Promise<Answered> {
    return this.#answer(said, 'not-us', async (client, situation, at) => {
      const { account, decision: warned, toBar } = situation;
      const reason = 'the customer says that this usage was not theirs';
      const verdict = { by: CUSTOMER, why: reason, at };
      const evidence = await this.cases.byCustomer(client, warned.id, 'not-us', verdict);
      for (const scope of toBar) {
        if ((await liveByHand(client, account.accountId, scope)) !== undefined) continue;
        const explanation = `Barred at once at the customer's own wish: ${reason}.`;
        const asked = { account, scope, reason, explanation, actor: CUSTOMER };
        evidence.push((await suspendByHand(client, asked, at)).evidence);
      }
      const told = `it was not them. ${toBar.join(' and ')} routes are barred at their wish until somebody lifts that.`;
      return { shown, change: { evidence, told, facts: { barred: toBar } } };
    });
  }

  /** They want to be called: at the number on file, or at one that they typed. */
  async callMe(said: Said, typed: string | undefined, shown: string): Promise<Answered> {
    return this.#answer(said, 'call-me', async (_client, { account }) => {
      const phone = typed === undefined ? account.msisdn : readPhone(typed, account.homeCountry);
      if (phone === '') return 'no-phone';
      const told = `they ask to be called at ${phone}.`;
      return { shown, phone, change: { evidence: [], told, facts: { phone: maskAddress(phone) } } };
    });
  }

  /**
   * It was them, and they want to go on; where a cap warned, up to the amount that they typed. `agreed` is the text that
   * they were shown. Whether they may is asked anew, for spend, limit or policy may have moved since.
   */
  async us(said: Said, typed: string, agreed: string, brand: PageBrand): Promise<Answered> {
    return this.#answer(said, 'us', async (client, situation, at) => {
      const amount = consentedAmount(situation, typed);
      if (typeof amount === 'string') return amount;
      const { account, decision } = situation;
      const reason =
        amount === undefined ? 'the customer says that this usage was theirs' : consented(situation, amount);
      const uplift = amount === undefined ? undefined : await this.#raise(client, situation, amount, reason);
      // First the verdict: usage that waits to be looked at is by then, and what it is held for is theirs as well.
      const verdict = await this.cases.byCustomer(client, decision.id, 'us', { by: CUSTOMER, why: reason, at });
      const lifted = amount === undefined ? await liftHeld(client, account.accountId, reason, at) : [];
      const told = await tellOfSuspensions(client, lifted, { by: CUSTOMER, reason, at });
      const evidence = [...verdict, ...told];
      const mail = confirmationMail(situation, { consent: agreed, amount, at }, brand);
      const words = `it was them. ${capitalized(reason)}. What had been barred for it is lifted, and it is confirmed to them in writing.`;
      const facts = {
        amount: amount === undefined ? undefined : formatAmount(amount),
        limit: decision.limit === undefined ? undefined : formatAmount(decision.limit),
        spend: formatAmount(situation.spend),
        uplift,
        lifted: lifted.map((row) => row.suspension_id),
      };
      return { shown: agreed, amount, mail, change: { evidence, told: words, facts } };
    });
  }

  /** Raises the limit to what was agreed, until the period's end: what the cap had barred is lifted, and bars again there. */
  async #raise(
    client: ClientBase,
    { account, cap, period, limit }: KnownSituation,
    amount: Micros,
    reason: string,
  ): Promise<string> {
    return this.uplifts.grantWithin(client, {
      accountId: account.accountId,
      of: { cap: cap!.id },
      amount: amount - limit!,
      until: openUntil(period, cap),
      reason,
      actor: CUSTOMER,
    });
  }

  async #answer(
    { link, formId, address, userAgent }: Said,
    kind: AnswerKind,
    decide: (
      client: PoolClient,
      situation: KnownSituation,
      at: Instant,
    ) => Promise<
      | Exclude<Answered, 'done'>
      | {
          shown: string;
          change: Change;
          amount?: Micros | undefined;
          phone?: string;
          mail?: { subject: string; text: string };
        }
    >,
  ): Promise<Answered> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const before = await readSituation(client, link, at);
      if (!before) return 'gone';
      // Whoever answers for an account at the same time waits here, and then sees what the other has changed.
      await lockAccounts(client, [before.account.accountId]);
      if (await isUsed(client, formId)) return 'used';
      const situation = (await readSituation(client, link, at))!;
      const decided = await decide(client, situation, at);
      if (typeof decided === 'string') return decided;
      const { account, decision } = situation;
      const { shown, change, amount, phone = '', mail } = decided;
      const answer: Answer = {
        id: randomUUID(),
        formId,
        accountId: account.accountId,
        decisionId: decision.id,
        answer: kind,
        at,
        shown,
        language: editionFor(account.locale).lang,
        address,
        userAgent,
        amount,
        currency: account.currency,
        phone,
      };
      if (!(await insertAnswer(client, answer))) return 'used';
      const telling = tellOperators(answer, decision, change.told);
      await insertDecisions(client, [telling]);
      const confirmation = mail && confirmationOf(telling, account, mail);
      if (confirmation) await keepWritten(client, confirmation, at);
      const notice = await noticesOf(client, decision, account.timeZone);
      await appendEvidence(client, [
        answerEvidence(answer, { notice, confirmation, facts: change.facts }),
        ...change.evidence,
        {
          accountId: account.accountId,
          at,
          kind: 'decision',
          body: { decision: decisionResponse(withoutPhone(telling, phone), account.timeZone), answer: answer.id },
        },
      ]);
      if (confirmation) await enqueue(client, [{ job: 'deliver-warnings', payload: { warnings: [confirmation.id] } }]);
      return 'done';
    });
  }
}

/** The text that a customer would agree to now; or why there is none. */
export function offeredConsent(
  situation: KnownSituation,
  typed: string,
  brand: PageBrand,
): { amount: Micros | undefined; text: string } | WrongAmount | 'not-allowed' {
  const amount = consentedAmount(situation, typed);
  return typeof amount === 'string' ? amount : { amount, text: consentText(situation, amount, brand) };
}

function consentedAmount(situation: KnownSituation, typed: string): Micros | undefined | WrongAmount | 'not-allowed' {
  const { consent, limit, spend } = situation;
  if (!consent) return 'not-allowed';
  return limit === undefined ? undefined : readConsent(typed, { spend, limit, maximum: consent.maximum });
}

function consented({ account, decision }: KnownSituation, amount: Micros): string {
  return `the customer agreed to keep going up to ${formatAmount(amount)} ${account.currency} in ${decision.period}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** E.164; empty where the text is no number that could be called. */
function readPhone(typed: string, homeCountry: string): string {
  const number = normalizeCaller(typed, homeCountry);
  return /^\+[1-9]\d{6,14}$/.test(number) ? number : '';
}

const IS_USED = 'SELECT FROM answers WHERE form_id = $1';

async function isUsed(client: ClientBase, formId: string): Promise<boolean> {
  return (await client.query(IS_USED, [formId])).rows.length > 0;
}

/** What a rule has barred because of deviations, or would have, whoever holds it; locked until the transaction ends. By `suspensions_of_account`. */
const HELD = `
  SELECT suspension_id FROM suspensions
   WHERE account_id = $1 AND state IN ('awaiting-approval', 'wanted', 'applied') AND requested_by = 'plafond' AND cap_id IS NULL
   ORDER BY suspension_no FOR UPDATE`;

/** Lifts what deviations have barred by rule; answers it as it is since. */
async function liftHeld(client: ClientBase, accountId: string, reason: string, at: Instant): Promise<SuspensionRow[]> {
  const { rows } = await client.query<{ suspension_id: string }>(HELD, [accountId]);
  const ids = rows.map((row) => row.suspension_id);
  return endSuspensions(client, ids, { trigger: 'manual', by: CUSTOMER, reason, at });
}
