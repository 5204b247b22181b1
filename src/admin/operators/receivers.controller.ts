import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Put, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { NAME, NAME_FORM } from '../../kernel/name.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { EVENT_KINDS, RECEIVER_KINDS, receiverForm } from '../../operators/receiver.ts';
import type { ReceiverRow } from '../../operators/store.ts';
import { ChangeOperators } from '../../pipeline/telling/change-operators.ts';
import { notFound } from '../http/identifiers.ts';
import { numberCursor, pageOf, pageQuery, textCursor, toPage, type Page } from '../http/paging.ts';
import { etag, ifMatch } from '../http/precondition.ts';
import { HttpProblem } from '../http/problem.ts';
import { Actor, Route } from '../http/route.ts';
import { asShown, instant, refuseOther, showInstant } from '../http/wire.ts';

const receiver = z
  .object({
    name: z.string(),
    version: z.int(),
    kind: z.enum(RECEIVER_KINDS),
    address: z.string(),
    secret: z.string().nullable(),
    events: z.array(z.enum(EVENT_KINDS)),
    created_at: instant,
    updated_at: instant,
    waiting: z.int().meta({ description: 'messages that are still to arrive there' }),
    failed: z.int().meta({ description: 'messages that were given up' }),
    last_sent_at: instant.nullable(),
    last_failure: z.string().nullable().meta({ description: 'why the latest try failed; null where it did not' }),
  })
  .meta({ id: 'Receiver' });
type ReceiverResponse = z.output<typeof receiver>;

const STATED_ALONE = ['version', 'created_at', 'updated_at', 'waiting', 'failed', 'last_sent_at', 'last_failure'];
const putForm = asShown(receiverForm, ['name', ...STATED_ALONE]);

const message = z
  .object({
    id: z.string(),
    kind: z.enum(EVENT_KINDS),
    at: instant,
    subject: z.string(),
    text: z.string(),
    state: z.enum(['queued', 'sending', 'sent', 'failed']),
    settled_at: instant.nullable(),
    attempts: z.array(
      z.object({ attempt: z.int(), at: instant, outcome: z.enum(['sent', 'retry', 'refused']), answer: z.string() }),
    ),
  })
  .meta({ id: 'OperatorMessage' });
type Message = z.output<typeof message>;

type StatedRow = ReceiverRow & {
  waiting: number;
  failed: number;
  last_sent_at: Date | null;
  last_failure: string | null;
};

/** Receivers are few; their messages by operator_messages_of_receiver. */
const STATED = `
  SELECT r.*, m.waiting, m.failed, m.last_sent_at, last.failure AS last_failure
    FROM receivers r,
         LATERAL (SELECT count(*) FILTER (WHERE state IN ('queued', 'sending'))::int AS waiting,
                         count(*) FILTER (WHERE state = 'failed')::int AS failed,
                         max(settled_at) FILTER (WHERE state = 'sent') AS last_sent_at
                    FROM operator_messages WHERE receiver = r.name) m
         LEFT JOIN LATERAL (SELECT CASE WHEN a.outcome <> 'sent' THEN a.answer END AS failure
                              FROM operator_attempts a JOIN operator_messages o USING (message_id)
                             WHERE o.receiver = r.name ORDER BY a.at DESC, o.message_no DESC LIMIT 1) last ON true`;

const PAGE = `${STATED} WHERE ($1::text IS NULL OR r.name > $1) ORDER BY r.name LIMIT $2`;
const ONE = `${STATED} WHERE r.name = $1`;

const MESSAGES = `
  SELECT m.message_no, m.message_id, m.kind, m.at, m.subject, m.text, m.state, m.settled_at,
         coalesce((SELECT json_agg(json_build_object('attempt', attempt, 'at', at, 'outcome', outcome, 'answer', answer)
                                   ORDER BY attempt)
                     FROM operator_attempts a WHERE a.message_id = m.message_id), '[]') AS attempts
    FROM operator_messages m
   WHERE m.receiver = $1 AND ($2::bigint IS NULL OR m.message_no < $2) ORDER BY m.message_no DESC LIMIT $3`;

interface MessageRow extends Omit<Message, 'id' | 'at' | 'settled_at'> {
  message_no: string;
  message_id: string;
  at: Date;
  settled_at: Date | null;
}

