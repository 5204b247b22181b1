import { accessSync, constants } from 'node:fs';
import { isAbsolute, join } from 'node:path';

// Servers stand in /usr/sbin, which is on root's path alone.
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** Where a program is, by its name or its path; undefined where it is not installed. */
export function findProgram(program: string): string | undefined {
  const places = isAbsolute(program) ? [program] : FOLDERS.map((folder) => join(folder, program));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
