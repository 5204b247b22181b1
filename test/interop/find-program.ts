import { accessSync, constants, readdirSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';

// Servers stand in /usr/sbin, which is on root's path alone.
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** Where a program is, by its name or its path, or one of Kamailio's modules, as in `kamailio/tm.so`; undefined where it is not installed. */
export function findProgram(program: string): string | undefined {
  if (program.startsWith('kamailio/')) return findModule(basename(program));
  const places = isAbsolute(program) ? [program] : FOLDERS.map((folder) => join(folder, program));
  return places.find((place) => isThere(place, constants.X_OK));
}

/** Debian keeps them under the machine's architecture. */
function findModule(module: string): string | undefined {
  const folders = ['/usr/lib', ...readdirSync('/usr/lib').map((each) => join('/usr/lib', each)), '/usr/local/lib64'];
  return folders
    .map((folder) => join(folder, 'kamailio/modules', module))
    .find((path) => isThere(path, constants.R_OK));
}

function isThere(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
