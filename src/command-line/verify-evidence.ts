/** `evidence verify`: recomputes every hash from what the server shows, and trusts nothing that it says of itself. */
import { z } from 'zod';
import { canonicalJson } from '../evidence/chain.ts';
import {
  CHAIN_START,
  checkGap,
  checkHead,
  followChain,
  type BrokenChain,
  type ChainEnd,
  type EvidenceEntry,
  type Followed,
} from '../evidence/verify.ts';
import { parseInstant } from '../kernel/clock.ts';
import { CommandFailure, type Server } from './server.ts';
import { counted, type Out } from './terminal.ts';

const head = z.object({ account: z.string(), seq: z.int(), hash: z.string() });
type Head = z.output<typeof head>;

const entry = z
  .object({
    account: z.string(),
    seq: z.int(),
    at: z.string(),
    kind: z.string(),
    body: z.unknown(),
    prev_hash: z.string(),
    hash: z.string(),
  })
  .transform((shown): EvidenceEntry => {
    const { account, seq, at, kind, body, prev_hash, hash } = shown;
    // A time that can not be read makes another hash, as any altered one does.
    const instant = parseInstant(at) ?? 0;
    return { accountId: account, seq, at: instant, kind, bodyText: canonicalJson(body), prevHash: prev_hash, hash };
  });

/** Checks the evidence of one account or of all; gives the number of accounts whose evidence is not as it was written. */
export async function verifyEvidence(server: Server, account: string | undefined, out: Out): Promise<number> {
  const beyond = new Map<string, ChainEnd>();
  let accounts = 0;
  let entries = 0;
  let removed = 0;
  let broken = 0;
  const report = (id: string, fault: BrokenChain): void => {
    broken++;
    out(`account ${id}, entry ${fault.seq}: ${fault.fault}: ${fault.detail}`);
  };

  for await (const shown of headsOf(server, account)) {
    accounts++;
    const checked = await verifyAccount(server, shown);
    entries += checked.entries;
    removed += checked.removed;
    if (checked.fault) report(shown.account, checked.fault);
    else if (checked.end.seq > shown.seq) beyond.set(shown.account, checked.end);
  }
  if (account !== undefined && accounts === 0) throw new CommandFailure(`account ${account} has no evidence`);

  // What came after a head that was read earlier is either new or was never appended by Plafond. Now the heads must
  // know of it.
  if (beyond.size > 0) {
    for await (const shown of headsOf(server, account)) {
      const end = beyond.get(shown.account);
      const now = chainEnd(shown);
      if (end === undefined || (now !== undefined && now.seq > end.seq)) continue;
      const checked = checkHead(end, now);
      if (!checked.ok) report(shown.account, checked);
    }
  }
  const verdict = broken === 0 ? 'all as written' : `${counted(broken, 'account')} NOT as written`;
  const gone =
    removed === 0 ? '' : `; ${counted(removed, 'older entry', 'older entries')} removed, as their chains say`;
  out(`${counted(accounts, 'account')}, ${counted(entries, 'entry', 'entries')} checked: ${verdict}${gone}`);
  return broken;
}

async function* headsOf(server: Server, account: string | undefined): AsyncGenerator<Head> {
  for await (const shown of server.list('/v1/evidence/heads', head)) {
    if (account === undefined) yield shown;
    else if (shown.account === account) return yield shown;
  }
}

/** Follows an account's entries up to its head, then on to the end, which lies beyond where entries were appended since. */
async function verifyAccount(
  server: Server,
  shown: Head,
): Promise<{ entries: number; removed: number; end: ChainEnd; fault?: BrokenChain }> {
  const known = chainEnd(shown);
  let end: Followed = CHAIN_START;
  let entries = 0;
  const broken = (fault: BrokenChain) => ({ entries, removed: 0, end, fault });
  for await (const each of server.list(`/v1/accounts/${encodeURIComponent(shown.account)}/evidence`, entry)) {
    entries++;
    const followed = followChain(shown.account, [each], end);
    if (!followed.ok) return broken(followed);
    end = followed.end;
    const reached = known && end.seq === known.seq ? checkHead(end, known) : undefined;
    if (reached && !reached.ok) return broken(reached);
  }
  const gap = checkGap(end);
  if (!gap.ok) return broken(gap);
  const ended = known && end.seq > known.seq ? undefined : checkHead(end, known);
  return ended && !ended.ok ? broken(ended) : { entries, removed: gap.removed, end };
}

/** `undefined`: the account has entries, but nothing that remembers where they end. */
function chainEnd({ seq, hash }: Head): ChainEnd | undefined {
  return seq === 0 && hash === '' ? undefined : { seq, hash };
}
