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
  @OpenRoute({ summary: 'Whether it can serve', answers: 'The database answers and has every table', schema: health })
  async ready(): Promise<Health> {
    const done = await this.#dataSource.query<{ name: string }[]>('SELECT name FROM migrations');
    const names = new Set(done.map((migration) => migration.name));
    if (this.#dataSource.migrations.some((migration) => !names.has(migration.name ?? ''))) {
      throw new Refusal('unavailable', 'migrating', 'the database is being brought to this version');
    }
    return { status: 'ok' };
  }
}
