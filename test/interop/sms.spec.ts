/** Warnings by a real Kannel: its fake SMSC delivers; an SMSC behind it reports a failure, or refuses at once. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import smpp, { type Pdu, type Server } from 'smpp';
import { PlafondProcess, until } from '../harness/process.ts';
import { makeTestFolder, removeDataDir } from '../harness/server.ts';
import { FAKESMSC, Kannel } from './kannel.ts';
import { describeWith } from './programs.ts';
import { decisionsOf, prepareAccounts, spend, warningsOf } from './warned.ts';

/** An SMSC that takes a message and reports that it failed; numbers that end in 0 it refuses at once. */
async function failingSmsc(): Promise<Server> {
  const server = smpp.createServer((session) => {
    session.on('error', () => {});
    for (const request of ['bind_transceiver', 'enquire_link', 'unbind']) {
      session.on(request, (pdu: Pdu) => session.send(pdu.response()));
    }
    session.on('submit_sm', (pdu: Pdu & { destination_addr: string; source_addr: string }) => {
      if (pdu.destination_addr.endsWith('0')) {
        return session.send(pdu.response({ command_status: smpp.errors.ESME_RINVDSTADR }));
      }
      const id = String(Math.trunc(Number(pdu.destination_addr.slice(-6))));
      session.send(pdu.response({ message_id: id }));
      const said = `id:${id} sub:001 dlvrd:000 submit date:2603161356 done date:2603161357 stat:UNDELIV err:027 text:U heeft`;
      const receipt = {
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        short_message: said,
      };
      setTimeout(() => session.send(new smpp.PDU('deliver_sm', receipt)), 500);
      return true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describeWith(['bearerbox', 'smsbox', FAKESMSC], 'warnings by Kannel', () => {
  let dataDir: string;
  let smsc: Server;
  let kannel: Kannel;
  let plafond: PlafondProcess;

  beforeAll(async () => {
    dataDir = makeTestFolder();
    smsc = await failingSmsc();
    kannel = await Kannel.start((smsc.address() as AddressInfo).port);
    plafond = await PlafondProcess.start({
      DATA_DIR: dataDir,
      SMS_URL: `kannel+http://plafond:s3cret@127.0.0.1:${kannel.sendsmsPort}/cgi-bin/sendsms?from=4711`,
    });
    await prepareAccounts(plafond, [
      { id: '2001', msisdn: '+31685570221' },
      { id: '2002', msisdn: '+4915112345671' },
      { id: '2003', msisdn: '+4915112345670', email: 'a2003@example.net' },
      { id: '2004', msisdn: '+31201234567' },
    ]);
  });

  afterAll(async () => {
    await plafond?.stop();
    await kannel?.stop();
    for (const session of smsc?.sessions ?? []) session.destroy();
    smsc?.close();
    await removeDataDir(dataDir);
  });

  const settled = (account: string, state: string) =>
    until(`the SMS of ${account} is ${state}`, async () => {
      const sms = (await warningsOf(plafond, account)).find(({ channel }) => channel === 'sms');
      return sms?.state === state && sms;
    });

  it('arrive in two parts at most, and the receipt makes them delivered', async () => {
    await spend(plafond, '2001', '60.00');
    const sms = await settled('2001', 'delivered');
    expect(sms.attempts).toMatchObject([{ outcome: 'sent', answer: '202 0: Accepted for delivery' }]);
    await until('both receipts have come', async () => (await warningsOf(plafond, '2001'))[0]!.receipts.length === 2);
    const [warning] = await warningsOf(plafond, '2001');
    expect(warning!.receipts.map(({ said }) => said).toSorted()).toEqual(['accepted', 'delivered']);
    const parts = kannel.received().match(/<4711 \+?31685570221 [^>]*>/g)!;
    expect(parts).toHaveLength(2);
    expect(parts.join(' ')).toContain('%E2%82%AC');
  });

  it('that the network can not deliver have failed, and the operators hear of the customer', async () => {
    await spend(plafond, '2002', '60.00');
    const sms = await settled('2002', 'failed');
    expect(sms.receipts.map(({ said }) => said).toSorted()).toEqual(['accepted', 'failed']);
    const told = await until('the operators are told', async () =>
      (await decisionsOf(plafond, '2002')).find(({ type }) => type === 'notify-operator'),
    );
    expect(told.explanation).toMatch(/^The customer was not reached by sms: .*Please call them\./);
  });

  it('that the network refuses have failed; who has the mail is reached', async () => {
    await spend(plafond, '2003', '60.00');
    const sms = await settled('2003', 'failed');
    expect(sms.receipts).toMatchObject([{ said: 'failed' }]);
    await until('the mail is out', async () =>
      (await warningsOf(plafond, '2003')).some(({ channel, state }) => channel === 'email' && state === 'sent'),
    );
    expect((await decisionsOf(plafond, '2003')).filter(({ type }) => type === 'notify-operator')).toEqual([]);
  });

  it('are not sent to a landline, and the operators are told why', async () => {
    await spend(plafond, '2004', '60.00');
    const sms = await settled('2004', 'failed');
    expect(sms.attempts).toMatchObject([{ outcome: 'refused', answer: 'not sent: it is a landline' }]);
    expect(kannel.received()).not.toContain('31201234567');
    await until('the alarm tells of the customer', async () => {
      const path = '/v1/alarms?kind=contact-fails&open=true';
      const { items } = await plafond.json<{ items: { text: string }[] }>('GET', path);
      return items.some(({ text }) => text.includes("account 2004 can't be reached by sms"));
    });
  });
});
