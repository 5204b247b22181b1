/**
 * Which cap holds: for the same traffic and period the most specific one (service, account, segment, everyone).
 * Usage of a service that has a cap of its own counts under that one; everything else under the account's.
 */
import type { Account } from '../accounts/account.ts';
import { rollingHours } from '../kernel/period.ts';
import { raisedBy, type Uplift } from './uplift.ts';
import { scopeOf, type Cap, type CapDefinition, type Scope } from './cap.ts';

/** Where two caps may not meet: same scope, traffic, period and currency. */
export function capKey(cap: Pick<Cap, 'scope' | 'traffic' | 'period' | 'currency'>): string {
  return `${cap.scope.kind} ${cap.scope.value} ${meterOf(cap)}`;
}

/** The same of a definition: where it would stand. */
export function definitionKey(definition: CapDefinition): string {
  return capKey({ ...definition, scope: scopeOf(definition) });
}

/** What is counted: a traffic class in a period, in one currency. */
function meterOf(cap: Pick<Cap, 'traffic' | 'period' | 'currency'>): string {
  return `${cap.traffic} ${cap.period} ${cap.currency}`;
}

const NONE: readonly Cap[] = [];

export class CapBook {
  /** whether any cap has a rolling period */
  readonly rolls: boolean;
  /** by kind of scope and its value */
  readonly #byScope = new Map<Scope['kind'], Map<string, Map<string, Cap>>>();
  /** by currency and segment */
  readonly #bySegment = new Map<string, Map<string, readonly Cap[]>>();
  readonly #byOwner = new Map<string, readonly Cap[]>();

  readonly #uplifts = new Map<string, Uplift[]>();
  readonly #raised = new Map<string, Map<readonly Cap[], readonly Cap[]>>();

  /** @throws where two caps have the same scope, traffic, period and currency */
  constructor(caps: Iterable<Cap>, uplifts: Iterable<Uplift> = []) {
    for (const uplift of uplifts) {
      const others = this.#uplifts.get(uplift.accountId);
      if (others) others.push(uplift);
      else this.#uplifts.set(uplift.accountId, [uplift]);
    }
    let rolls = false;
    for (const cap of caps) {
      rolls ||= rollingHours(cap.period) !== undefined;
      const scoped = this.#scoped(cap.scope.kind, cap.scope.value, true)!;
      const twin = scoped.get(meterOf(cap));
      if (twin)
        throw new Error(`caps "${twin.name}" and "${cap.name}" have the same scope, traffic, period and currency`);
      scoped.set(meterOf(cap), cap);
    }
    this.rolls = rolls;
  }

  /** The caps that hold for an account as a whole, as uplifts raise them: one a traffic class and period. */
  ofAccount(account: Account): readonly Cap[] {
    return this.#raisedFor(account, this.#ofAccount(account));
  }

  #ofAccount(account: Account): readonly Cap[] {
    const { accountId, currency, segment } = account;
    const own = this.#scoped('account', accountId);
    let segments = this.#bySegment.get(currency);
    if (!segments) this.#bySegment.set(currency, (segments = new Map()));
    let shared = segments.get(segment);
    if (!shared) {
      shared = this.#mostSpecific(currency, [this.#scoped('segment', segment), this.#scoped('everyone', '')]);
      segments.set(segment, shared);
    }
    if (!own) return shared;
    return this.#remembered(`account\u0000${accountId}\u0000${currency}\u0000${segment}`, currency, [
      own,
      new Map(shared.map((cap) => [meterOf(cap), cap])),
    ]);
  }

  /** The caps of a service's own. */
  ofService(serviceId: string, account: Account): readonly Cap[] {
    if (serviceId === '') return NONE;
    const own = this.#scoped('service', serviceId);
    if (!own) return NONE;
    const caps = this.#remembered(`service\u0000${serviceId}\u0000${account.currency}`, account.currency, [own]);
    return this.#raisedFor(account, caps);
  }

  /** The same caps each time they are asked for, so that what is known of them can be kept beside them. */
  #raisedFor({ accountId }: Account, caps: readonly Cap[]): readonly Cap[] {
    const uplifts = this.#uplifts.get(accountId);
    if (!uplifts) return caps;
    let known = this.#raised.get(accountId);
    if (!known) this.#raised.set(accountId, (known = new Map()));
    let raised = known.get(caps);
    if (!raised) known.set(caps, (raised = caps.map((cap) => raisedBy(cap, uplifts))));
    return raised;
  }

  #remembered(owner: string, currency: string, layers: Map<string, Cap>[]): readonly Cap[] {
    let caps = this.#byOwner.get(owner);
    if (!caps) this.#byOwner.set(owner, (caps = this.#mostSpecific(currency, layers)));
    return caps;
  }

  #mostSpecific(currency: string, layers: (Map<string, Cap> | undefined)[]): readonly Cap[] {
    const holding = new Map<string, Cap>();
    for (const layer of layers) {
      for (const [meter, cap] of layer ?? []) {
        if (cap.currency === currency && !holding.has(meter)) holding.set(meter, cap);
      }
    }
    return [...holding.values()];
  }

  #scoped(kind: Scope['kind'], value: string, make = false): Map<string, Cap> | undefined {
    let values = this.#byScope.get(kind);
    if (!values) {
      if (!make) return undefined;
      this.#byScope.set(kind, (values = new Map()));
    }
    let scoped = values.get(value);
    if (!scoped && make) values.set(value, (scoped = new Map()));
    return scoped;
  }
}
