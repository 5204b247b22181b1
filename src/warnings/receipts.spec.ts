import { describe, expect, it } from '@jest/globals';
import { afterReceipts, type DeliveryState, type Said } from './receipts.ts';

type Row = [
  sentence: string,
  state: DeliveryState,
  channel: 'email' | 'sms',
  parts: number,
  said: string[],
  DeliveryState,
];

describe('what receipts make of a message', () => {
  it.each<Row>([
    ['none change nothing', 'sent', 'sms', 1, [], 'sent'],
    ['accepted by the network changes nothing', 'sent', 'sms', 1, ['accepted'], 'sent'],
    ['delayed changes nothing', 'sent', 'email', 0, ['delayed'], 'sent'],
    ['delivered is delivered', 'sent', 'sms', 1, ['delivered'], 'delivered'],
    [
      'delivered before it was written down that it left is delivered too',
      'sending',
      'sms',
      0,
      ['delivered'],
      'delivered',
    ],
    ['an SMS that failed has failed', 'sent', 'sms', 1, ['failed'], 'failed'],
    ['a mail that came back has bounced', 'sent', 'email', 0, ['failed'], 'bounced'],
    ['one of two parts is not the whole', 'sent', 'sms', 2, ['delivered:m1'], 'sent'],
    ['both parts are', 'sent', 'sms', 2, ['delivered:m1', 'delivered:m2'], 'delivered'],
    ['one part that failed makes it unreadable', 'sent', 'sms', 2, ['delivered:m1', 'failed:m2'], 'failed'],
    [
      'a part that failed and came through after all is there',
      'failed',
      'sms',
      2,
      ['failed:m1', 'delivered:m1', 'delivered:m2'],
      'delivered',
    ],
    ['delivered after it had failed is delivered', 'failed', 'sms', 1, ['failed', 'delivered'], 'delivered'],
    ['failed after it was delivered is delivered', 'delivered', 'email', 0, ['delivered', 'failed'], 'delivered'],
  ])('%s', (_sentence, state, channel, parts, said, after) => {
    const receipts = said.map((text) => {
      const [word, part = ''] = text.split(':');
      return { said: word as Said, part };
    });
    expect(afterReceipts(state, channel, parts, receipts)).toBe(after);
  });
});
