import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Refusal } from '../../kernel/refusal.ts';
import { OpenRoute } from '../http/route.ts';

const health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
type Health = z.output<typeof health>;

@ApiTags('health')
@Controller('health')
export class HealthController {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  @Get('live')
  @OpenRoute({ summary: 'Whether the process runs', answers: 'It does', schema: health })
  live(): Health {
    return { status: 'ok' };
  }

  @Get('ready')
  @OpenRoute({
    summary: 'Whether it can serve',
    answers: 'The database answers, has every table, and takes changes',
    schema: health,
  })
  async ready(): Promise<Health> {
    const done = await this.#dataSource.query<{ name: string; read_only: string }[]>(
      `SELECT name, current_setting('transaction_read_only') AS read_only FROM migrations`,
    );
    // A standby, or a database whose disk is nearly full: what is sent to it is refused.
    if (done[0]?.read_only === 'on') {
      throw new Refusal('unavailable', 'read_only', 'the database takes no changes at the moment');
    }
    const names = new Set(done.map((migration) => migration.name));
    if (this.#dataSource.migrations.some((migration) => !names.has(migration.name ?? ''))) {
      throw new Refusal('unavailable', 'migrating', 'the database is being brought to this version');
    }
    return { status: 'ok' };
  }
}
