/** Where usage goes, as one small number: what a signature can remember in a word. Pure. */
import type { Destination } from '../destinations/classify.ts';
import { TRAFFIC_BIT, type Traffic } from '../destinations/traffic.ts';

const PREMIUM = 1_024;
const SATELLITE = 2_048;
const ROAMING = 4_096;
const WORLD = 700;

/** 1 to 676 for ISO 3166-1 alpha-2, 700 for `001`, 0 where there is none. */
export function countryKey(country: string): number {
  if (country.length !== 2) return country === '' ? 0 : WORLD;
  return (country.charCodeAt(0) - 65) * 26 + (country.charCodeAt(1) - 65) + 1;
}

function countryOf(key: number): string {
  const country = key % PREMIUM;
  if (country === 0) return '';
  return country === WORLD
    ? '001'
    : String.fromCharCode(65 + Math.floor((country - 1) / 26), 65 + ((country - 1) % 26));
}

/**
 * The key of usage that may be unfamiliar: calls abroad, premium and satellite numbers, and whatever is used from abroad.
 * 0 for the rest: usage at home to home.
 */
export function destinationKey(destination: Destination, origin: string, homeCountry: string): number {
  const { traffic } = destination;
  if ((traffic & TRAFFIC_BIT.premium) !== 0) return PREMIUM + countryKey(destination.country);
  if ((traffic & TRAFFIC_BIT.satellite) !== 0) return SATELLITE + countryKey(destination.country);
  if ((traffic & TRAFFIC_BIT.international) !== 0 && destination.country !== origin)
    return countryKey(destination.country);
  return awayKey(origin, homeCountry);
}

/** The key of use from abroad; 0 at home, or where the feed does not say. */
export function awayKey(origin: string, homeCountry: string): number {
  return origin !== '' && origin !== homeCountry ? ROAMING + countryKey(origin) : 0;
}

/** Whether a key is that of use from abroad, of which none goes on to a third country. */
export function isAway(key: number): boolean {
  return key >= ROAMING;
}

/** What a key stands for. */
export interface Place {
  kind: 'country' | 'premium' | 'satellite' | 'roaming';
  /** ISO 3166-1 alpha-2, or `001`: the country called; of roaming, the one that it is used from */
  country: string;
}

export function placeOf(key: number): Place {
  const country = countryOf(key);
  if (isAway(key)) return { kind: 'roaming', country };
  if (key >= SATELLITE) return { kind: 'satellite', country };
  return { kind: key >= PREMIUM ? 'premium' : 'country', country };
}

/** Digits of a number that stand for the block it is rented out in: all but the last three. */
export function numberBlock(number: string): Traffic | undefined {
  return /^\+\d{7,}$/.test(number) ? (`prefix:${number.slice(0, -3)}` as Traffic) : undefined;
}

/** The same as a whole number; 0 where a number has no block. */
export function blockDigits(number: string): number {
  if (number !== latest) read(number);
  return block;
}

/** A spread of the number over 32 bits (FNV-1a): the same in every process. */
export function numberHash(number: string): number {
  if (number !== latest) read(number);
  return spread;
}

const PLUS = 43;
const ZERO = 48;
const BLOCK_LENGTH_MIN = 8;
const OF_BLOCK = 3;

/** The latest number that was read, and what was read of it: several things ask for each. */
let latest: string | undefined;
let spread = 0;
let block = 0;

function read(number: string): void {
  const { length } = number;
  const blockEnds = length >= BLOCK_LENGTH_MIN && number.charCodeAt(0) === PLUS ? length - OF_BLOCK : 0;
  let hash = 2_166_136_261;
  let digits = 0;
  for (let at = 0; at < length; at++) {
    const character = number.charCodeAt(at);
    hash = Math.imul(hash ^ character, 16_777_619);
    if (at < blockEnds && at > 0) digits = digits * 10 + (character - ZERO);
  }
  latest = number;
  spread = (hash ^ (hash >>> 15)) >>> 0;
  block = digits;
}
