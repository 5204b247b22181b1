import { SwitchFailure, type SwitchNode } from './switch.ts';

/** A node that is configured and can't be spoken to, such as for want of its secret: each call says so, and it shows as `wrong`. */
export class UnusableNode implements SwitchNode {
  constructor(
    readonly name: string,
    private readonly why: string,
  ) {}

  look = this.#refuse;
  read = this.#refuse;
  bar = this.#refuse;
  unbar = this.#refuse;
  markFilled = this.#refuse;
  endCalls = this.#refuse;
  liveCalls = this.#refuse;

  async close(): Promise<void> {}

  async #refuse(): Promise<never> {
    throw new SwitchFailure('wrong', this.why);
  }
}
