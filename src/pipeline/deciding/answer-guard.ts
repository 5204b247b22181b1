/** The guard as people deal with it: how much it lets pass, and what becomes of what it holds. */
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { appendEvidence } from '../../evidence/append.ts';
import { settleAlarm } from '../../feeds/alarms.ts';
import { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { GuardSettings } from '../../suspensions/guard.ts';
import {
  changeGuard,
  closeQuestion,
  countWaiting,
  lockGuard,
  lockWaiting,
  openQuestion,
  questionOf,
  settingsOf,
  type QuestionEnd,
} from '../../suspensions/guard-store.ts';
import { approveSuspensions, endSuspensions } from '../../suspensions/store.ts';
import { recordChanges } from '../recorded-change.ts';
import { endOutlived } from './outlived-bars.ts';
import { tellOfSuspensions } from '../suspending/tell-of-suspensions.ts';

/** What the operators say to a question; of `some`, which: suspensions by their ids, or all of an account's. */
export type GuardAnswer =
  { answer: 'all' | 'none' } | { answer: 'some'; suspensions: readonly string[]; accounts: readonly string[] };

const NAMED_MAX = 20;

@Injectable()
export class AnswerGuard {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Changes how much passes, from the next decision on. Refuses with `changed_meanwhile`. */
  async change(settings: GuardSettings, ifMatch: number | undefined, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const before = await lockGuard(client);
      if (ifMatch !== undefined && ifMatch !== before.version) {
        const detail = `the guard is at version ${before.version}, not ${ifMatch}; read it again`;
        throw new Refusal('changed-meanwhile', 'changed_meanwhile', detail);
      }
      await changeGuard(client, settings);
      await recordChanges(
        client,
        [
          {
            actor,
            subject: 'guard',
            subjectId: 'suspensions',
            change: 'changed',
            before: settingsOf(before),
            after: settings,
          },
        ],
        this.clock.now(),
      );
    });
  }

  /**
   * Answers a question, once: what is approved is wanted on the switch, what is not is declined, with a decision and
   * evidence for each; so is what nothing asks for any more. What has ended meanwhile is in it no more. Refuses with `unknown_question`, `already_closed`,
   * `not_in_question` and, where more was held than `seen` says, `changed_meanwhile`.
   */
  async answer(id: string, said: GuardAnswer, reason: string, seen: number | undefined, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      await lockGuard(client);
      const question = await questionOf(client, id);
      if (!question) throw new Refusal('not-found', 'unknown_question', `the guard has not asked ${id}`);
      if (question.state !== 'open') {
        throw new Refusal('conflict', 'already_closed', `this question is ${question.state} already`);
      }
      if (seen !== undefined && seen !== question.held) {
        const detail = `${question.held} are held by now, not ${seen}; look at them again`;
        throw new Refusal('changed-meanwhile', 'changed_meanwhile', detail);
      }
      const at = this.clock.now();
      const waiting = await lockWaiting(client, id);
      const chosen = chosenOf(waiting, said);
      const { left, evidence: outlived } = await endOutlived(client, waiting, at);
      // What ends with a period that is over needs no bar any more.
      const over = (row: (typeof waiting)[number]) => row.ends_at !== null && row.ends_at.getTime() <= at;
      const ids = (rows: typeof waiting) => rows.map((row) => row.suspension_id);
      const yes = left.filter((row) => chosen(row) && !over(row));
      const no = left.filter((row) => !yes.includes(row));
      const approved = await approveSuspensions(client, ids(yes), actor, at);
      const declined = await endSuspensions(client, ids(no), { trigger: 'manual', by: actor, reason, at });
      const told = await tellOfSuspensions(client, [...approved, ...declined], { by: actor, reason, at });
      await appendEvidence(client, [...outlived, ...told]);
      const end: QuestionEnd = {
        state: 'answered',
        answer: said.answer,
        approved: approved.length,
        declined: waiting.length - approved.length,
        reason,
        by: actor,
      };
      await closeQuestion(client, id, end, at);
      await settleAlarm(client, 'guard', 'suspensions', undefined, `answered by ${actor}: ${said.answer}`, at);
    });
  }

  /** Closes a question of which nothing waits any more: corrections, periods' ends and single answers took it all. */
  async settle(): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const seen = await openQuestion(client);
      if (!seen || (await countWaiting(client, seen.question_id)) > 0) return;
      await lockGuard(client);
      const question = await openQuestion(client);
      if (!question || (await countWaiting(client, question.question_id)) > 0) return;
      const at = this.clock.now();
      await closeQuestion(client, question.question_id, { state: 'settled' }, at);
      await settleAlarm(client, 'guard', 'suspensions', undefined, 'nothing is held any more', at);
    });
  }
}

/** Which of what waits is approved. */
function chosenOf(
  waiting: readonly { suspension_id: string; account_id: string }[],
  said: GuardAnswer,
): (row: { suspension_id: string; account_id: string }) => boolean {
  if (said.answer !== 'some') return () => said.answer === 'all';
  const suspensions = new Set(said.suspensions);
  const accounts = new Set(said.accounts);
  const strays = (named: ReadonlySet<string>, known: ReadonlySet<string>, field: string) =>
    [...named]
      .filter((each) => !known.has(each))
      .slice(0, NAMED_MAX)
      .map((each) => ({ field, detail: `${each} does not wait for this answer` }));
  const faults = [
    ...strays(suspensions, new Set(waiting.map((row) => row.suspension_id)), 'suspensions'),
    ...strays(accounts, new Set(waiting.map((row) => row.account_id)), 'accounts'),
  ];
  if (faults.length > 0) {
    throw new Refusal('invalid', 'not_in_question', 'not all that is named waits for this answer', faults);
  }
  return (row) => suspensions.has(row.suspension_id) || accounts.has(row.account_id);
}
