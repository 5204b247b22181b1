/** The pages behind a warning's link: what they show, and what their forms do. Looking at a page changes nothing. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { formToken, readForm, type Bound } from '../../answers/form.ts';
import { buttonText, confirmPage, overviewPage, troublePage, type Page } from '../../answers/pages.ts';
import type { AnswerKind } from '../../answers/store.ts';
import type { Trouble } from '../../answers/words/words.ts';
import { Clock } from '../../kernel/clock.ts';
import { BRAND, type Brand } from '../../warnings/brand.ts';
import { readToken, type Link } from '../../warnings/link.ts';
import { AnswerWarning, offeredConsent, type Answered } from './answer-warning.ts';
import { LinkKey } from './link-key.ts';
import type { KnownSituation } from './read-situation.ts';

/** Who looks or answers, as far as can be told. */
export interface Visitor {
  /** IP address */
  address: string;
  userAgent: string;
  /** languages that they read, the best first: for pages that know no account */
  languages: readonly string[];
}

export interface Shown {
  /** undefined: what was asked for */
  trouble: Trouble | undefined;
  page: Page;
}

/** What a form sent; every field may be missing. */
export type Fields = Readonly<Record<string, string | undefined>>;

interface Open {
  link: Link;
  situation: KnownSituation;
  path: string;
}

const USER_AGENT_LENGTH_MAX = 500;

@Injectable()
export class AnswerPages {
  constructor(
    private readonly answers: AnswerWarning,
    private readonly key: LinkKey,
    private readonly clock: Clock,
    @Inject(BRAND) private readonly brand: Brand,
  ) {}

  /** Whether a token was made here, be it expired. */
  async isGenuine(token: string): Promise<boolean> {
    return readToken(token, await this.key.get(), this.clock.now()) !== 'altered';
  }

  /** What is going on, with the buttons. */
  async overview(token: string, visitor: Visitor): Promise<Shown> {
    const open = await this.#open(token);
    if (typeof open === 'string') return this.trouble(open, visitor);
    const { situation, path } = open;
    const forms = {
      notUs: await this.#token(this.#bound(open, 'not-us')),
      callMe: await this.#token(this.#bound(open, 'call-me')),
    };
    return { trouble: undefined, page: overviewPage(situation, path, forms, this.brand) };
  }

  /** What the customer would agree to, with the button that does. */
  async consent(token: string, typed: string, visitor: Visitor): Promise<Shown> {
    const open = await this.#open(token);
    if (typeof open === 'string') return this.trouble(open, visitor);
    const offered = offeredConsent(open.situation, typed, this.brand);
    if (typeof offered === 'string') return this.#troubleOf(offered, open);
    const { amount, text: consent } = offered;
    const form = await this.#token(consentBound(open.link, typed, consent));
    const page = confirmPage(open.situation, open.path, { token: form, consent, amount, typed }, this.brand);
    return { trouble: undefined, page };
  }

  /** Does what a form says; `undefined` where it is done. */
  async answer(token: string, kind: AnswerKind, fields: Fields, visitor: Visitor): Promise<Shown | undefined> {
    const open = await this.#open(token);
    if (typeof open === 'string') return this.trouble(open, visitor);
    const { form = '', amount: typed = '', agreed = '', at, phone = '' } = fields;
    const bound = kind === 'us' ? consentBound(open.link, typed, agreed) : this.#bound(open, kind);
    const read = readForm(form, bound, await this.key.get(), this.clock.now());
    if (typeof read === 'string') return this.#troubleOf(read, open);
    const userAgent = visitor.userAgent.slice(0, USER_AGENT_LENGTH_MAX);
    const said = { link: open.link, formId: read.id, address: visitor.address, userAgent };
    const outcome =
      kind === 'us'
        ? await this.answers.us(said, typed, agreed, this.brand)
        : kind === 'not-us'
          ? await this.answers.notUs(said, bound.text)
          : await this.answers.callMe(said, at === 'file' ? undefined : phone, bound.text);
    return outcome === 'done' ? undefined : this.#troubleOf(outcome, open);
  }

  /** A page that knows no account, in a language of the visitor. */
  trouble(trouble: Trouble, { languages }: Visitor): Shown {
    return { trouble, page: troublePage(trouble, { tags: languages }, this.brand) };
  }

  #troubleOf(outcome: Exclude<Answered, 'done'> | Trouble, { situation, path }: Open): Shown {
    const trouble = outcome === 'gone' ? 'expired' : outcome;
    return { trouble, page: troublePage(trouble, { situation, path }, this.brand) };
  }

  async #open(token: string): Promise<Open | Trouble> {
    const link = readToken(token, await this.key.get(), this.clock.now());
    if (typeof link === 'string') return link;
    const situation = await this.answers.situation(link);
    return situation ? { link, situation, path: `/a/${token}` } : 'expired';
  }

  #bound({ link, situation }: Open, answer: 'not-us' | 'call-me'): Bound {
    const text = buttonText(situation, answer === 'not-us' ? 'block' : 'call', this.brand);
    return { decisionId: link.decisionId, answer, text };
  }

  async #token(bound: Bound): Promise<string> {
    return formToken({ id: randomUUID(), shownAt: this.clock.now() }, bound, await this.key.get());
  }
}

function consentBound({ decisionId }: Link, typed: string, consent: string): Bound {
  return { decisionId, answer: 'us', text: JSON.stringify([typed, consent]) };
}
