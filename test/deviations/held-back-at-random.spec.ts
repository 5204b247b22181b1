/**
 * Stories at random of what caps and deviations want barred while brakes and the guard hold and let go, people judge, approve, decline
 * and lift, and usage is corrected. Whatever the order: what is reached acts once, what waits has somebody to wait for, what a person said
 * stands, and a verdict keeps what it promised. Held against what is in the database, after every step.
 */
import { expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import * as fc from 'fast-check';
import { VERDICTS } from '../../src/cases/case.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { Refusal } from '../../src/kernel/refusal.ts';
import { GrantUplift } from '../../src/pipeline/limits/grant-uplift.ts';
import { ReinstateDue } from '../../src/pipeline/suspending/reinstate-due.ts';
import { SettleSuspensions } from '../../src/pipeline/suspending/settle-suspension.ts';
import { capDefinition, type CapDefinition } from '../../src/caps/cap.ts';
import { CAP, instantText } from '../harness/plafond.ts';
import { astray, carriedOutFor, pastGuard, recordsAstray, standing, type Standing } from './held-back-astray.ts';
import { HeldBack } from './held-back.ts';

Logger.overrideLogger(false);

const HOUR_MS = 3_600_000;
const ACCOUNTS = ['a0', 'a1'];
/** RANDOM_SEED tries another one, RANDOM_RUNS more. */
const seed = Number(process.env.RANDOM_SEED ?? 1);
const numRuns = Number(process.env.RANDOM_RUNS ?? 8);

const HOLDS = ['brake', 'brake', 'guard', 'none'] as const;
const EVENTS = [
  'correct',
  'move',
  'change',
  'uplift',
  'no uplift',
  'approve',
  'decline',
  'lift',
  'by-hand',
  'pass',
] as const;
const WORDS = ['tariff', 'tariff', 'judge', 'judge', 'customer', 'answer', 'correct', 'spend'] as const;
const of = <Kind extends string>(...kinds: readonly Kind[]) =>
  fc.record({ kind: fc.constantFrom(...kinds), which: fc.nat(11) });

/** Something holds; somebody spends, and what asks for a bar may end; people say something, and more comes. */
const chapter = fc
  .tuple(
    fc.constantFrom(0, 0, 1),
    fc.tuple(
      of(...HOLDS),
      of('spend'),
      of('spend', 'deviate', 'deviate'),
      of(...EVENTS, 'correct', 'correct'),
      of(...WORDS),
      of(...EVENTS, ...WORDS),
      of(...WORDS),
    ),
  )
  .map(([who, steps]) => steps.map((each) => ({ ...each, who })));
const story = fc.array(chapter, { minLength: 2, maxLength: 4 });
type Step = { kind: (typeof HOLDS | typeof EVENTS | typeof WORDS)[number] | 'deviate'; who: number; which: number };

const OF_ALL: CapDefinition = capDefinition.parse({
  ...CAP,
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 100, actions: ['suspend:international'] },
  ],
});
const OF_OTHERS: CapDefinition = capDefinition.parse({
  ...OF_ALL,
  scope: { segment: 'other' },
  reinstate: 'manual',
  limit: '200.00',
});
const A_DAY: CapDefinition = capDefinition.parse({
  ...OF_ALL,
  name: 'All, a day',
  traffic: 'all',
  period: 'day',
  reinstate: 'manual',
  thresholds: [{ percent: 80, actions: ['suspend:outgoing'] }],
});

/** By which a person approves bars. */
const SAID: readonly string[] = ['approve', 'answer', 'judge', 'customer'];

