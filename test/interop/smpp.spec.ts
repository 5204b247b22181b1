/** SMPP 3.4 with a real MSC: the bind, a message that it takes, a wrong password. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { smsChannel, type Channel, type OutgoingMessage } from '../../src/warnings/channels/channel.ts';
import { OsmoMsc } from './osmo-msc.ts';
import { describeWith } from './programs.ts';

const SMS: OutgoingMessage = {
  id: '0d4f3c1e-6a7b-4f0e-9d7e-2b8a41c5e901',
  to: '+31612345678',
  subject: '',
  text: 'U heeft 80% van uw limiet bereikt',
  account: '1001',
  at: Date.UTC(2010, 2, 14),
};

describeWith(['osmo-msc'], 'SMPP with osmo-msc', () => {
  let msc: OsmoMsc | undefined;
  const channels: Channel[] = [];

  beforeAll(async () => {
    msc = await OsmoMsc.start();
  });
  afterAll(async () => {
    for (const channel of channels) await channel.close();
    await msc?.stop();
  });

  const open = (port: number, password: string): Channel => {
    const channel = smsChannel(`smpp://plafond:${password}@127.0.0.1:${port}?from=%2B4711`, '/nowhere');
    channels.push(channel);
    return channel;
  };

  it('binds, and is given a message by submit_sm', async () => {
    if (!msc) return;
    expect(await open(msc.port, 's3cret').send(SMS)).toMatchObject({ outcome: 'sent', answer: 'ESME_ROK' });
  });

  it('says retry to a wrong password, for that says nothing of the message', async () => {
    if (!msc) return;
    expect(await open(msc.port, 'wrong').send(SMS)).toMatchObject({
      outcome: 'retry',
      answer: expect.stringMatching(/bind refused with ESME_R(INVPASWD|BINDFAIL)/),
    });
  });
});
