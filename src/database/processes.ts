/** What the operating system knows about a process, asked without owning it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface RunningProcess {
  /** Tells two processes apart that had the same pid one after the other; letters and digits only. */
  started: string;
  /** The command line; empty where the system does not tell it (Windows). */
  command: string;
}

/** The process that runs under `pid`; `undefined` where there is none, or only a zombie that nobody has reaped. */
export function runningProcess(pid: number): RunningProcess | undefined {
  try {
    if (process.platform === 'linux') {
      // The second field is the program's name in parentheses and may hold spaces; the 22nd is the start, in ticks since boot.
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { started: fields[19]!, command };
    }
    if (process.platform === 'win32') {
      process.kill(pid, 0);
      return { started: '0', command: '' };
    }
    const line = execFileSync('ps', ['-ww', '-p', String(pid), '-o', 'lstart=,command='], { encoding: 'utf8' });
    if (line.includes('<defunct>')) return undefined;
    return { started: line.slice(0, 24).replace(/\W/g, ''), command: line.slice(24).trim() };
  } catch {
    return undefined;
  }
}
