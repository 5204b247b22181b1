/** `caps apply`: makes the caps of a server those of a file. Caps that the file does not name stay as they are. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { BARRING_CLASSES } from '../caps/barring.ts';
import { capDefinition, scopeOf, type CapDefinition } from '../caps/cap.ts';
import { definitionKey } from '../caps/cap-book.ts';
import { readCapFile } from '../caps/cap-file.ts';
import { parseAmount } from '../kernel/money.ts';
import { Refusal } from '../kernel/refusal.ts';
import { unreadable } from './file-body.ts';
import { CommandFailure, type Server } from './server.ts';
import { counted, table, type Out } from './terminal.ts';

/** A server may have one from before in a currency that there is not: it keeps no other from being read. */
const serverCap = capDefinition.extend({ id: z.string(), version: z.int(), currency: z.string() }).strip();
export type ServerCap = z.output<typeof serverCap>;

const preview = z.object({
  affected: z.int(),
  warned: z.int(),
  suspended: z.int(),
  lifts: z.array(z.string()),
  accounts: z.array(
    z.object({
      account: z.string(),
      spend: z.string(),
      limit: z.string(),
      currency: z.string(),
      percent: z.number(),
      warn: z.boolean(),
      suspend: z.array(z.enum(BARRING_CLASSES)),
    }),
  ),
  truncated: z.boolean(),
});
type Preview = z.output<typeof preview>;

/** What is to be done for one cap of a file. */
export type Step =
  | { kind: 'create'; definition: CapDefinition }
  | { kind: 'change'; definition: CapDefinition; existing: ServerCap }
  | { kind: 'keep'; definition: CapDefinition };

/** Applies the caps of a file, a line each; with `dryRun` nothing changes, and it says who would be warned or suspended. */
export async function applyCaps(
  server: Server,
  file: string,
  { dryRun = false }: { dryRun?: boolean },
  out: Out,
): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const wanted = capsOf(file, text);
  if (wanted.length === 0) return out(`${file}: no caps`);
  const existing: ServerCap[] = [];
  for await (const cap of server.list('/v1/caps', serverCap)) existing.push(cap);
  for (const step of planCaps(wanted, existing)) await (dryRun ? foretell : take)(server, step, out);
}

/** Throws {@link CommandFailure} naming each wrong field, a line each. */
function capsOf(file: string, text: string): CapDefinition[] {
  try {
    return readCapFile(text).map(({ definition }) => definition);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const faults = error.faults.map(({ field, detail }) => `  ${field} ${detail}`);
    const story = faults.length === 0 ? error.message : 'nothing is applied; wrong are';
    throw new CommandFailure([`${file}: ${story}`, ...faults].join('\n'), { cause: error });
  }
}

async function take(server: Server, step: Step, out: Out): Promise<void> {
  switch (step.kind) {
    case 'keep':
      return out(`unchanged  ${describeCap(step.definition)}`);
    case 'create':
      await server.ask('POST', '/v1/caps', serverCap, { json: step.definition });
      return out(`created    ${describeCap(step.definition)}`);
    case 'change': {
      const { id, version } = step.existing;
      const ifMatch = `"${version}"`;
      await server.ask('PUT', `/v1/caps/${id}`, serverCap, { json: step.definition, ifMatch });
      return out(`changed    ${describeCap(step.definition)}`);
    }
  }
}

async function foretell(server: Server, step: Step, out: Out): Promise<void> {
  if (step.kind === 'keep') return out(`unchanged     ${describeCap(step.definition)}`);
  const replaces = step.kind === 'change' ? step.existing.id : undefined;
  const json = { ...step.definition, replaces };
  const found = await server.ask('POST', '/v1/caps/preview', preview, { json });
  out(`${step.kind === 'change' ? 'would change' : 'would create'}  ${describeCap(step.definition)}`);
  describePreview(found, out);
}

function describePreview(found: Preview, out: Out): void {
  if (found.lifts.length > 0) out(`  now lifts what it suspended of: ${found.lifts.join(', ')}`);
  if (found.affected === 0) return out('  warns and suspends nobody now');
  out(`  now warns ${counted(found.warned, 'account')} and suspends ${found.suspended}:`);
  table(
    found.accounts.map(({ account, spend, limit, currency, percent, warn, suspend }) => [
      account,
      `${spend} of ${limit} ${currency}`,
      `${percent} %`,
      [...(warn ? ['warn'] : []), ...suspend.map((barred) => `suspend:${barred}`)].join(', '),
    ]),
    out,
  );
  if (found.truncated) out('  and more accounts than are listed');
}

/** What is to be done so that each cap of `wanted` stands among `existing`; the rest of `existing` is left alone. */
export function planCaps(wanted: readonly CapDefinition[], existing: readonly ServerCap[]): Step[] {
  const standing = new Map(existing.map((cap) => [definitionKey(cap), cap]));
  return wanted.map((definition) => {
    const twin = standing.get(definitionKey(definition));
    if (!twin) return { kind: 'create', definition };
    return isSame(definition, twin) ? { kind: 'keep', definition } : { kind: 'change', definition, existing: twin };
  });
}

/** Whether two caps of one place do the same: `100` is `100.00`, and the order in which thresholds are named means nothing. */
function isSame(one: CapDefinition, other: CapDefinition): boolean {
  return meaning(one) === meaning(other);
}

function meaning(definition: CapDefinition): string {
  const { name, limit, thresholds, mode, reinstate, forecast = false, count = 'spend' } = definition;
  const rising = thresholds
    .map(({ percent, actions }) => [percent, actions.toSorted()] as const)
    .toSorted(([a], [b]) => a - b);
  return JSON.stringify([name, String(parseAmount(limit)), rising, mode, reinstate, forecast, count]);
}

function describeCap(cap: CapDefinition): string {
  const { kind, value } = scopeOf(cap);
  const whom = kind === 'everyone' ? kind : `${kind} ${value}`;
  return `${cap.name}: ${whom}, ${cap.traffic}, ${cap.limit} ${cap.currency} a ${cap.period}`;
}
