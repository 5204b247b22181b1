/** Finds the words for what was decided, and makes of them the message that leaves. */
import { Inject, Injectable, Logger } from '@nestjs/common';
import { CONFIG, type Config } from '../../config.ts';
import { formatInstant } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { BRAND, type Brand } from '../../warnings/brand.ts';
import type { MessageImage, OutgoingMessage } from '../../warnings/channels/channel.ts';
import { CHART_DRAWER, type ChartDrawer } from '../../warnings/chart/drawer.ts';
import type { ClaimedWarning, WrittenWarning } from '../../warnings/deliveries.ts';
import { signLinks, warningLink } from '../../warnings/link.ts';
import { CHART_CID, chartStyleOf, renderEmail, renderSms, type Message } from '../../warnings/render.ts';
import { receiptUrl } from '../../warnings/receipt-url.ts';
import { TEMPLATES, type ReadTemplates } from '../../warnings/templates/folder.ts';
import { LinkKey } from './link-key.ts';

@Injectable()
export class WriteMessages {
  readonly #log = new Logger('warnings');

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'publicUrl'>,
    @Inject(BRAND) private readonly brand: Brand,
    @Inject(TEMPLATES) private readonly read: ReadTemplates,
    @Inject(CHART_DRAWER) private readonly drawer: ChartDrawer,
    private readonly linkKey: LinkKey,
  ) {}

  /** The words of a warning, its link unsigned. Pure but for the templates and the brand of this process. */
  write(warning: ClaimedWarning): WrittenWarning {
    const message = this.#messageOf(warning);
    const words =
      warning.channel === 'email'
        ? renderEmail(message, this.read.templates, seriesOf(warning) !== undefined)
        : { subject: '', html: '', text: renderSms(message, this.read.templates) };
    return { warning, ...words };
  }

  /** What leaves: with the signature in its link, which stands nowhere else, and the chart. */
  async outgoing({ warning, subject, text, html }: WrittenWarning): Promise<OutgoingMessage> {
    const key = await this.linkKey.get();
    const image = html === '' ? undefined : await this.#draw(warning);
    return {
      id: warning.id,
      to: warning.address,
      subject,
      text: signLinks(text, key),
      html: html === '' ? undefined : signLinks(image ? html : withoutImage(html), key),
      image,
      receiptUrl: receiptUrl(this.config.publicUrl, warning.id, key),
      account: warning.accountId,
      at: warning.createdAt,
    };
  }

  /** What the chart of a warning shows, for evidence: its picture can be drawn of it again. */
  chartFacts(warning: ClaimedWarning): Record<string, unknown> | undefined {
    const series = seriesOf(warning);
    const zone = warning.told[0]?.facts.timeZone;
    if (!series || warning.channel !== 'email') return undefined;
    return {
      from: formatInstant(series.from, zone),
      to: formatInstant(series.to, zone),
      until: formatInstant(series.until, zone),
      limit: series.limit === undefined ? null : formatAmount(series.limit),
      usual: series.usual === undefined ? null : formatAmount(series.usual),
      spent: series.spent.map(({ until, amount }) => ({
        until: formatInstant(until, zone),
        amount: formatAmount(amount),
      })),
    };
  }

  async #draw(warning: ClaimedWarning): Promise<MessageImage | undefined> {
    const series = seriesOf(warning);
    if (!series) return undefined;
    try {
      const png = await this.drawer.draw(series, chartStyleOf(this.#messageOf(warning), this.read.templates));
      return { cid: CHART_CID, png };
    } catch (error) {
      this.#log.warn(`warning ${warning.id} goes without its chart: ${String(error)}`);
      return undefined;
    }
  }

  #messageOf({ told, decisionId, createdAt }: ClaimedWarning): Message {
    const [main, ...others] = told.map(({ facts }) => facts);
    return {
      told: [main!, ...others],
      brand: this.brand,
      link: warningLink(this.config.publicUrl, decisionId, createdAt),
    };
  }
}

function seriesOf({ told }: ClaimedWarning) {
  return told[0]?.facts.series;
}

function withoutImage(html: string): string {
  return html.replaceAll(/<img\b[^>]*\bsrc="cid:[^>]*>\n?/g, '');
}
