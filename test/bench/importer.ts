/**
 * An importer in a process of its own, as two importers are two processes for whoever runs them. Forked with the
 * database's url; counts the files that it is sent.
 */
import { createReadStream } from 'node:fs';
import { createDataSource } from '../../src/database/data-source.ts';
import { SystemClock } from '../../src/kernel/clock.ts';
import { UsagePartitions } from '../../src/ledger/partitions.ts';
import { RecordUsage } from '../../src/pipeline/usage/record-usage.ts';

const dataSource = createDataSource(process.argv[2]!, { poolSize: 8, applicationName: 'bench' });
await dataSource.initialize();
const clock = new SystemClock();
const usage = new RecordUsage(dataSource, clock, new UsagePartitions(dataSource, clock));

process.on('message', ({ path }: { path: string }) => {
  const bytes = createReadStream(path, { highWaterMark: 256 * 1024 });
  const delivery = { feed: 'bench', source: 'drop-folder', format: 'csv', requestedBy: 'bench', bytes } as const;
  usage.record(delivery).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: String(error) }),
  );
});
process.on('disconnect', () => void dataSource.destroy().then(() => process.exit(0)));
process.send!({});
