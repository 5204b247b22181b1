import { TRAFFIC_BIT, type Traffic } from '../destinations/traffic.ts';

/** Which rows of `usage u` are of a traffic class. Only words that were parsed get here, so they stand in the text. */
export function trafficSql(traffic: Traffic): string {
  if (traffic === 'all') return 'true';
  if (traffic.startsWith('country:')) return `u.country = '${traffic.slice('country:'.length).replaceAll("'", '')}'`;
  if (traffic.startsWith('prefix:'))
    return `u.b_number LIKE '${traffic.slice('prefix:'.length).replaceAll(/[^+\d]/g, '')}%'`;
  return `(u.traffic & ${TRAFFIC_BIT[traffic as keyof typeof TRAFFIC_BIT]}) <> 0`;
}
