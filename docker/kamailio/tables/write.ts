/** `npm run kamailio-tables`, from the root of the repository: writes what docker/kamailio knows of the world's numbers anew. */
import { writeFileSync } from 'node:fs';
import { kamailioTables } from './kamailio-tables.ts';

for (const [name, text] of kamailioTables()) writeFileSync(`docker/kamailio/${name}`, text);
