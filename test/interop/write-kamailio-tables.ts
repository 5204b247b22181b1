/** `npm run kamailio-tables`: writes what docker/kamailio knows of the world's numbers anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../harness/root.ts';
import { kamailioTables } from './kamailio-tables.ts';

for (const [name, text] of kamailioTables()) writeFileSync(join(ROOT, 'docker/kamailio', name), text);
