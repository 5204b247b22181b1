import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, secretFromEnvironment, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { Clock } from '../../kernel/clock.ts';
import { openNodes, readSwitchUrl, type ConfiguredSwitch } from '../../suspensions/switches/definition.ts';
import { LocalSwitch } from '../../suspensions/switches/local-switch.ts';
import { NodesInService, type DescribedSwitch } from '../../suspensions/switches/nodes-in-service.ts';
import { storedSwitches, type StoredSwitch } from '../../suspensions/switches/store.ts';
import type { SwitchNode } from '../../suspensions/switches/switch.ts';
import { UnusableNode } from '../../suspensions/switches/unusable-node.ts';

/** The nodes of SWITCH_URL and of the switches that the API was told of; where there are none, the local one. */
@Injectable()
export class ConfiguredNodes extends NodesInService implements OnApplicationShutdown {
  readonly #dataSource: DataSource;
  readonly #fromUrl: DescribedSwitch | undefined;
  readonly #local: LocalSwitch;
  #stored = new Map<string, DescribedSwitch>();

  /** Throws {@link BadSwitchUrl} where SWITCH_URL is none. */
  constructor(dataSource: DataSource, clock: Clock, @Inject(CONFIG) config: Config) {
    super();
    this.#dataSource = dataSource;
    this.#local = new LocalSwitch(config.localSwitchDir, clock);
    this.#fromUrl = config.switchUrl === undefined ? undefined : describeUrl(config.switchUrl);
  }

  /** Definitions are read each time, so a change holds from the next round on in every process. */
  async switches(): Promise<readonly DescribedSwitch[]> {
    const stored = await inTransaction(this.#dataSource, ({ client }) => storedSwitches(client));
    const before = this.#stored;
    this.#stored = new Map(
      stored.map((each) => {
        const known = before.get(each.name);
        return [each.name, known?.version === each.version ? known : describe(each)];
      }),
    );
    for (const [name, known] of before) if (this.#stored.get(name) !== known) await closeAll(known.nodes);
    const all = [...(this.#fromUrl ? [this.#fromUrl] : []), ...this.#stored.values()];
    if (all.length > 0) return all;
    const nodes = [this.#local];
    return [{ name: 'local', kind: 'local', from: 'local', definition: undefined, version: undefined, nodes }];
  }

  async onApplicationShutdown(): Promise<void> {
    await closeAll([...(this.#fromUrl?.nodes ?? []), ...[...this.#stored.values()].flatMap(({ nodes }) => nodes)]);
  }
}

async function closeAll(nodes: readonly SwitchNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.close().catch(() => undefined)));
}

function describeUrl(url: string): DescribedSwitch {
  const configured = readSwitchUrl(url);
  const { kind } = configured.definition;
  const secret =
    configured.secret ?? (kind === 'kamailio' ? undefined : secretFromEnvironment('PLAFOND_SECRET_SWITCH'));
  const nodes = open({ ...configured, secret });
  return { name: configured.name, kind, from: 'environment', definition: undefined, version: undefined, nodes };
}

function describe({ name, version, definition }: StoredSwitch): DescribedSwitch {
  const { secret: secretName, ...rest } = definition;
  const secret = secretName && secretFromEnvironment(secretName);
  const missing = secretName !== undefined && secret === undefined ? `${secretName} is not set` : undefined;
  const nodes = open({ name, definition: rest, secret }, missing);
  return { name, kind: definition.kind, from: 'api', definition, version, nodes };
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
