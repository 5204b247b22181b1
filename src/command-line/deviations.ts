/** `deviations rebuild` and `deviations report`, by a running server. */
import { z } from 'zod';
import type { Server } from './server.ts';
import { counted, table, type Out } from './terminal.ts';

const rebuilt = z.object({
  accounts: z.int(),
  count: z.int(),
  differing: z.array(z.string()),
  corrected: z.int(),
  waiting: z.int(),
});

/** Has every signature made anew from the ledger, or only compared; gives the number of those that differed. */
export async function rebuildDeviations(
  server: Server,
  { check = false }: { check?: boolean },
  out: Out,
): Promise<number> {
  const found = await server.ask('POST', '/v1/deviations/rebuild', rebuilt, { query: { check: String(check) } });
  const { accounts, count, differing, corrected, waiting } = found;
  if (waiting > 0) out(`usage of ${counted(waiting, 'account')} waits to be looked at: ask again`);
  if (corrected > 0)
    out(`${counted(corrected, 'signature')} of accounts whose usage was corrected, made anew hour by hour`);
  if (count === 0)
    out(
      `every ${corrected > 0 ? 'other ' : ''}signature of ${counted(accounts, 'account')} is what the ledger makes of it`,
    );
  else {
    out(`${counted(count, 'signature')} ${check ? 'NOT what the ledger makes of them' : 'made anew'}`);
    table(
      differing.map((account) => [account]),
      out,
    );
    if (differing.length < count) out(`  and ${counted(count - differing.length, 'more', 'more')}`);
  }
  return count;
}

const report = z.object({
  from: z.string(),
  to: z.string(),
  totals: z.record(z.string(), z.int()),
  kept: z.record(z.string(), z.string()),
  spent_past: z.record(z.string(), z.string()),
  accounts: z.array(
    z.object({
      account: z.string(),
      case: z.string(),
      action: z.string(),
      first_at: z.string(),
      spend_then: z.string(),
      spend_after: z.string(),
      currency: z.string(),
      rightness: z.string(),
    }),
  ),
});

/** Shows what deviations did, or would have done. */
export async function reportDeviations(server: Server, query: Record<string, string>, out: Out): Promise<void> {
  const found = await server.ask('GET', '/v1/deviation-report', report, { query });
  const { from, to, totals, kept, spent_past: past, accounts } = found;
  out(`${from} to ${to}`);
  table(
    accounts.map((each) => [
      each.account,
      each.action,
      each.first_at,
      `at ${each.spend_then} ${each.currency}`,
      `${each.spend_after} ${each.currency} after`,
      each.rightness,
      `case ${each.case}`,
    ]),
    out,
  );
  out(
    `${counted(totals['accounts']!, 'account')}, ${counted(totals['cases']!, 'case')}: ${totals.warned} warned, ${totals.held} held, ${totals.suspended} suspended; ` +
      `${totals.right} right, ${totals.false} false, ${totals.likely_false} likely false, ${totals.rating_error} wrongly rated, ${totals.not_judged} not judged`,
  );
  for (const [currency, amount] of Object.entries(kept))
    out(`would have been kept from the bill: ${amount} ${currency}`);
  for (const [currency, amount] of Object.entries(past)) out(`spent past holds and suspensions: ${amount} ${currency}`);
}
