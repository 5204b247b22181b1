import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { formatInstant } from '../../kernel/clock.ts';
import { KeyRing } from './key-ring.ts';
import { KEY_ROLES, type KeyRole } from './role.ts';
import { pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { Actor, Route } from '../http/route.ts';
import { instant } from '../http/wire.ts';

const keyForm = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, { error: 'must be one line of text' })
      .meta({ description: 'who or what will use it' }),
    role: z.enum(KEY_ROLES, { error: `must be one of ${KEY_ROLES.join(', ')}` }),
  })
  .meta({ id: 'KeyForm' });

const newKey = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(KEY_ROLES),
    key: z.string().meta({ description: 'shown only now' }),
  })
  .meta({ id: 'NewKey' });

const keyResponse = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(KEY_ROLES),
    created_at: instant,
    created_by: z.string(),
    revoked_at: instant.nullable(),
    revoked_by: z.string().nullable(),
  })
  .meta({ id: 'Key' });
type KeyResponse = z.output<typeof keyResponse>;

interface KeyRow {
  key_id: string;
  name: string;
  role: KeyRole;
  created_at: Date;
  created_by: string;
  revoked_at: Date | null;
  revoked_by: string | null;
}

/** By the primary key. Never the hash. */
const PAGE = `
  SELECT key_id, name, role, created_at, created_by, revoked_at, revoked_by FROM api_keys
   WHERE ($1::text IS NULL OR key_id > $1) ORDER BY key_id LIMIT $2`;

@ApiTags('keys')
@Controller('v1/keys')
export class KeysController {
  readonly #dataSource: DataSource;
  readonly #keys: KeyRing;

  constructor(dataSource: DataSource, keys: KeyRing) {
    this.#dataSource = dataSource;
    this.#keys = keys;
  }

  @Post()
  @Route({
    needs: 'admin',
    summary: 'Makes a key',
    status: 201,
    answers: 'The key, shown only this once',
    schema: newKey,
  })
  async make(
    @Body({ schema: keyForm }) { name, role }: z.output<typeof keyForm>,
    @Actor() actor: string,
  ): Promise<z.output<typeof newKey>> {
    const { id, key } = await this.#keys.make(name, role, actor);
    return { id, name, role, key };
  }

  @Get()
  @Route({
    needs: 'admin',
    summary: 'Lists keys',
    answers: 'A page, without their secrets',
    schema: pageOf(keyResponse),
  })
  async list(@Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>): Promise<Page<KeyResponse>> {
    const rows = await this.#dataSource.query<KeyRow[]>(PAGE, [textCursor(cursor), limit + 1]);
    return toPage(rows, limit, (row) => row.key_id, showKey);
  }

  @Delete(':id')
  @HttpCode(204)
  @Route({
    needs: 'admin',
    summary: 'Revokes a key',
    description: 'At once here, within two seconds in other processes.',
    status: 204,
    answers: 'It opens nothing any more',
  })
  async revoke(@Param('id') id: string, @Actor() actor: string): Promise<void> {
    await this.#keys.revoke(id, actor);
  }
}

function showKey({ key_id, created_at, revoked_at, ...row }: KeyRow): KeyResponse {
  return {
    id: key_id,
    ...row,
    created_at: formatInstant(created_at.getTime()),
    revoked_at: revoked_at && formatInstant(revoked_at.getTime()),
  };
}
