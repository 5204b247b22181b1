import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { secretFromEnvironment } from '../../config.ts';

const NAME = 'PLAFOND_SECRET_LINKS';

/** Whoever comes first makes it, and everybody reads what stands there. */
const MAKE = 'INSERT INTO link_key (key) VALUES ($1) ON CONFLICT DO NOTHING';
const READ = 'SELECT key FROM link_key';

/**
 * The key that signs the links of warnings: from the environment as `PLAFOND_SECRET_LINKS`, which must be the same for all
 * processes; else made once and kept in the database. With another key, links that are out open nothing any more.
 */
@Injectable()
export class LinkKey {
  #key: Promise<Buffer> | undefined;

  constructor(private readonly dataSource: DataSource) {}

  get(): Promise<Buffer> {
    return (this.#key ??= this.#read().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    }));
  }

  async #read(): Promise<Buffer> {
    const named = secretFromEnvironment(NAME);
    if (named !== undefined) return createHash('sha256').update(named).digest();
    await this.dataSource.query(MAKE, [randomBytes(32)]);
    const [row] = await this.dataSource.query<{ key: Buffer }[]>(READ);
    return row!.key;
  }
}