class Story {
  readonly #records: {
    id: string;
    account: string;
    amount: number;
    revision: number;
    started_at: string;
    b_number: string;
  }[] = [];
  readonly corrected: { account: string; at: number }[] = [];
  readonly raised = new Set<string>();
  readonly #caps: string[] = [];
  #deviations = 0;

  constructor(readonly held: HeldBack) {}

  async begin(): Promise<void> {
    const { plafond } = this.held;
    for (const accountId of ACCOUNTS) await plafond.addAccount({ accountId });
    for (const cap of [OF_ALL, OF_OTHERS, A_DAY]) this.#caps.push(await plafond.addCap(cap));
    await this.held.watch('enforce');
  }

  async take({ kind, who, which }: Step): Promise<void> {
    const { held } = this;
    const { plafond } = held;
    const { dataSource } = plafond.database;
    const account = ACCOUNTS[who]!;
    const settle = new SettleSuspensions(dataSource, plafond.clock);
    held.pass(60_000);
    const at = plafond.clock.now();
    switch (kind) {
      case 'spend': {
        const amount = [20, 40, 60, 120][which % 4]!;
        const b_number = which < 9 ? '+252612345678' : '+4930123456';
        const started_at = instantText(at);
        const id = await held.spend(account, String(amount), { b_number, started_at });
        this.#records.push({ id, account, amount, revision: 0, started_at, b_number });
        return;
      }
      case 'correct': {
        const record = this.#records.filter((each) => each.account === account).at(-1 - (which % 3));
        if (!record) return;
        const amount = [5, 30, 90, 130][which % 4]!;
        const { id: record_id, started_at, b_number } = record;
        if (amount < record.amount) this.corrected.push({ account, at });
        Object.assign(record, { amount, revision: record.revision + 1 });
        const { revision } = record;
        await held.spend(account, String(amount), { record_id, started_at, b_number, revision });
        return;
      }
      case 'deviate':
        if (!(await held.hasHold(account))) await held.deviate(account, ++this.#deviations);
        return;
      case 'brake':
        if ((await held.openBrakes()) === 0) await held.brake();
        return;
      case 'tariff':
      case 'judge': {
        const caseNo = await held.caseOf(kind === 'tariff' ? '' : account);
        if (caseNo !== undefined) await held.settle(caseNo, VERDICTS[which % 4]!);
        return;
      }
      case 'customer':
        return held.answerWarning(account, which % 2 === 0 ? 'us' : 'not-us');
      case 'guard':
        return held.allow(which % 3 === 0 ? 100 : 0);
      case 'answer':
        return held.answer(which % 3 === 0 ? 'none' : 'all');
      case 'approve':
      case 'decline':
      case 'lift': {
        const states = kind === 'lift' ? ['wanted', 'applied'] : ['awaiting-approval'];
        const [bar] = await plafond.query<{ id: string }>(
          'SELECT suspension_id AS id FROM suspensions WHERE account_id = $1 AND state = ANY ($2) ORDER BY suspension_no DESC LIMIT 1',
          [account, states],
        );
        if (!bar) return;
        if (kind === 'approve') await settle.approve(bar.id, 'bert');
        else await settle[kind](bar.id, 'bert', 'as asked');
        return;
      }
      case 'by-hand':
        await settle.request({ accountId: account, class: 'premium', reason: 'as asked', actor: 'bert' });
        return;
      case 'uplift': {
        this.raised.add(account);
        const asked = { accountId: account, amount: BigInt(50 + which * 10) * 1_000_000n, until: at + HOUR_MS };
        const of = { traffic: which % 2 === 0 ? ('international' as const) : ('all' as const) };
        const uplift = { ...asked, of, reason: 'asked', actor: 'anna' };
        const uplifts = new GrantUplift(dataSource, plafond.clock);
        await inTransaction(dataSource, ({ client }) => uplifts.grantWithin(client, uplift));
        return;
      }
      case 'no uplift':
        held.pass(HOUR_MS);
        await new GrantUplift(dataSource, plafond.clock).endDue();
        return;
      case 'move':
        return plafond.addAccount({ accountId: account, segment: which % 2 === 0 ? 'other' : 'smb' });
      case 'change': {
        const [id, cap] = ([OF_ALL, OF_OTHERS, A_DAY] as const).map(
          (each, index) => [this.#caps[index]!, each] as const,
        )[which % 3]!;
        const limit = ['100.00', '150.00', '60.00', '200.00'][which % 4]!;
        for (const each of ACCOUNTS) this.raised.add(each);
        const mode = which % 5 === 0 ? 'approve' : 'enforce';
        await plafond.caps.change(id, undefined, { ...cap, limit, mode }, { actor: 'anna', alone: true });
        return;
      }
      case 'none':
        return;
      case 'pass':
        held.pass((which % 3 === 0 ? 24 : 1) * HOUR_MS);
        await new GrantUplift(dataSource, plafond.clock).endDue();
        await new ReinstateDue(dataSource, plafond.clock).run();
        await held.guard.settle();
    }
  }
}

it('act once, wait for somebody, and keep what was said', async () => {
  const told = async (chapters: readonly (readonly Step[])[]) => {
    const held = await HeldBack.at();
    try {
      const story = new Story(held);
      await story.begin();
      let before: Standing = new Map();
      for (const [index, each] of chapters.flat().entries()) {
        try {
          await story.take(each);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
        }
        const after = await standing(held);
        const faults = [
          ...(await astray(held, story.corrected, story.raised)),
          ...(each.kind === 'approve' ? [] : await carriedOutFor(held, before, after)),
          ...(SAID.includes(each.kind) ? [] : await pastGuard(held, before, after)),
        ];
        expect({ index, each, faults }).toEqual({ index, each, faults: [] });
        before = after;
      }
      expect(await recordsAstray(held)).toEqual([]);
    } finally {
      await held.plafond.close();
    }
  };
  await fc.assert(fc.asyncProperty(story, told), {
    seed,
    numRuns,
    endOnFailure: process.env.SHRINK === undefined,
  });
});
