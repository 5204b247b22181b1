import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { allowedNumbers } from '../../accounts/allowed-numbers.ts';
import { classify } from '../../destinations/classify.ts';
import { AllowNumbers } from '../../pipeline/suspending/allow-numbers.ts';
import { readAccount } from './account-row.ts';
import { onConnection } from '../http/connection.ts';
import { Actor, Route } from '../http/route.ts';

const NUMBERS_MAX = 100;

/** What a switch is asked for is the number as it is dialled abroad, so that is the only form taken. */
const e164 = z
  .string()
  .regex(/^\+\d{3,15}$/, { error: 'must be E.164, such as +31207940000' })
  .refine((number) => classify(number, '')?.number === number, { error: 'is no number of any country' });

const numbersForm = z
  .strictObject({
    numbers: z
      .array(e164)
      .max(NUMBERS_MAX, { error: `must name at most ${NUMBERS_MAX} numbers` })
      .meta({ description: 'all of them; what is not named is allowed no more' }),
  })
  .meta({ id: 'AllowedNumbers' });
type Numbers = z.output<typeof numbersForm>;

@ApiTags('accounts')
@Controller('v1/accounts/:account_id/allowed-numbers')
export class AllowedNumbersController {
  readonly #dataSource: DataSource;
  readonly #allow: AllowNumbers;

  constructor(dataSource: DataSource, allow: AllowNumbers) {
    this.#dataSource = dataSource;
    this.#allow = allow;
  }

  @Get()
  @Route({
    needs: 'billing',
    summary: 'Lists the numbers that an account may call whatever is barred',
    description: 'Emergency numbers always may be called, and are not listed.',
    answers: 'The numbers, in E.164',
    schema: numbersForm,
  })
  async list(@Param('account_id') id: string): Promise<Numbers> {
    await readAccount(this.#dataSource, id);
    const allowed = await onConnection(this.#dataSource, (client) => allowedNumbers(client, [id]));
    return { numbers: allowed.get(id) ?? [] };
  }

  @Put()
  @Route({
    needs: 'billing',
    summary: 'Says which numbers an account may call whatever is barred',
    answers: 'The numbers as they are now; the switch follows where something is barred',
    schema: numbersForm,
  })
  async put(
    @Param('account_id') id: string,
    @Body({ schema: numbersForm }) { numbers }: Numbers,
    @Actor() actor: string,
  ): Promise<Numbers> {
    await this.#allow.put(id, numbers, actor);
    return this.list(id);
  }
}
