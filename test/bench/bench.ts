/** `npm run bench [-- NAME]`: measures what Plafond promises: speed as ratios within one run, and money kept from fraud. */
import { detection } from './detection/detection.ts';
import { forecast } from './forecast.ts';
import { ingest, ingestLarge } from './ingest.ts';
import { months } from './months.ts';
import { observe } from './observe.ts';
import { rolling } from './rolling.ts';
import { score } from './score.ts';
import { warnings } from './warnings.ts';
import { timeToBar } from './time-to-bar.ts';

const BENCHES: Record<string, () => Promise<void>> = {
  detection,
  forecast,
  ingest,
  observe,
  rolling,
  score,
  'ingest-large': ingestLarge,
  months,
  warnings,
  'time-to-bar': timeToBar,
};

if (process.argv.includes('--help')) {
  process.stdout.write(`npm run bench [-- NAME …]: ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(0);
}
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = names.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  process.stderr.write(`there is no bench "${unknown}"; there are: ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(1);
}
/** Each of them takes minutes. */
const LONG = ['ingest-large', 'months'];
const chosen = names.length > 0 ? names : Object.keys(BENCHES).filter((name) => !LONG.includes(name));
for (const name of chosen) await BENCHES[name]!();
