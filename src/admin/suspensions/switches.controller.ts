import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Put, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { NAME, NAME_FORM } from '../../kernel/name.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { ChangeSwitches, type SeenSwitch } from '../../pipeline/suspending/change-switches.ts';
import { SWITCH_KINDS, switchForm } from '../../suspensions/switches/definition.ts';
import { notFound } from '../http/identifiers.ts';
import { pageOf, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { HttpProblem } from '../http/problem.ts';
import { Actor, Route } from '../http/route.ts';
import { instant, showInstant } from '../http/wire.ts';

const node = z.object({
  node: z.string(),
  state: z
    .enum(['up', 'away', 'wrong', 'unknown'])
    .meta({ description: '`wrong`: it answers, but not as this switch should; `unknown`: not looked at yet' }),
  since: instant.nullable(),
  answer: z.string().meta({ description: 'what it answered that is the matter' }),
  bars: z.int().meta({ description: 'how many it held when it was looked at last' }),
  waiting: z.int().meta({ description: 'suspensions that it was not yet read to do as they are wanted' }),
  looked_at: instant.nullable(),
  filled_at: instant.nullable().meta({ description: 'when it was last filled anew, as after a restart' }),
});

const switchResponse = z
  .object({
    name: z.string(),
    kind: z.enum([...SWITCH_KINDS, 'local']),
    from: z.enum(['api', 'environment', 'local']).meta({ description: 'where it is configured' }),
    definition: switchForm.nullable(),
    nodes: z.array(node),
  })
  .meta({ id: 'Switch' });
type SwitchResponse = z.output<typeof switchResponse>;

@ApiTags('switches')
@Controller('v1/switches')
export class SwitchesController {
  readonly #switches: ChangeSwitches;

  constructor(switches: ChangeSwitches) {
    this.#switches = switches;
  }

  @Get()
  @Route({
    needs: 'viewer',
    summary: 'Lists the switches in service, and how each node is',
    answers: 'All of them, on one page',
    schema: pageOf(switchResponse),
  })
  async list(): Promise<Page<SwitchResponse>> {
    return { items: (await this.#switches.list()).map(showSwitch), next: null };
  }

  @Get(':name')
  @Route({ needs: 'viewer', summary: 'Shows a switch', answers: 'The switch', schema: switchResponse })
  async show(@Param('name') name: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<SwitchResponse> {
    const found = (await this.#switches.list()).find((each) => each.name === name);
    if (!found) throw notFound(`switch ${name}`);
    if (found.version !== undefined) void reply.header('etag', etag(found.version));
    return showSwitch(found);
  }

  @Put(':name')
  @Route({
    needs: 'admin',
    summary: 'Puts a switch into service, or changes it',
    description:
      'A change needs `If-Match` with the ETag that was read. Secrets are named, never sent: they stand in the environment ' +
      'of every process, as `PLAFOND_SECRET_…`. From then on a suspension is applied when this switch too was read to bar it.',
    answers: 'The switch as it is now; 201 where it was made',
    schema: switchResponse,
  })
  async put(
    @Param('name') name: string,
    @Body({ schema: switchForm }) form: z.output<typeof switchForm>,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SwitchResponse> {
    if (!NAME.test(name)) {
      throw new Refusal('invalid', 'bad_switch_name', `the name of a switch ${NAME_FORM}`, [
        { field: 'name', detail: NAME_FORM },
      ]);
    }
    const before = (await this.#switches.list()).find((each) => each.name === name);
    if (match === undefined && before?.version !== undefined) {
      throw new HttpProblem(428, 'if_match_needed', 'say with If-Match which version you have read, by its ETag');
    }
    const expected = match === undefined ? undefined : (ifMatch(match) ?? 'any');
    const { created } = await this.#switches.put(name, form, expected, actor);
    void reply.status(created ? 201 : 200);
    return this.show(name, reply);
  }

  @Delete(':name')
  @HttpCode(204)
  @Route({
    needs: 'admin',
    summary: 'Takes a switch out of service',
    description: 'Its bars stay as they are, and no suspension waits for it any more.',
    status: 204,
    answers: 'It is out of service; what it was stays on record',
  })
  async remove(
    @Param('name') name: string,
    @Headers('if-match') match: string | undefined,
    @Actor() actor: string,
  ): Promise<void> {
    await this.#switches.remove(name, match === undefined ? 'any' : (ifMatch(match) ?? 'any'), actor);
  }
}

function showSwitch({ name, kind, from, definition, nodes }: SeenSwitch): SwitchResponse {
  return {
    name,
    kind,
    from,
    definition: definition ?? null,
    nodes: nodes.map(({ node, row, waiting }) => ({
      node,
      state: row?.state ?? 'unknown',
      since: showInstant(row?.since ?? null),
      answer: row?.answer ?? '',
      bars: row?.bars ?? 0,
      waiting,
      looked_at: showInstant(row?.looked_at ?? null),
      filled_at: showInstant(row?.filled_at ?? null),
    })),
  };
}
