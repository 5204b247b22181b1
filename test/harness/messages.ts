import type { DataSource } from 'typeorm';
import type { Clock } from '../../src/kernel/clock.ts';
import { EscalateFailures } from '../../src/pipeline/telling/escalate-failures.ts';
import { LinkKey } from '../../src/pipeline/telling/link-key.ts';
import { ReceiveReceipts } from '../../src/pipeline/telling/receive-receipts.ts';
import { SettleDelivery } from '../../src/pipeline/telling/settle-delivery.ts';
import { WriteMessages } from '../../src/pipeline/telling/write-messages.ts';
import { readBrand, type Brand } from '../../src/warnings/brand.ts';
import type { Channel } from '../../src/warnings/channels/channel.ts';
import { DirectDrawer } from './direct-drawer.ts';
import { BUILT_IN_TEMPLATES } from '../../src/warnings/render.ts';

export const NO_BRAND = readBrand('/nowhere/brand.json', 'Plafond <plafond@localhost>');
export const BUILT_IN = { templates: BUILT_IN_TEMPLATES, broken: [] };

export interface Messages {
  settle: SettleDelivery;
  failures: EscalateFailures;
  receipts: ReceiveReceipts;
}

/** Whatever sends messages and takes what comes back, by these channels. */
export function messagesBy(
  { dataSource }: { dataSource: DataSource },
  clock: Clock,
  { email, sms, brand = NO_BRAND, publicUrl = 'http://127.0.0.1:3000' }: Around,
): Messages {
  const linkKey = new LinkKey(dataSource);
  const failures = new EscalateFailures(dataSource, clock);
  const words = new WriteMessages({ publicUrl }, brand, BUILT_IN, new DirectDrawer(), linkKey);
  return {
    settle: new SettleDelivery(dataSource, clock, email, sms, brand, words, failures),
    failures,
    receipts: new ReceiveReceipts(dataSource, clock, sms, linkKey, failures),
  };
}

export interface Around {
  email: Channel;
  sms: Channel;
  brand?: Brand;
  publicUrl?: string;
}
