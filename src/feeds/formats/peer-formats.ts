/** Every format that a feed may have beside the canonical one. */
import { asteriskCsv } from './asterisk.ts';
import { cgratesCsv, cgratesJson } from './cgrates.ts';
import { freeswitchCsv } from './freeswitch.ts';
import type { PeerFormat } from './mapping.ts';
import { sipwise } from './sipwise.ts';
import { tmf635 } from './tmf635.ts';

/** Any CSV with a header row, as the feed's mapping says it. */
const mappedCsv: PeerFormat = { syntax: 'csv', columns: {} };

export const PEER_FORMATS = {
  'cgrates-csv': cgratesCsv,
  'cgrates-json': cgratesJson,
  sipwise,
  'freeswitch-csv': freeswitchCsv,
  'asterisk-csv': asteriskCsv,
  tmf635,
  'mapped-csv': mappedCsv,
} as const satisfies Record<string, PeerFormat>;
export type PeerFormatName = keyof typeof PEER_FORMATS;

export function isPeerFormat(name: string): name is PeerFormatName {
  return Object.hasOwn(PEER_FORMATS, name);
}
