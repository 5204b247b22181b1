/** What a worker sees to as it starts, so that messages leave as they should and what comes back is taken. */
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../database/transaction.ts';
import { clearAllBut, settleAlarm } from '../../feeds/alarms.ts';
import { Clock } from '../../kernel/clock.ts';
import { TEMPLATES, type ReadTemplates } from '../../warnings/templates/folder.ts';
import { ReceiveReceipts } from './receive-receipts.ts';

@Injectable()
export class MessageUpkeep implements OnApplicationBootstrap {
  readonly #log = new Logger('warnings');

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    @Inject(TEMPLATES) private readonly read: ReadTemplates,
    private readonly receipts: ReceiveReceipts,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.receipts.listen();
    await this.tellOfTemplates();
  }

  /** One alarm a broken template, by its file; cleared at the first start with a good one. */
  async tellOfTemplates(): Promise<void> {
    const { broken } = this.read;
    const told = await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const all: string[] = [];
      for (const { file, line, reason } of broken) {
        const place = line === undefined ? file : `${file}:${line}`;
        const trouble = {
          text: `${place} is not used, the built-in text is: ${reason}`,
          facts: { file, line, reason },
        };
        all.push(...(await settleAlarm(client, 'template-broken', file, trouble, '', at)));
      }
      const files = broken.map(({ file }) => file);
      all.push(...(await clearAllBut(client, ['template-broken'], files, 'the template is good now', at)));
      return all;
    });
    for (const each of told) this.#log.warn(each);
  }
}