@ApiTags('operation')
@Controller('v1/receivers')
export class ReceiversController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly change: ChangeOperators,
  ) {}

  @Get()
  @Route({
    needs: 'billing',
    summary: 'Lists who of the billing team is told, and whether it arrives',
    answers: 'A page, by name',
    schema: pageOf(receiver),
  })
  async list(
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
  ): Promise<Page<ReceiverResponse>> {
    const rows = await this.dataSource.query<StatedRow[]>(PAGE, [textCursor(cursor), limit + 1]);
    return toPage(rows, limit, (row) => row.name, showReceiver);
  }

  @Get(':name')
  @Route({ needs: 'billing', summary: 'Shows a receiver', answers: 'The receiver', schema: receiver })
  async show(@Param('name') name: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<ReceiverResponse> {
    const row = await this.#find(name);
    if (!row) throw notFound(`receiver ${name}`);
    void reply.header('etag', etag(row.version));
    return showReceiver(row);
  }

  @Put(':name')
  @Route({
    needs: 'admin',
    summary: 'Makes a receiver, or changes it',
    description:
      'A change needs `If-Match` with the ETag that was read; what `GET` shows may be sent back, changed. Secrets are named, never sent: they stand in the environment ' +
      'of the workers, as `PLAFOND_SECRET_…`. A webhook is signed after Standard Webhooks.',
    answers: 'The receiver as it is now; 201 where it was made',
    schema: receiver,
  })
  async put(
    @Param('name') name: string,
    @Body({ schema: putForm }) form: z.output<typeof putForm>,
    @Headers('if-match') match: string | undefined,
    @Req() { body }: FastifyRequest,
    @Actor() actor: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReceiverResponse> {
    if (!NAME.test(name)) {
      throw new Refusal('invalid', 'bad_receiver_name', `the name of a receiver ${NAME_FORM}`, [
        { field: 'name', detail: NAME_FORM },
      ]);
    }
    refuseOther(body, 'receiver', 'name', name);
    if (match === undefined && (await this.#find(name))) {
      throw new HttpProblem(428, 'if_match_needed', 'say with If-Match which version you have read, by its ETag');
    }
    const { row, created } = await this.change.putReceiver({ name, ...form }, ifMatch(match), actor);
    void reply.status(created ? 201 : 200).header('etag', etag(row.version));
    return showReceiver((await this.#find(name))!);
  }

  @Delete(':name')
  @HttpCode(204)
  @Route({
    needs: 'admin',
    summary: 'Removes a receiver',
    description: 'What was still to be sent to it is given up.',
    status: 204,
    answers: 'It is gone; what it was stays on record',
  })
  async remove(@Param('name') name: string, @Actor() actor: string): Promise<void> {
    await this.change.removeReceiver(name, actor);
  }

  @Get(':name/messages')
  @Route({
    needs: 'billing',
    summary: 'Lists what a receiver was sent, with every attempt',
    answers: 'A page, newest first',
    schema: pageOf(message),
  })
  async messages(
    @Param('name') name: string,
    @Query({ schema: pageQuery }) { cursor, limit }: z.output<typeof pageQuery>,
  ): Promise<Page<Message>> {
    const rows = await this.dataSource.query<MessageRow[]>(MESSAGES, [name, numberCursor(cursor), limit + 1]);
    // What one that was removed had been sent stays on record.
    if (rows.length === 0 && !(await this.#find(name))) throw notFound(`receiver ${name}`);
    return toPage(rows, limit, (row) => row.message_no, showMessage);
  }

  async #find(name: string): Promise<StatedRow | undefined> {
    return (await this.dataSource.query<StatedRow[]>(ONE, [name]))[0];
  }
}

function showReceiver({ secret, created_at, updated_at, last_sent_at, ...row }: StatedRow): ReceiverResponse {
  return {
    ...row,
    secret: secret === '' ? null : secret,
    created_at: showInstant(created_at),
    updated_at: showInstant(updated_at),
    last_sent_at: showInstant(last_sent_at),
  };
}

function showMessage({ message_id, kind, at, subject, text, state, settled_at, attempts }: MessageRow): Message {
  const shown = { at: showInstant(at), settled_at: showInstant(settled_at) };
  return { id: message_id, kind, subject, text, state, attempts, ...shown };
}
