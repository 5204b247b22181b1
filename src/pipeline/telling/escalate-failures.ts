/**
 * What follows from a warning that failed or came back: the same message by the customer's other way, where there is one
 * that was not used; else the operators are told that the customer could not be reached. A gateway that takes nothing, and
 * an address that is of no use, raise an alarm.
 */
import { Injectable, Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { decisionId, decisionResponse } from '../../decisions/decision.ts';
import { decisionOf, insertDecisions, type DecisionRow } from '../../decisions/store.ts';
import { appendEvidence, type NewEvidence } from '../../evidence/append.ts';
import { openSince, settleAlarm } from '../../feeds/alarms.ts';
import { Clock, type Instant } from '../../kernel/clock.ts';
import { maskAddress } from '../../kernel/masking.ts';
import { enqueue } from '../../queues/outbox.ts';
import { endPauses } from '../../warnings/deliveries.ts';
import {
  gatewaysPuttingOff,
  hasAnsweredSince,
  remedyFor,
  sendOtherWay,
  takeUpFailures,
  type FailedWarning,
} from '../../warnings/failures.ts';

const AT_ONCE = 200;
/** Putting off a message now and then is what gateways do. */
const PUT_OFF_MIN = 3;
/**
 * After an outage of so long, what was put off goes at once, the oldest first: its pauses are longer by now than what comes
 * new has to wait, and nobody is to read of the limit that was reached before the warning that it was near. A gateway that
 * comes and goes does not use up attempts so.
 */
const OUTAGE_MS_MIN = 2 * 60_000;

@Injectable()
export class EscalateFailures {
  readonly #log = new Logger('warnings');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Sees to all failures that nobody has seen to, and to the gateways. Safe to run anywhere at the same time. */
  async run(): Promise<void> {
    for (let seen = AT_ONCE; seen === AT_ONCE;) {
      const { count, told } = await inTransaction(this.dataSource, async ({ client }) => {
        const at = this.clock.now();
        const failed = await takeUpFailures(client, at, AT_ONCE);
        return { count: failed.length, told: await this.#seeTo(client, failed, at) };
      });
      for (const each of told) this.#log.warn(each);
      seen = count;
    }
    const told = await inTransaction(this.dataSource, ({ client }) => this.#watchGateways(client));
    for (const each of told) this.#log.warn(each);
  }

  async #seeTo(client: ClientBase, failed: readonly FailedWarning[], at: Instant): Promise<string[]> {
    const told: string[] = [];
    const evidence: NewEvidence[] = [];
    for (const each of failed) {
      told.push(...(await raiseContact(client, each, at)));
      const remedy = remedyFor(each);
      if (remedy === 'other-way') evidence.push(await takeOtherWay(client, each, at));
    }
    const unreached = failed.filter((each) => remedyFor(each) === 'tell-operators');
    evidence.push(...(await tellOperators(client, unreached, at)));
    await appendEvidence(client, evidence);
    return told;
  }

  async #watchGateways(client: ClientBase): Promise<string[]> {
    const at = this.clock.now();
    const puttingOff = (await gatewaysPuttingOff(client, at)).filter(({ times }) => times >= PUT_OFF_MIN);
    const told: string[] = [];
    for (const { channel, times, answer } of puttingOff) {
      const text = `nothing leaves by ${channel}: the gateway has put off ${times} messages one after the other; last it said: ${answer}. They are tried again.`;
      told.push(...(await settleAlarm(client, 'gateway-trouble', channel, { text, facts: { times, answer } }, '', at)));
    }
    const away = new Set<string>(puttingOff.map(({ channel }) => channel));
    for (const [channel, since] of await openSince(client, 'gateway-trouble')) {
      // It may have been asked seldom of late, for pauses grow: only what it takes or refuses says that it is back.
      if (away.has(channel) || !(await hasAnsweredSince(client, channel, since))) continue;
      const allClear = `${channel}: the gateway puts nothing off any more`;
      told.push(...(await settleAlarm(client, 'gateway-trouble', channel, undefined, allClear, at)));
      if (at - since >= OUTAGE_MS_MIN) await endPauses(client, channel);
    }
    return told;
  }
}

/** An address that nothing can be sent to is for the billing team to mend; the alarm is cleared by hand, or by a delivery. */
async function raiseContact(client: ClientBase, failed: FailedWarning, at: Instant): Promise<string[]> {
  const { accountId, channel, address, answer } = failed;
  const text = `account ${accountId} can't be reached by ${channel} at ${maskAddress(address)}: ${answer}`;
  const facts = { account: accountId, channel, warning: failed.id, answer };
  return settleAlarm(client, 'contact-fails', `${accountId} ${channel}`, { text, facts }, '', at);
}

async function takeOtherWay(client: ClientBase, failed: FailedWarning, at: Instant): Promise<NewEvidence> {
  const id = decisionId('warning', failed.decisionId, 'after', failed.id);
  const channel = await sendOtherWay(client, id, failed, at);
  await enqueue(client, [{ job: 'deliver-warnings', payload: { warnings: [id] } }]);
  return {
    accountId: failed.accountId,
    at,
    kind: 'warning-other-way',
    body: {
      warning: failed.id,
      decision: failed.decisionId,
      channel: failed.channel,
      answer: failed.answer,
      instead: { warning: id, channel, to: maskAddress(failed.otherAddress) },
    },
  };
}

/** One decision for each message that came through by no way, however often it is looked at. */
async function tellOperators(
  client: ClientBase,
  unreached: readonly FailedWarning[],
  at: Instant,
): Promise<NewEvidence[]> {
  if (unreached.length === 0) return [];
  const { rows } = await client.query<DecisionRow>('SELECT * FROM decisions WHERE decision_id = ANY ($1)', [
    unreached.map((each) => each.decisionId),
  ]);
  const causes = new Map(rows.map((row) => [row.decision_id, decisionOf(row)]));
  const decided = unreached.map((failed) => {
    const cause = causes.get(failed.decisionId)!;
    const ways = failed.other === undefined ? failed.channel : 'e-mail and SMS';
    return {
      failed,
      decision: {
        ...cause,
        id: decisionId('not-reached', failed.decisionId),
        at,
        type: 'notify-operator' as const,
        action: 'notify-operator',
        explanation: `The customer was not reached by ${ways}: ${failed.answer}. Please call them. What they were to be told: ${cause.explanation}`,
      },
    };
  });
  const fresh = await insertDecisions(
    client,
    decided.map(({ decision }) => decision),
  );
  const accounts = await accountsById(client, [...new Set(unreached.map(({ accountId }) => accountId))]);
  const zones = new Map(accounts.map(({ accountId, timeZone }) => [accountId, timeZone]));
  return decided
    .filter(({ decision }) => fresh.has(decision.id))
    .map(({ decision, failed }) => ({
      accountId: decision.accountId,
      at,
      kind: 'decision',
      body: {
        decision: decisionResponse(decision, zones.get(decision.accountId) ?? 'UTC'),
        not_reached: { warning: failed.id, covers: [...failed.covers], answer: failed.answer },
      },
    }));
}
