import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { AccountRow } from '../../accounts/store.ts';
import { textUpTo } from '../../kernel/characters.ts';
import { ChangeAccounts } from '../../pipeline/limits/change-accounts.ts';
import { readAccounts } from '../../accounts/account-file.ts';
import { accountForm, accountFrom, accountId, type AccountForm } from '../../accounts/account-form.ts';
import { accountResponse, readAccount, showAccount, type AccountResponse } from './account-row.ts';
import { bodyBytes } from '../http/bodies.ts';
import { personOf } from '../keys/person.ts';
import type { Principal } from '../keys/role.ts';
import { pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { Actor, Caller, Route } from '../http/route.ts';
import { asShown, refuseOther } from '../http/wire.ts';

const accountsQuery = pageQuery.extend({ segment: textUpTo(64).optional() });

const putForm = asShown(accountForm, ['version', 'created_at', 'updated_at']);

const imported = z.object({ created: z.int(), changed: z.int(), unchanged: z.int() }).meta({ id: 'ImportedAccounts' });

/** A file of accounts is checked as a whole, in memory. */
const UNPACKED_BYTES_MAX = 64 * 1024 ** 2;

/** By the primary key. */
const PAGE = `
  SELECT * FROM accounts
   WHERE ($1::text IS NULL OR account_id > $1) AND ($2::text IS NULL OR segment = $2)
   ORDER BY account_id LIMIT $3`;

@ApiTags('accounts')
@Controller('v1/accounts')
export class AccountsController {
  readonly #dataSource: DataSource;
  readonly #change: ChangeAccounts;

  constructor(dataSource: DataSource, change: ChangeAccounts) {
    this.#dataSource = dataSource;
    this.#change = change;
  }

  @Get()
  @Route({ needs: 'viewer', summary: 'Lists accounts', answers: 'A page, by id', schema: pageOf(accountResponse) })
  async list(
    @Query({ schema: accountsQuery }) { cursor, limit, segment }: z.output<typeof accountsQuery>,
    @Caller() caller: Principal,
  ): Promise<Page<AccountResponse>> {
    const rows = await this.#dataSource.query<AccountRow[]>(PAGE, [textCursor(cursor), segment, limit + 1]);
    return toPage(
      rows,
      limit,
      (row) => row.account_id,
      (row) => showAccount(row, caller.role),
    );
  }

  @Get(':account_id')
  @Route({ needs: 'viewer', summary: 'Shows an account', answers: 'The account', schema: accountResponse })
  async show(
    @Param('account_id') id: string,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse> {
    const row = await readAccount(this.#dataSource, id);
    void reply.header('etag', etag(row.version));
    return showAccount(row, caller.role);
  }

  @Put(':account_id')
  @Route({
    needs: 'billing',
    summary: 'Creates or changes an account',
    description:
      'What `GET` shows may be sent back, changed. With `If-Match`, only where it still has that version. 201 where it is new. 409 for another currency than that of its ' +
      'usage, and where a second person has to agree to caps so much weaker.',
    answers: 'The account as it is now',
    schema: accountResponse,
  })
  async put(
    @Param('account_id', { schema: accountId }) id: string,
    @Body({ schema: putForm }) form: AccountForm,
    @Headers('if-match') match: string | undefined,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse> {
    refuseOther(form, 'account', 'account_id', id);
    const { actor, alone } = personOf(caller);
    const { version, created } = await this.#change.put(accountFrom(id, form), ifMatch(match), actor, alone);
    void reply.code(created ? 201 : 200).header('etag', etag(version));
    return showAccount(await readAccount(this.#dataSource, id), 'billing');
  }

  @Delete(':account_id')
  @HttpCode(204)
  @Route({
    needs: 'billing',
    summary: 'Deletes an account',
    description:
      'Refused (409) where it has usage: what was spent stays on record; and where something of it is barred, or waits for approval.',
    status: 204,
    answers: 'It is gone',
  })
  async remove(
    @Param('account_id') id: string,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
  ): Promise<void> {
    await this.#change.remove(id, ifMatch(match), actor);
  }

  @Post('import')
  @HttpCode(200)
  @ApiConsumes('text/csv')
  @Route({
    needs: 'billing',
    streams: ['text/csv'],
    summary: 'Creates or changes the accounts of a CSV file',
    description:
      'All rows are checked first; where one is wrong, each wrong line and field is named and nothing changes. Nor does anything ' +
      'where one account is refused like by `PUT` (409).',
    answers: 'How many were created, changed, and as they were',
    schema: imported,
  })
  async import(@Req() request: FastifyRequest, @Caller() caller: Principal): Promise<z.output<typeof imported>> {
    const { actor, alone } = personOf(caller);
    return this.#change.importAll(await readAccounts(bodyBytes(request, UNPACKED_BYTES_MAX)), actor, alone);
  }
}
