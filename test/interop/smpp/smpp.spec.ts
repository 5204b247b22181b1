/** SMPP 3.4 with two SMSCs that share no code with Plafond: a real MSC, and one that can be as difficult as networks are. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PlafondProcess, until } from '../../harness/process.ts';
import { makeTestFolder, removeDataDir } from '../../harness/server.ts';
import { describeWith } from '../programs.ts';
import { decisionsOf, prepareAccounts, spend, warningsOf, type SeenWarning } from '../warned.ts';
import { hasNetSmpp, NetSmpp } from './net-smpp.ts';
import { OsmoMsc } from './osmo-msc.ts';

async function plafondWith(dataDir: string, host: string, port: number, password = 's3cret'): Promise<PlafondProcess> {
  return PlafondProcess.start({
    DATA_DIR: dataDir,
    SMS_URL: `smpp://plafond:${password}@${host}:${port}?from=4711`,
  });
}

function smsOf(plafond: PlafondProcess, account: string, what: string, is: (sms: SeenWarning) => boolean) {
  return until(`the SMS of ${account} ${what}`, async () => {
    const sms = (await warningsOf(plafond, account)).find(({ channel }) => channel === 'sms');
    return sms && is(sms) && sms;
  });
}

const gatewayTrouble = async (plafond: PlafondProcess): Promise<string[]> => {
  const path = '/v1/alarms?kind=gateway-trouble&open=true';
  return (await plafond.json<{ items: { text: string }[] }>('GET', path)).items.map(({ text }) => text);
};

describeWith(['osmo-msc', 'python3', 'cc'], 'SMPP with osmo-msc', () => {
  let dataDir: string;
  let msc: OsmoMsc;
  let plafond: PlafondProcess | undefined;

  beforeAll(async () => {
    dataDir = makeTestFolder();
    msc = await OsmoMsc.start();
  });
  afterAll(async () => {
    await plafond?.stop();
    await msc?.stop();
    await removeDataDir(dataDir);
  });

  it('a refused bind is named to the operators, and costs no warning', async () => {
    plafond = await plafondWith(dataDir, msc.host, msc.port, 'wrong');
    const accounts = ['3001', '3002', '3003', '3004'];
    await prepareAccounts(
      plafond,
      accounts.map((id) => ({ id, msisdn: `+316123${id}5` })),
    );
    await Promise.all(['3001', '3002', '3003'].map((id) => spend(plafond!, id, '60.00')));
    const told = await until('the operators are told', async () => {
      const texts = await gatewayTrouble(plafond!);
      return texts.length > 0 && texts;
    });
    expect(told).toEqual([
      expect.stringMatching(
        /^nothing leaves by sms: the gateway has put off \d+ messages .* bind refused with ESME_R(INVPASWD|BINDFAIL)/,
      ),
    ]);
    const [waiting] = await warningsOf(plafond, '3001');
    expect(waiting!.state).toBe('queued');
    expect(waiting!.attempts[0]).toMatchObject({
      outcome: 'retry',
      answer: expect.stringMatching(/bind refused with ESME_R(INVPASWD|BINDFAIL)$/),
    });
    await plafond.stop();
  });

  it('with the right password it binds, and the MSC takes what had waited by submit_sm', async () => {
    plafond = await plafondWith(dataDir, msc.host, msc.port);
    for (const id of ['3001', '3002', '3003']) {
      const sms = await smsOf(plafond, id, 'is sent', ({ state }) => state === 'sent');
      expect(sms.attempts.at(-1)).toMatchObject({ outcome: 'sent', answer: 'ESME_ROK' });
    }
  });

  it('a message that the MSC refuses for now is kept, and says why', async () => {
    msc.breakStore();
    await spend(plafond!, '3004', '60.00');
    const sms = await smsOf(plafond!, '3004', 'was tried', ({ attempts }) => attempts.length > 0);
    expect(sms).toMatchObject({ state: 'queued', attempts: [{ outcome: 'retry', answer: 'ESME_RSYSERR' }] });
    expect(msc.log()).toContain('SMPP SUBMIT-SM: Unable to store SMS in database');
  });
});

if (!hasNetSmpp()) process.stderr.write('SKIPPED: SMPP with Net::SMPP: not installed: libnet-smpp-perl\n');
(hasNetSmpp() ? describe : describe.skip)('SMPP with Net::SMPP', () => {
  let dataDir: string;
  let smsc: NetSmpp;
  let plafond: PlafondProcess;

  beforeAll(async () => {
    dataDir = makeTestFolder();
    smsc = await NetSmpp.start();
    plafond = await plafondWith(dataDir, '127.0.0.1', smsc.port);
    await prepareAccounts(
      plafond,
      [1, 2, 3, 4, 5, 6, 7].map((n) => ({
        id: `300${n}`,
        // 3007 has a number that is refused, like 3002's, and a mail address beside it
        msisdn: `+3161234567${n === 7 ? 2 : n}`,
        ...(n === 7 ? { email: 'a3007@example.net' } : {}),
      })),
    );
  });
  afterAll(async () => {
    await plafond?.stop();
    await smsc?.stop();
    await removeDataDir(dataDir);
  });

  const submitsTo = (number: string) => smsc.lines().filter((line) => line.startsWith(`submit ${number} `));

  it('the SMSC knows us by version 3.4, and hears that the line is alive', async () => {
    await until('it was bound and asked', async () => smsc.lines().includes('enquire_link_resp status 0'));
    expect(smsc.lines()).toContain('bind plafond version 34 status 0');
  });

  it('a message in GSM-7 goes in two parts at most, and its receipts make it delivered', async () => {
    await spend(plafond, '3001', '60.00');
    const sms = await smsOf(plafond, '3001', 'is delivered', ({ state }) => state === 'delivered');
    expect(sms.attempts).toMatchObject([{ outcome: 'sent', answer: 'ESME_ROK' }]);
    expect(submitsTo('31612345671')).toEqual(Array(2).fill('submit 31612345671 coding 0 class 64 receipt 1'));
    await until(
      'both receipts are answered',
      async () => smsc.lines().filter((line) => line === 'deliver_sm_resp status 0').length === 2,
    );
  });

  it('one that is refused for good has failed by name, and the operators hear of who has no other way', async () => {
    await spend(plafond, '3002', '60.00');
    const sms = await smsOf(plafond, '3002', 'failed', ({ state }) => state === 'failed');
    expect(sms.attempts).toMatchObject([{ outcome: 'refused', answer: 'ESME_RINVDSTADR' }]);
    const told = await until('the operators are told', async () =>
      (await decisionsOf(plafond, '3002')).find(({ type }) => type === 'notify-operator'),
    );
    expect(told.explanation).toMatch(/^The customer was not reached by sms: ESME_RINVDSTADR\. Please call them\./);
  });

  it('who has a mail address gets it there', async () => {
    await spend(plafond, '3007', '60.00');
    await smsOf(plafond, '3007', 'failed', ({ state }) => state === 'failed');
    await until('the mail is out', async () =>
      (await warningsOf(plafond, '3007')).some(({ channel, state }) => channel === 'email' && state === 'sent'),
    );
    expect((await decisionsOf(plafond, '3007')).filter(({ type }) => type === 'notify-operator')).toEqual([]);
  });

  it('an SMSC that is too busy gets it again later', async () => {
    await spend(plafond, '3003', '60.00');
    const sms = await smsOf(plafond, '3003', 'is delivered', ({ state }) => state === 'delivered');
    expect(sms.attempts).toMatchObject([
      { outcome: 'retry', answer: 'ESME_RTHROTTLED' },
      { outcome: 'sent', answer: 'ESME_ROK' },
    ]);
  });

  it('an SMSC that hangs up is bound again, and gets it again', async () => {
    await spend(plafond, '3004', '60.00');
    const sms = await smsOf(plafond, '3004', 'is delivered', ({ state }) => state === 'delivered');
    expect(sms.attempts).toMatchObject([
      { outcome: 'retry', answer: expect.stringMatching(/the session ended before the answer came/) },
      { outcome: 'sent', answer: 'ESME_ROK' },
    ]);
  });

  it('receipts are taken over the session that follows one that the SMSC ended', async () => {
    await spend(plafond, '3005', '60.00');
    const sms = await smsOf(plafond, '3005', 'is delivered', ({ state }) => state === 'delivered');
    expect(sms.attempts).toHaveLength(1);
    expect(smsc.lines()).toContain('unbind_resp status 0');
  });

  it('what the network could not deliver has failed', async () => {
    await spend(plafond, '3006', '60.00');
    const sms = await smsOf(plafond, '3006', 'failed', ({ state }) => state === 'failed');
    expect(sms.receipts).toContainEqual(expect.objectContaining({ said: 'failed', answer: 'UNDELIV err:000' }));
  });
});
