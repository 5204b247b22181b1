/** The command line: `npm run -s plafond -- <command>`. */
import { constants } from 'node:os';
import { runCommand } from './command-line/program.ts';

// Whoever reads has had enough, such as `head`: this ends as it would have by SIGPIPE.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(128 + constants.signals.SIGPIPE);
  });
}

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});
