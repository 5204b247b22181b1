/** The command line: `npm run -s plafond -- <command>`. */
import { runCommand } from './command-line/program.ts';

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});
