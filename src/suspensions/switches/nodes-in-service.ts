import type { SwitchDefinition, SwitchKind } from './definition.ts';
import type { SwitchNode } from './switch.ts';

/** A switch, as people see it. */
export interface DescribedSwitch {
  name: string;
  kind: SwitchKind | 'local';
  /** `environment`: SWITCH_URL; `local`: the stand-in while there is no other */
  from: 'api' | 'environment' | 'local';
  /** by API */
  definition: SwitchDefinition | undefined;
  version: number | undefined;
  nodes: readonly SwitchNode[];
}

/** The nodes that have to do what is wanted, of all switches; for injection. */
export abstract class NodesInService {
  /** The same node stays the same object for as long as its definition does not change. */
  abstract switches(): Promise<readonly DescribedSwitch[]>;

  async all(): Promise<readonly SwitchNode[]> {
    return (await this.switches()).flatMap(({ nodes }) => nodes);
  }
}
