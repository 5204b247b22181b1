/** `spend rebuild`: has the server count every counter anew from its ledger. */
import { z } from 'zod';
import type { Server } from './server.ts';
import { counted, table, type Out } from './terminal.ts';

const rebuilt = z.object({
  count: z.int(),
  differences: z.array(
    z.object({
      account: z.string(),
      service_id: z.string(),
      traffic: z.string(),
      period: z.string(),
      from: z.string(),
      counted: z.string(),
      ledger: z.string(),
    }),
  ),
});

/** Shows where counters and ledger differ, and has it mended unless it only checks; gives the number of differences. */
export async function rebuildSpend(server: Server, { check = false }: { check?: boolean }, out: Out): Promise<number> {
  const { count, differences } = await server.ask('POST', '/v1/spend/rebuild', rebuilt, {
    query: { check: String(check) },
  });
  if (count === 0) {
    out('every counter equals the ledger');
    return 0;
  }
  out(`${counted(count, 'counter')} ${check ? 'NOT equal to the ledger' : 'mended'}`);
  table(
    differences.map((each) => [
      each.service_id === '' ? each.account : `${each.account} (${each.service_id})`,
      each.traffic,
      `${each.period} from ${each.from}`,
      `counted ${each.counted}`,
      `ledger ${each.ledger}`,
    ]),
    out,
  );
  if (differences.length < count) out(`  and ${counted(count - differences.length, 'more', 'more')}`);
  return count;
}
