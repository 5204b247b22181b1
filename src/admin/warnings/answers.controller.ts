/**
 * The pages behind a warning's link: beside /health the only routes without a key, for the token in the path is one, for one
 * warning of one account. HEAD and GET change nothing; what changes something is a POST with a form's one-time token.
 */
import { Body, Controller, Get, HttpCode, Logger, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AnswerPages, type Fields, type Shown, type Visitor } from '../../pipeline/telling/answer-pages.ts';
import { Attempts } from '../keys/attempts.ts';
import { isDatabaseAway } from '../http/problem.ts';
import { OpenRoute } from '../http/route.ts';

/** How often in a minute: by link and address, but tokens that are none by address alone. */
const A_MINUTE_MAX = { look: 60, answer: 10, 'wrong token': 20 };

const STATUS_OF: Record<NonNullable<Shown['trouble']>, number> = {
  altered: 404,
  expired: 410,
  used: 409,
  'too-old': 409,
  'too-many': 429,
  'not-allowed': 403,
  unreadable: 422,
  'too-low': 422,
  'too-high': 422,
  'no-phone': 422,
  broken: 500,
};

/** Kept by no cache, found by no search engine, and told to no other site. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex, nofollow',
};

const field = z.string().max(2_000).optional().catch(undefined);
const fields = z.object({ form: field, amount: field, agreed: field, at: field, phone: field }).catch({});
const consentQuery = z.object({ amount: field }).catch({});

const LOOK = { summary: 'A page for the customer who was warned', answers: 'HTML' };

@ApiExcludeController()
@Controller('a/:token')
export class AnswersController {
  readonly #log = new Logger('answers');

  constructor(
    private readonly pages: AnswerPages,
    private readonly attempts: Attempts,
  ) {}

  @Get()
  @OpenRoute(LOOK)
  async overview(
    @Param('token') token: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.#show(token, request, reply, 'look', (visitor) => this.pages.overview(token, visitor));
  }

  @Get('us')
  @OpenRoute(LOOK)
  async consent(
    @Param('token') token: string,
    @Query({ schema: consentQuery }) { amount = '' }: z.output<typeof consentQuery>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.#show(token, request, reply, 'look', (visitor) => this.pages.consent(token, amount, visitor));
  }

  @Post('us')
  @HttpCode(303)
  @OpenRoute({ ...LOOK, forms: true })
  async us(
    @Param('token') token: string,
    @Body({ schema: fields }) form: Fields,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.#answer(token, request, reply, (visitor) => this.pages.answer(token, 'us', form, visitor));
  }

  @Post('not-us')
  @HttpCode(303)
  @OpenRoute({ ...LOOK, forms: true })
  async notUs(
    @Param('token') token: string,
    @Body({ schema: fields }) form: Fields,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.#answer(token, request, reply, (visitor) => this.pages.answer(token, 'not-us', form, visitor));
  }

  @Post('call-me')
  @HttpCode(303)
  @OpenRoute({ ...LOOK, forms: true })
  async callMe(
    @Param('token') token: string,
    @Body({ schema: fields }) form: Fields,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.#answer(token, request, reply, (visitor) => this.pages.answer(token, 'call-me', form, visitor));
  }

  #answer(
    token: string,
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (visitor: Visitor) => Promise<Shown | undefined>,
  ): Promise<string> {
    return this.#show(token, request, reply, 'answer', answer);
  }

  /** Shows what came of it; where nothing is left to show, the way back to the page, which tells of it. */
  async #show(
    token: string,
    request: FastifyRequest,
    reply: FastifyReply,
    attempt: 'look' | 'answer',
    look: (visitor: Visitor) => Promise<Shown | undefined>,
  ): Promise<string> {
    const visitor = {
      address: request.ip,
      userAgent: request.headers['user-agent'] ?? '',
      languages: languagesOf(request.headers['accept-language']),
    };
    try {
      const wait_s = await this.#note(attempt, token, request.ip);
      if (wait_s !== undefined) return this.#send(reply, this.pages.trouble('too-many', visitor), wait_s);
      const shown = await look(visitor);
      if (!shown) {
        void reply.headers(HEADERS).code(303).header('location', `/a/${token}`);
        return '';
      }
      return this.#send(reply, shown);
    } catch (error) {
      this.#log.error(`request ${request.id}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      const broken = this.pages.trouble('broken', visitor);
      return this.#send(reply, broken, isDatabaseAway(error) ? 5 : undefined, isDatabaseAway(error) ? 503 : 500);
    }
  }

  /** How many seconds to wait, where there were too many attempts in any process. */
  async #note(attempt: 'look' | 'answer', token: string, address: string): Promise<number | undefined> {
    const genuine = await this.pages.isGenuine(token);
    const [kind, who] = genuine ? ([attempt, `${address} ${token}`] as const) : (['wrong token', address] as const);
    return this.attempts.note(`${kind} ${who}`, A_MINUTE_MAX[kind]);
  }

  #send(reply: FastifyReply, { trouble, page }: Shown, wait_s?: number, status?: number): string {
    const code = status ?? (trouble === undefined ? 200 : STATUS_OF[trouble]);
    void reply
      .headers({ ...HEADERS, 'content-security-policy': page.policy, 'content-language': page.lang })
      .code(code);
    if (wait_s !== undefined) void reply.header('retry-after', String(wait_s));
    return page.html;
  }
}

/** The tags of an Accept-Language header, in the order in which they stand there. */
function languagesOf(header: string | undefined): string[] {
  return (header ?? '')
    .slice(0, 200)
    .split(',')
    .map((each) => each.split(';', 1)[0]!.trim())
    .filter((tag) => tag !== '' && tag !== '*');
}
