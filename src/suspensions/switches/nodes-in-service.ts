import type { SwitchNode } from './switch.ts';

/** The nodes that have to do what is wanted, of all switches; for injection. */
export abstract class NodesInService {
  /** The same node stays the same object for as long as its definition does not change. */
  abstract all(): Promise<readonly SwitchNode[]>;
}

/** Nodes that never change. */
export class FixedNodes extends NodesInService {
  readonly #nodes: readonly SwitchNode[];

  constructor(...nodes: SwitchNode[]) {
    super();
    this.#nodes = nodes;
  }

  async all(): Promise<readonly SwitchNode[]> {
    return this.#nodes;
  }
}
