/** Number blocks that become hot, and no longer are, in signatures that are made anew: each record by what was hot at its time. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { inTransaction } from '../../src/database/transaction.ts';
import { isSameMemory } from '../../src/deviations/same-signature.ts';
import { Signature } from '../../src/deviations/signature.ts';
import { readConfig } from '../../src/config.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { SHARDS, shardOf } from '../../src/ledger/usage-store.ts';
import { DropOldPartitions } from '../../src/pipeline/retention/drop-old-partitions.ts';
import { until } from '../harness/process.ts';
import { call, type Call } from './deviating.ts';
import { DAY_MS, HOUR_MS, NIGHT, Offices, series } from './offices.ts';

Logger.overrideLogger(false);

let offices: Offices;
beforeEach(async () => {
  offices = await Offices.watched('enforce');
});
afterEach(() => offices.plafond.close());

/** Two calls of another account to the block that `b1` is attacked by. */
const toBlock = (name: string, at: number) => [
  call(`${name}1`, 'b2', at, 240, '+25261234501', 2.72),
  call(`${name}2`, 'b2', at + HOUR_MS, 240, '+25261234502', 2.72),
];
const checked = () => offices.signatures.check();
const EQUAL = { differing: [], corrected: 0, waiting: 0 };
const stateOf = async () => {
  const rows = await offices.plafond.query<{ state: Buffer }>(
    `SELECT state FROM deviation_signatures WHERE account_id = 'b2'`,
  );
  return Signature.decode(rows[0]!.state);
};
const EARLY = NIGHT - 6 * HOUR_MS;
const AFTER = NIGHT + 4 * HOUR_MS;

describe('an account that called a block before it was hot, and again afterwards', () => {
  beforeEach(async () => {
    await offices.live(toBlock('early', EARLY));
    await offices.live(series('a', 'b1', NIGHT, 12));
    await offices.settle('b1', 'confirmed-fraud');
    expect(await offices.plafond.query('SELECT FROM hot_numbers')).not.toEqual([]);
  });

  it('has the signature that the ledger makes of it', async () => {
    expect(await checked()).toMatchObject(EQUAL);
    await offices.live(toBlock('after', AFTER));
    expect(await checked()).toMatchObject(EQUAL);
  });

  it('has it where one of its early records is corrected', async () => {
    await offices.live(toBlock('after', AFTER));
    const before = await stateOf();
    const [{ row }] = toBlock('early', EARLY) as [Call];
    await offices.send([{ ...row, amount: '9.00', revision: 2 }]);
    expect((await checked()).differing).toEqual([]);
    await offices.send([{ ...row, revision: 3 }]);
    await offices.signatures.mendCorrected();
    expect(await checked()).toMatchObject(EQUAL);
    // It was not hot when that call came, and is not now.
    expect(isSameMemory(await stateOf(), before)).toBe(true);
  });

  it('has it where the verdict is put right, and once more passed', async () => {
    await offices.live(toBlock('after', AFTER));
    await offices.settle('b1', 'legitimate', 'it was the night porter');
    expect(await checked()).toMatchObject(EQUAL);
    await offices.live(toBlock('cold', AFTER + DAY_MS));
    expect(await checked()).toMatchObject(EQUAL);
    await offices.settle('b1', 'confirmed-fraud', 'it was not');
    await offices.live(toBlock('hot', AFTER + 2 * DAY_MS));
    expect(await checked()).toMatchObject(EQUAL);
  });

  it('has it where the block is hot no more, half a year later', async () => {
    await offices.live(toBlock('after', AFTER));
    offices.plafond.clock.advanceTo(NIGHT + 181 * DAY_MS);
    await offices.observe.sweep();
    expect(await offices.plafond.query('SELECT FROM hot_numbers')).toEqual([]);
    await offices.live(toBlock('late', NIGHT + 182 * DAY_MS));
    expect(await checked()).toMatchObject(EQUAL);
  });

  it('has it as long as that usage is there, and the block is forgotten with it', async () => {
    const { database, clock } = offices.plafond;
    const config = readConfig({ RETENTION_DAYS: '40' });
    const partitions = new UsagePartitions(database.dataSource, clock);
    const retention = new DropOldPartitions(database.dataSource, clock, config, partitions);
    const cooled = async () => (await offices.plafond.query('SELECT FROM cooled_numbers')).length > 0;
    await offices.live(toBlock('after', AFTER));
    await offices.settle('b1', 'legitimate', 'it was the night porter');
    await offices.live(toBlock('cold', AFTER + 39 * DAY_MS));
    await retention.run();
    expect([await cooled(), await checked()]).toMatchObject([true, { waiting: 0 }]);
    clock.advanceTo(AFTER + 60 * DAY_MS);
    await retention.run();
    expect(await cooled()).toBe(false);
    expect(await offices.plafond.query(`SELECT record_id FROM usage ORDER BY 1`)).toMatchObject([
      { record_id: 'cold1' },
      { record_id: 'cold2' },
    ]);
  });

  it('is made anew with a block hot at all times where nobody has noted since when it is', async () => {
    await offices.live(toBlock('after', AFTER));
    await offices.plafond.query('UPDATE hot_numbers SET from_batch = 0');
    const before = await stateOf();
    await offices.signatures.mend();
    expect(isSameMemory(await stateOf(), before)).toBe(false);
    expect(await checked()).toMatchObject(EQUAL);
  });
});

