import { Refusal } from '../kernel/refusal.ts';
import { isUnreadable, unreadable } from './file-body.ts';
import { CommandFailure, codeOf } from './server.ts';
import { count } from './terminal.ts';

const FAULTS_SHOWN = 5;
/** What a file is called until it is whole. */
const PART = '.part';

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
  const { path, syscall, message } = Object(error) as NodeJS.ErrnoException;
  if (codeOf(error) === undefined || syscall === undefined) return error;
  if (codeOf(error) === 'ENOENT' && path?.endsWith(PART)) {
    return new CommandFailure(`${path.slice(0, -PART.length)}: there is no such folder`, { cause: error });
  }
  // A system error's text names its code, what was done, and the file.
  return path !== undefined && isUnreadable(error)
    ? unreadable(path, error)
    : new CommandFailure(message, { cause: error });
}
