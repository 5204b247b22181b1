/** A request for an uplift: as it is kept until somebody agrees to it, and as it is known where it is sent again. */
import { isDeepStrictEqual } from 'node:util';
import type { ClientBase } from 'pg';
import { upliftOf, type UpliftRow } from '../../caps/uplift-store.ts';
import type { Traffic } from '../../destinations/traffic.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { UpliftRequest } from '../limits/grant-uplift.ts';

export type AskedUplift = {
  do: 'uplift';
  cap?: string;
  traffic?: Traffic;
  amount: string;
  until: string;
  reason: string;
};

export function askedUplift({
  of,
  amount,
  until,
  reason,
}: Pick<UpliftRequest, 'of' | 'amount' | 'until' | 'reason'>): AskedUplift {
  return { do: 'uplift', ...of, amount: formatAmount(amount), until: formatInstant(until), reason };
}

/**
 * What a request that had this id led to; undefined: there was none. Refuses with `another_request` where it asked for something
 * else. By the primary keys.
 */
export async function ledTo(
  client: ClientBase,
  id: string,
  asked: AskedUplift,
): Promise<{ uplift: string } | { approval: string } | undefined> {
  const { rows: granted } = await client.query<UpliftRow>('SELECT * FROM uplifts WHERE uplift_id = $1', [id]);
  const { rows: approvals } = await client.query<{ asked: unknown; uplift_id: string | null }>(
    'SELECT asked, uplift_id FROM approvals WHERE approval_id = $1',
    [id],
  );
  const before = granted[0] ? askedFor(granted[0]) : approvals[0]?.asked;
  if (before === undefined) return undefined;
  if (!isDeepStrictEqual(before, asked)) {
    const detail = `a request by this name asked for something else before: ${JSON.stringify(before)}`;
    throw new Refusal('conflict', 'another_request', detail);
  }
  const uplift = granted[0]?.uplift_id ?? approvals[0]?.uplift_id;
  return uplift ? { uplift } : { approval: id };
}

function askedFor(row: UpliftRow): AskedUplift {
  return askedUplift({ ...upliftOf(row), until: row.until_at.getTime(), reason: row.reason });
}
