import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Refusal } from '../../kernel/refusal.ts';
import { ReceiveReceipts } from '../../pipeline/telling/receive-receipts.ts';
import { bodyBytes } from '../http/bodies.ts';
import { notFound } from '../http/identifiers.ts';
import { OpenRoute, Route } from '../http/route.ts';

const MAIL_BYTES_MAX = 2 * 1024 ** 2;

/** By Kannel's kinds of receipts (user guide, "Delivery reports"); what it buffers tells nothing new. */
const KANNEL = { '1': 'delivered', '2': 'failed', '4': 'delayed', '8': 'accepted', '16': 'failed' } as const;

const kannelQuery = z.object({
  dlr: z.enum(['1', '2', '4', '8', '16'], { error: 'must be 1, 2, 4, 8 or 16' }),
  answer: z.string().max(500).default(''),
});

const receiptForm = z
  .object({
    status: z.enum(['accepted', 'delayed', 'delivered', 'failed'], {
      error: 'must be accepted, delayed, delivered or failed',
    }),
    detail: z.string().max(500).default(''),
  })
  .meta({ id: 'ReceiptForm' });

const received = z
  .object({
    kept: z.boolean().meta({ description: 'false: it was known already' }),
  })
  .meta({ id: 'Received' });

const bounceReceived = z
  .object({
    warning: z.string().nullable().meta({ description: 'the message it is about; null: none of ours, or no bounce' }),
    kept: z.boolean(),
  })
  .meta({ id: 'BounceReceived' });

/** What comes back after a message has left. */
@ApiTags('decisions')
@Controller('v1')
export class ReceiptsController {
  readonly #receipts: ReceiveReceipts;

  constructor(receipts: ReceiveReceipts) {
    this.#receipts = receipts;
  }

  @Get('receipts/:token')
  @OpenRoute({
    summary: 'Takes a delivery receipt of Kannel; its address is signed, and speaks of one message',
    answers: 'Whether it said something new',
    schema: received,
  })
  async kannel(
    @Param('token') token: string,
    @Query({ schema: kannelQuery }) { dlr, answer }: z.output<typeof kannelQuery>,
  ): Promise<z.output<typeof received>> {
    return this.#receive(token, KANNEL[dlr], answer || `dlr ${dlr}`);
  }

  @Post('receipts/:token')
  @HttpCode(200)
  @OpenRoute({
    summary: 'Takes a delivery receipt of any SMS gateway; its address is signed, and speaks of one message',
    answers: 'Whether it said something new',
    schema: received,
  })
  async gateway(
    @Param('token') token: string,
    @Body({ schema: receiptForm }) { status, detail }: z.output<typeof receiptForm>,
  ): Promise<z.output<typeof received>> {
    return this.#receive(token, status, detail || status);
  }

  @Post('bounces')
  @HttpCode(200)
  @ApiConsumes('message/rfc822')
  @Route({
    needs: 'billing',
    alsoFor: 'bounces',
    streams: ['message/rfc822'],
    summary: 'Takes a mail that came back, or reports of one (RFC 3464), as it is',
    answers: 'Which message it is about',
    schema: bounceReceived,
  })
  async bounce(@Req() request: FastifyRequest): Promise<z.output<typeof bounceReceived>> {
    const chunks: Buffer[] = [];
    for await (const chunk of bodyBytes(request, MAIL_BYTES_MAX)) {
      chunks.push(chunk);
      if (chunks.reduce((sum, { length }) => sum + length, 0) > MAIL_BYTES_MAX) {
        throw new Refusal('too-large', 'too_large', `a mail may have ${MAIL_BYTES_MAX / 1024 ** 2} MB at most`);
      }
    }
    const { warning, kept } = await this.#receipts.bounce(Buffer.concat(chunks));
    return { warning: warning ?? null, kept };
  }

  async #receive(
    token: string,
    said: z.output<typeof receiptForm>['status'],
    answer: string,
  ): Promise<z.output<typeof received>> {
    const warningId = await this.#receipts.warningOf(token);
    if (warningId === undefined) throw notFound('this receipt');
    const { warning, kept } = await this.#receipts.receive({ warningId, said, part: '', answer: oneLine(answer) });
    if (warning === undefined) throw notFound('this receipt');
    return { kept };
  }
}

function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
