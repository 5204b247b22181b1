/** Asks the switches which calls run, for caps that count them; where no cap does, nobody is asked. */
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { accountsById } from '../../accounts/store.ts';
import { inTransaction } from '../../database/transaction.ts';
import { classify } from '../../destinations/classify.ts';
import { isEmergency } from '../../destinations/emergency.ts';
import { Clock } from '../../kernel/clock.ts';
import { followSwitch } from '../../spend/running-calls.ts';
import { NodesInService } from '../../suspensions/switches/nodes-in-service.ts';
import type { LiveCall, SwitchNode } from '../../suspensions/switches/switch.ts';

const ANY_CAP = `SELECT FROM caps WHERE definition->>'count' = 'with-exposure' LIMIT 1`;

@Injectable()
export class FollowCalls {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(NodesInService) private readonly nodes: NodesInService,
  ) {}

  async run(): Promise<void> {
    const { rows } = await inTransaction(this.dataSource, ({ client }) => client.query(ANY_CAP));
    if (rows.length === 0) return;
    await Promise.all((await this.nodes.all()).map((node) => this.#follow(node)));
  }

  async #follow(node: SwitchNode): Promise<void> {
    const at = this.clock.now();
    // Of a node that is away nothing is known: its calls go on as far as anybody knows, and the looks at it tell of it.
    const calls = await node.liveCalls().catch(() => undefined);
    if (calls)
      await this.keep(
        node.name,
        calls.filter(({ answered }) => answered),
        at,
      );
  }

  /** Keeps all calls that run on a switch; how many of them are of accounts that are known, and count. */
  async keep(node: string, calls: readonly LiveCall[], at = this.clock.now()): Promise<number> {
    return inTransaction(this.dataSource, async ({ client }) => {
      const ids = [...new Set(calls.map(({ accountId }) => accountId))];
      const accounts = new Map((await accountsById(client, ids)).map((account) => [account.accountId, account]));
      const known = calls.flatMap(({ callId, accountId, number, startedAt }) => {
        const home = accounts.get(accountId)?.homeCountry;
        const destination = home === undefined || isEmergency(number, home) ? undefined : classify(number, home);
        return destination ? [{ callId, accountId, destination, startedAt }] : [];
      });
      await followSwitch(client, node, known, at);
      return known.length;
    });
  }
}
