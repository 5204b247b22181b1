/** Warnings by a real mail server: reports of delivery, a bounce that comes back, a server that is down for a minute. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { freePort, KEY, PlafondProcess, sleep, until } from '../harness/process.ts';
import { makeTestFolder, removeDataDir } from '../harness/server.ts';
import { Postfix } from './postfix.ts';
import { describeWith } from './programs.ts';
import { decisionsOf, prepareAccounts, spend, warningsOf } from './warned.ts';

describeWith(['postfix', 'curl'], 'warnings by Postfix', () => {
  let dataDir: string;
  let elsewhere: SMTPServer;
  let postfix: Postfix;
  let plafond: PlafondProcess;

  beforeAll(async () => {
    dataDir = makeTestFolder();
    // A mail server of somebody else's that says no only once it has the mail.
    elsewhere = new SMTPServer({
      disabledCommands: ['STARTTLS', 'AUTH'],
      onData: (stream, _session, done) => {
        stream.resume();
        stream.on('end', () => done(Object.assign(new Error('5.1.1 no such mailbox here'), { responseCode: 550 })));
      },
    });
    const relayPort = await freePort();
    await new Promise<void>((resolve) => elsewhere.listen(relayPort, '127.0.0.1', resolve));
    const port = await freePort();
    const bounces = `http://127.0.0.1:${port}/v1/bounces`;
    const curl = ['/usr/bin/curl', '-sf', '-H', `{Authorization: Bearer ${KEY}}`, '-H', 'Content-Type:message/rfc822'];
    postfix = await Postfix.start({
      relay: { domain: 'gone.example', port: relayPort },
      pipe: { address: 'bounces@provider.example', argv: [...curl, '--data-binary', '@-', bounces] },
    });
    plafond = await PlafondProcess.start({
      PORT: String(port),
      DATA_DIR: dataDir,
      SMTP_URL: `smtp://127.0.0.1:${postfix.port}`,
      MAIL_FROM: 'Voorbeeld Telecom <limiet@provider.example>',
      MAIL_BOUNCES: 'bounces@provider.example',
    });
    await prepareAccounts(plafond, [
      { id: '1001', email: 'anna@example.net' },
      { id: '1002', email: 'nobody@gone.example' },
      { id: '1003', email: 'cees@example.net' },
      { id: '1004', email: 'dirk@example.net' },
    ]);
  });

  afterAll(async () => {
    await plafond?.stop();
    postfix?.remove();
    elsewhere?.close();
    await removeDataDir(dataDir);
  });

  it('arrive, readable as text and as HTML with the chart, and the report of it makes them delivered', async () => {
    await spend(plafond, '1001', '60.00');
    const [warning] = await until('the report has come', async () => {
      const all = await warningsOf(plafond, '1001');
      return all.some(({ state }) => state === 'delivered') && all;
    });
    expect(warning!.receipts).toMatchObject([{ said: 'delivered', answer: expect.stringContaining('2.0.0') }]);
    const mail = await PostalMime.parse(postfix.mails().find((each) => each.includes('anna@example.net'))!);
    expect(mail.subject).toBe('U heeft 50% van uw limiet voor internationaal bellen bereikt');
    expect(mail.text).toContain('€ 60,00');
    expect(mail.html).toContain('cid:chart@plafond');
    expect(mail.attachments).toMatchObject([{ mimeType: 'image/png', contentId: '<chart@plafond>' }]);
    const link = /http:\/\/\S+\/a\/\S+/.exec(mail.text!)![0];
    expect(link).not.toContain('*');
    expect(warning!.text).not.toContain(link);
  });

  it('that bounce are known by what comes back, and the operators hear of the customer', async () => {
    await spend(plafond, '1002', '60.00');
    const [warning] = await until('the bounce has come', async () => {
      const all = await warningsOf(plafond, '1002');
      return all.some(({ state }) => state === 'bounced') && all;
    });
    expect(warning!.attempts).toMatchObject([
      { outcome: 'sent', answer: expect.stringMatching(/^250 2\.0\.0 Ok: queued as/) },
    ]);
    expect(warning!.receipts).toMatchObject([
      { said: 'failed', answer: expect.stringMatching(/^5\.\d\.\d .*no such mailbox/) },
    ]);
    const decision = await until('the operators are told', async () =>
      (await decisionsOf(plafond, '1002')).find(({ type }) => type === 'notify-operator'),
    );
    expect(decision.explanation).toMatch(
      /^The customer was not reached by email: .*no such mailbox here\. Please call them\./,
    );
    const alarms = await plafond.json<{ items: { text: string }[] }>('GET', '/v1/alarms?kind=contact-fails&open=true');
    expect(alarms.items.map(({ text }) => text)).toEqual([
      expect.stringContaining("account 1002 can't be reached by email at n***@gone.example"),
    ]);
  });

  it('wait while the mail server is down for a minute, and then arrive once each', async () => {
    postfix.stop();
    await Promise.all([spend(plafond, '1003', '60.00'), spend(plafond, '1004', '60.00')]);
    await sleep(60_000);
    for (const account of ['1003', '1004']) {
      const [warning] = await warningsOf(plafond, account);
      expect(warning).toMatchObject({
        state: 'queued',
        attempts: expect.arrayContaining([expect.objectContaining({ outcome: 'retry' })]),
      });
    }
    await postfix.start();
    await until('both have arrived', async () => {
      const all = [...(await warningsOf(plafond, '1003')), ...(await warningsOf(plafond, '1004'))];
      return all.length === 2 && all.every(({ state }) => state === 'delivered');
    });
    const arrived = postfix.mails().map((mail) => /^To: (.*)$/m.exec(mail)![1]!.trim());
    expect(arrived.toSorted()).toEqual(['anna@example.net', 'cees@example.net', 'dirk@example.net']);
  });
});
