/** `npm run bench [-- NAME]`: measures what Plafond promises: speed as ratios within one run, and money kept from fraud. */
import { detection } from './detection/detection.ts';
import { ingest } from './ingest.ts';

const BENCHES: Record<string, () => Promise<void>> = { detection, ingest };

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = names.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  process.stderr.write(`there is no bench "${unknown}"; there are: ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(1);
}
for (const name of names.length > 0 ? names : Object.keys(BENCHES)) await BENCHES[name]!();
