import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { enqueue } from '../../queues/outbox.ts';
import { nodeRows, waitingOn, type NodeRow } from '../../suspensions/node-health.ts';
import type { SwitchDefinition } from '../../suspensions/switches/definition.ts';
import { NodesInService, type DescribedSwitch } from '../../suspensions/switches/nodes-in-service.ts';
import { deleteSwitch, lockSwitch, saveSwitch, type StoredSwitch } from '../../suspensions/switches/store.ts';
import { recordChanges } from '../recorded-change.ts';

/** A switch with what was last seen of its nodes; one that was never looked at has no row. */
export interface SeenSwitch extends Omit<DescribedSwitch, 'nodes'> {
  nodes: { node: string; row: NodeRow | undefined; waiting: number }[];
}

/** Switches are configured here, and seen. */
@Injectable()
export class ChangeSwitches {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(NodesInService) private readonly nodesInService: NodesInService,
  ) {}

  /** All that are in service, by name. */
  async list(): Promise<SeenSwitch[]> {
    const switches = await this.nodesInService.switches();
    const names = switches.flatMap(({ nodes }) => nodes.map(({ name }) => name));
    const { rows, waiting } = await inTransaction(this.dataSource, async ({ client }) => ({
      rows: await nodeRows(client, names),
      waiting: await waitingOn(client, names),
    }));
    return switches
      .map((each) => ({
        ...each,
        nodes: each.nodes.map(({ name }) => ({ node: name, row: rows.get(name), waiting: waiting.get(name) ?? 0 })),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Puts a switch into service, or changes the version that `ifMatch` names (`any`: whichever there is). Refuses with `changed_meanwhile`. */
  async put(
    name: string,
    definition: SwitchDefinition,
    ifMatch: number | 'any' | undefined,
    actor: string,
  ): Promise<{ stored: StoredSwitch; created: boolean }> {
    return inTransaction(
      this.dataSource,
      async ({ client }) => {
        const before = await lockSwitch(client, name);
        refuseOtherVersion(name, before, ifMatch);
        const at = this.clock.now();
        const stored = await saveSwitch(client, name, definition, at);
        const change = before ? ('changed' as const) : ('created' as const);
        const record = { actor, subject: 'switch' as const, subjectId: name, change };
        await recordChanges(client, [{ ...record, before: before?.definition, after: definition }], at);
        await enqueue(client, [{ job: 'reconcile-suspensions', payload: {} }]);
        return { stored, created: !before };
      },
      { retryOnUniqueViolation: true },
    );
  }

  /** Takes a switch out of service: its bars stay as they are, and nothing waits for it any more. Refuses with `unknown_switch`. */
  async remove(name: string, ifMatch: number | 'any', actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const before = await lockSwitch(client, name);
      if (!before) throw new Refusal('not-found', 'unknown_switch', `no switch ${name} is configured by API`);
      refuseOtherVersion(name, before, ifMatch);
      await deleteSwitch(client, name);
      const record = { actor, subject: 'switch' as const, subjectId: name, change: 'removed' as const };
      await recordChanges(client, [{ ...record, before: before.definition }], this.clock.now());
      await enqueue(client, [{ job: 'reconcile-suspensions', payload: {} }]);
    });
  }
}

function refuseOtherVersion(name: string, before: StoredSwitch | undefined, ifMatch: number | 'any' | undefined): void {
  if (ifMatch === 'any' || before?.version === ifMatch) return;
  const now = before ? `is at version ${before.version}` : 'is not there';
  throw new Refusal('changed-meanwhile', 'changed_meanwhile', `switch ${name} ${now}: read it again`);
}
