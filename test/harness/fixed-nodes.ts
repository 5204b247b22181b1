import { NodesInService, type DescribedSwitch } from '../../src/suspensions/switches/nodes-in-service.ts';
import type { SwitchNode } from '../../src/suspensions/switches/switch.ts';

/** Nodes that never change. */
export class FixedNodes extends NodesInService {
  readonly #nodes: readonly SwitchNode[];

  constructor(...nodes: SwitchNode[]) {
    super();
    this.#nodes = nodes;
  }

  async switches(): Promise<readonly DescribedSwitch[]> {
    const nodes = this.#nodes;
    return [{ name: 'fixed', kind: 'local', from: 'local', definition: undefined, version: undefined, nodes }];
  }
}
