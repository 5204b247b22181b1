import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, secretFromEnvironment, type Config } from '../config.ts';
import { inTransaction } from '../database/transaction.ts';
import { Clock } from '../kernel/clock.ts';
import { openNodes, readSwitchUrl, type ConfiguredSwitch } from '../suspensions/switches/definition.ts';
import { LocalSwitch } from '../suspensions/switches/local-switch.ts';
import { NodesInService } from '../suspensions/switches/nodes-in-service.ts';
import { storedSwitches } from '../suspensions/switches/store.ts';
import type { SwitchNode } from '../suspensions/switches/switch.ts';
import { UnusableNode } from '../suspensions/switches/unusable-node.ts';

/** The nodes of SWITCH_URL and of the switches that the API was told of; where there are none, the local one. */
@Injectable()
export class ConfiguredNodes extends NodesInService implements OnApplicationShutdown {
  readonly #dataSource: DataSource;
  readonly #fromUrl: readonly SwitchNode[];
  readonly #local: LocalSwitch;
  #stored = new Map<string, { version: number; nodes: SwitchNode[] }>();

  /** Throws {@link BadSwitchUrl} where SWITCH_URL is none. */
  constructor(dataSource: DataSource, clock: Clock, @Inject(CONFIG) config: Config) {
    super();
    this.#dataSource = dataSource;
    this.#local = new LocalSwitch(config.localSwitchDir, clock);
    this.#fromUrl = config.switchUrl === undefined ? [] : open(fromUrl(config.switchUrl));
  }

  /** Definitions are read each time, so a change holds from the next round on in every process. */
  async all(): Promise<readonly SwitchNode[]> {
    const switches = await inTransaction(this.#dataSource, ({ client }) => storedSwitches(client));
    const before = this.#stored;
    this.#stored = new Map(
      switches.map(({ name, version, definition }) => {
        const known = before.get(name);
        if (known?.version === version) return [name, known];
        const { secret, ...rest } = definition;
        const configured = { name, definition: rest, secret: secret && secretFromEnvironment(secret) };
        const missing = secret !== undefined && configured.secret === undefined ? `${secret} is not set` : undefined;
        return [name, { version, nodes: open(configured, missing) }];
      }),
    );
    for (const [name, { version, nodes }] of before) {
      if (this.#stored.get(name)?.version !== version)
        for (const node of nodes) void node.close().catch(() => undefined);
    }
    const nodes = [...this.#fromUrl, ...[...this.#stored.values()].flatMap((each) => each.nodes)];
    return nodes.length > 0 ? nodes : [this.#local];
  }

  async onApplicationShutdown(): Promise<void> {
    const nodes = [...this.#fromUrl, ...[...this.#stored.values()].flatMap((each) => each.nodes)];
    await Promise.all(nodes.map((node) => node.close().catch(() => undefined)));
  }
}

function fromUrl(url: string): ConfiguredSwitch {
  const configured = readSwitchUrl(url);
  const needed = configured.definition.kind !== 'kamailio';
  return needed && !configured.secret
    ? { ...configured, secret: secretFromEnvironment('PLAFOND_SECRET_SWITCH') }
    : configured;
}

function open(configured: ConfiguredSwitch, missing?: string): SwitchNode[] {
  try {
    if (missing === undefined) return openNodes(configured);
    throw new Error(missing);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return configured.definition.nodes.map((url) => new UnusableNode(`${configured.name} ${new URL(url).host}`, why));
  }
}
