/** `import` and `accounts import`: files on their way to a running server. */
import { z } from 'zod';
import { bytesOf, contentOf } from './file-body.ts';
import { CommandFailure, type Server } from './server.ts';
import { count, table, type Out } from './terminal.ts';

const REJECTS_SHOWN = 20;

const importResult = z.object({
  import_id: z.string(),
  received: z.int(),
  counted: z.int(),
  duplicate: z.int(),
  stale: z.int(),
  superseded: z.int(),
  rejected: z.int(),
  skipped: z.int().default(0),
});
type ImportResult = z.output<typeof importResult>;

const reject = z.object({ line: z.int(), field: z.string(), reason: z.string(), detail: z.string() });
export type Reject = z.output<typeof reject>;

const importedAccounts = z.object({ created: z.int(), changed: z.int(), unchanged: z.int() });

/** Sends files of usage, one after the other, and shows what became of their rows; gives the number of rejected ones. */
export async function importUsage(
  server: Server,
  files: readonly string[],
  { feed, all = false }: { feed: string; all?: boolean },
  out: Out,
): Promise<number> {
  const contents = files.map((file) => contentOf(file, ['csv', 'cdr', 'ndjson', 'json']));
  let rejected = 0;
  for (const [at, file] of files.entries()) {
    const stream = { ...contents[at]!, bytes: await bytesOf(file) };
    const result = await server
      .ask('POST', '/v1/usage', importResult, { query: { feed }, stream })
      .catch((error: unknown) => {
        throw error instanceof CommandFailure
          ? new CommandFailure(`${file}: ${error.message}`, { cause: error })
          : error;
      });
    out(describeImport(file, result));
    if (result.rejected === 0) continue;
    rejected += result.rejected;
    const path = `/v1/imports/${result.import_id}/rejects`;
    const shown: Reject[] = [];
    for await (const each of server.list(path, reject, all ? Infinity : REJECTS_SHOWN)) shown.push(each);
    showRejects(shown, result.rejected, out, '--all shows them');
  }
  return rejected;
}

/** Rejects, a line each; says how many more there are, and where. */
export function showRejects(shown: readonly Reject[], total: number, out: Out, where?: string): void {
  table(
    shown.map(({ line, field, reason, detail }) => [`line ${line}`, field, reason, detail]),
    out,
  );
  if (total > shown.length) out(`  and ${count(total - shown.length)} more${where === undefined ? '' : `; ${where}`}`);
}

function describeImport(file: string, result: ImportResult): string {
  const parts = (['received', 'counted', 'duplicate', 'stale', 'superseded', 'rejected'] as const).map(
    (name) => `${count(result[name])} ${name}`,
  );
  if (result.skipped > 0) parts.push(`${count(result.skipped)} passed over`);
  return `${file}: import ${result.import_id}: ${parts.join(', ')}`;
}

/** Sends a file of accounts. All of it is taken, or nothing. */
export async function importAccounts(server: Server, file: string, out: Out): Promise<void> {
  const stream = { ...contentOf(file, ['csv']), bytes: await bytesOf(file) };
  const result = await server.ask('POST', '/v1/accounts/import', importedAccounts, { stream });
  out(
    `${file}: ${count(result.created)} created, ${count(result.changed)} changed, ${count(result.unchanged)} unchanged`,
  );
}
