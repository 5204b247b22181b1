import { Refusal } from '../kernel/refusal.ts';
import { CommandFailure, codeOf } from './server.ts';
import { count } from './terminal.ts';

const FAULTS_SHOWN = 5;

/** What a person needs to know of unusable input, in one line; what is no fault of the input comes back as it is. */
export function inWords(error: unknown): unknown {
  if (error instanceof Refusal) {
    const faults = error.faults.map((fault) => {
      const line = 'line' in fault ? `line ${String(fault.line)}: ` : '';
      return `${line}${fault.field} ${fault.detail}`;
    });
    const more = faults.length > FAULTS_SHOWN ? [`and ${count(faults.length - FAULTS_SHOWN)} more`] : [];
    return new CommandFailure(
      [error.message, [...faults.slice(0, FAULTS_SHOWN), ...more].join('; ')].filter(Boolean).join(': '),
      { cause: error },
    );
  }
  // A system error's text names its code, what was done, and the file.
  return codeOf(error) !== undefined && Object(error).syscall !== undefined
    ? new CommandFailure(String(Object(error).message), { cause: error })
    : error;
}
