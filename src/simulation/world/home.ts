/**
 * Whom made-up customers call at home, and what calls there by itself: people call a few numbers again and again, most of all one or two;
 * who sells or delivers calls ever other ones; alarm panels, faxes and payment terminals call one. Shares are of the author's making.
 */
import { micros, type Call } from './call.ts';
import type { CustomerType } from './population.ts';
import type { Random } from './random.ts';

export interface Home {
  /** family, work, a taxi, one's voicemail: the most called first */
  contacts: { number: string; weight: number }[];
  /** share of calls that go to somebody who was never called */
  strangers: number;
  /** chance that a line is busy, and is tried again and again */
  busy: number;
  /** how likely one tries once more */
  patience: number;
  /** an alarm panel, a fax, a payment terminal: it calls one number, so many times a day */
  machine: { number: string; perDay: number } | undefined;
}

const STRANGERS: Record<CustomerType, [low: number, high: number]> = {
  consumer: [0.03, 0.2],
  migrant: [0.03, 0.2],
  roamer: [0.03, 0.2],
  soho: [0.05, 0.6],
  smb: [0.05, 0.7],
  seasonal: [0.2, 0.7],
  enterprise: [0.1, 0.5],
  'call-centre': [0.8, 0.98],
  reseller: [0.2, 0.5],
};

export function makeHome(type: CustomerType, rate: number, business: boolean, random: Random): Home {
  const contacts = 3 + random.poisson(Math.min(60, 4 + 2 * rate));
  return {
    contacts: Array.from({ length: contacts }, () => ({ number: numberAtHome(random), weight: random.pareto(1, 1) })),
    strangers: random.between(...STRANGERS[type]),
    busy: random.between(0.002, 0.02),
    patience: random.between(0.5, 0.95),
    machine: random.chance(business ? 0.1 : 0.03)
      ? { number: numberAtHome(random), perDay: random.logBetween(0.5, 24) }
      : undefined,
  };
}

/** Of a mobile network, or of a town. */
export function numberAtHome(random: Random): string {
  return random.chance(0.5) ? `+316${random.digits(8)}` : `+3120${random.digits(7)}`;
}

/** `tries` short calls one after another to the number of `call`, before it; nobody answers but a machine that says to wait. */
export function tried(call: Call, tries: number, random: Random): Call[] {
  const calls: Call[] = [];
  for (let at = call.start; calls.length < tries;) {
    const seconds = random.whole(3, 30);
    at -= seconds + random.exponential(60);
    calls.push({ ...call, start: Math.floor(at), seconds, micros: micros(0.05 + (seconds / 60) * 0.05) });
  }
  return calls;
}
