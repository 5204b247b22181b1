/** A made-up record before it is written: money in micros of a euro. */
export interface Call {
  account: number;
  /** epoch seconds */
  start: number;
  seconds: number;
  kind: 'voice' | 'sms' | 'data';
  number: string;
  micros: number;
  /** country it was set up from; empty: at home */
  origin: string;
  /** index of the attack it belongs to; −1: none */
  attack: number;
}

export const DAY_S = 86_400;

export function micros(euros: number): number {
  return Math.round(euros * 10_000) * 100;
}