describe('usage that comes while a verdict is passed', () => {
  beforeEach(async () => {
    await offices.live(toBlock('early', EARLY));
    await offices.live(series('a', 'b1', NIGHT, 12));
    offices.plafond.clock.advanceTo(AFTER + 2 * HOUR_MS);
    expect(shardOf('b2')).not.toBe(shardOf('b1'));
  });

  const all = Array.from({ length: SHARDS }, (_, shard) => shard);
  const said = () => ({ verdict: 'confirmed-fraud', by: 'anna', why: 'x', at: offices.plafond.clock.now() }) as const;
  const waitingOrDone = async (what: Promise<unknown>) => {
    let isDone = false;
    void Promise.allSettled([what]).then(() => (isDone = true));
    await until('it waits, or is done', async () => {
      const waiting = await offices.plafond.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return isDone || waiting.length > 0;
    });
  };
  const after = () => toBlock('after', AFTER).map(({ row }) => row);

  it('and is looked at only afterwards counts as of before', async () => {
    await offices.plafond.send(after());
    await offices.settle('b1', 'confirmed-fraud');
    await offices.observe.observe(all);
    expect(await checked()).toMatchObject(EQUAL);
  });

  it('is looked at once it is passed', async () => {
    const { case_no } = await offices.caseOf('b1');
    const { dataSource } = offices.plafond.database;
    let looking: Promise<unknown> | undefined;
    await inTransaction(dataSource, async ({ client }) => {
      await offices.cases.settleWithin(client, case_no, said(), undefined);
      await offices.plafond.send(after());
      looking = offices.observe.observe([shardOf('b2')]);
      await waitingOrDone(looking);
    });
    await looking;
    expect(await checked()).toMatchObject(EQUAL);
  });

  it('and another verdict, which does not know of it, is refused', async () => {
    const { case_no } = await offices.caseOf('b1');
    let other: Promise<unknown> | undefined;
    await inTransaction(offices.plafond.database.dataSource, async ({ client }) => {
      await offices.cases.settleWithin(client, case_no, said(), undefined);
      other = offices.settle('b1', 'legitimate', 'it was the night porter');
      await waitingOrDone(other);
    });
    await expect(other).rejects.toMatchObject({ code: 'changed_meanwhile' });
    expect((await offices.caseOf('b1')).state).toBe('confirmed-fraud');
  });

  it('and is looked at anew after a turn that was cut off is held against the same', async () => {
    await offices.settle('b1', 'confirmed-fraud');
    await offices.plafond.send(after());
    await expect(
      inTransaction(offices.plafond.database.dataSource, async ({ client }) => {
        await offices.observe.turn(client, all);
        throw new Error('cut off');
      }),
    ).rejects.toThrow('cut off');
    await offices.settle('b1', 'legitimate', 'it was the night porter');
    await offices.observe.observe(all);
    expect(await checked()).toMatchObject(EQUAL);
    await offices.settle('b1', 'confirmed-fraud', 'it was not');
    await offices.live(toBlock('later', AFTER + DAY_MS));
    expect(await checked()).toMatchObject(EQUAL);
  });

  it('makes nothing hot where the verdict was cut off', async () => {
    const { case_no } = await offices.caseOf('b1');
    await expect(
      inTransaction(offices.plafond.database.dataSource, async ({ client }) => {
        await offices.cases.settleWithin(client, case_no, said(), undefined);
        throw new Error('cut off');
      }),
    ).rejects.toThrow('cut off');
    await offices.send(after());
    expect(await checked()).toMatchObject(EQUAL);
    await offices.settle('b1', 'confirmed-fraud');
    await offices.live(toBlock('later', AFTER + DAY_MS));
    expect(await checked()).toMatchObject(EQUAL);
  });
});
