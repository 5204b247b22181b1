/** A mapping that is wrong shows on the first lines of a sample: which field, and why. Nothing of it is kept. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PeerFormatName } from '../../src/feeds/formats/peer-formats.ts';
import { ACCOUNT, ADMIN_KEY, startAdmin, type AdminApp } from '../admin/admin-app.ts';

const sample = (name: string) => readFileSync(new URL(`../samples/feeds/${name}`, import.meta.url));
const LOCAL = { currency: 'EUR', time_zone: 'Europe/Amsterdam' };
const GERMAN = {
  columns: {
    record_id: 'Gespräch',
    account_id: 'Vertrag',
    started_at: 'Beginn',
    duration_s: 'Dauer',
    b_number: 'Ziel',
    amount: 'Betrag',
  },
  separator: ';',
  encoding: 'latin1',
  time_zone: 'Europe/Berlin',
  time_format: 'dd.MM.yyyy HH:mm:ss',
  decimal: ',',
  duration_unit: 'hh:mm:ss',
  currency: 'EUR',
  kind: 'voice',
};

describe('a wrong mapping shows on the first lines', () => {
  let admin: AdminApp;
  beforeAll(async () => {
    admin = await startAdmin({ PLAFOND_ADMIN_KEY: ADMIN_KEY });
    admin.clock.advanceTo(Date.UTC(2010, 2, 20));
    await admin.call('PUT', '/v1/accounts/1001', { body: ACCOUNT });
  });
  afterAll(() => admin.close());

  it.each<[string, PeerFormatName, string, object, { line: number; field: string; reason: string }]>([
    [
      'the destination for the time, from CGRateS',
      'cgrates-csv',
      'cgrates.csv',
      { currency: 'EUR', columns: { started_at: 'Destination' } },
      { line: 2, field: 'started_at', reason: 'bad_started_at' },
    ],
    [
      'the tenant for the price, from CGRateS in JSON',
      'cgrates-json',
      'cgrates.ndjson',
      { currency: 'EUR', columns: { amount: 'Tenant' } },
      { line: 1, field: 'amount', reason: 'bad_amount' },
    ],
    [
      'the id of the call for the price, from Sipwise',
      'sipwise',
      'sipwise.cdr',
      { ...LOCAL, columns: { amount: 'call_id' } },
      { line: 2, field: 'amount', reason: 'bad_amount' },
    ],
    [
      'the cause for the time, from FreeSWITCH',
      'freeswitch-csv',
      'freeswitch.csv',
      { ...LOCAL, columns: { started_at: 'hangup_cause' } },
      { line: 1, field: 'started_at', reason: 'bad_started_at' },
    ],
    [
      'seconds for the time, from Asterisk',
      'asterisk-csv',
      'asterisk.csv',
      { ...LOCAL, columns: { amount: 'price', started_at: 'billsec' } },
      { line: 1, field: 'started_at', reason: 'bad_started_at' },
    ],
    [
      'the address for the time, from TMF635',
      'tmf635',
      'tmf635.json',
      { columns: { started_at: 'href' } },
      { line: 1, field: 'started_at', reason: 'bad_started_at' },
    ],
    [
      'a decimal point where there are commas, in any CSV',
      'mapped-csv',
      'mapped.csv',
      { ...GERMAN, decimal: '.' },
      { line: 2, field: 'amount', reason: 'bad_amount' },
    ],
  ])('%s', async (_, format, file, mapping, first) => {
    const name = `wrong-${format}`;
    expect((await admin.call('PUT', `/v1/feeds/${name}`, { body: { format, mapping } })).statusCode).toBe(201);
    const tried = await admin.call('POST', `/v1/feeds/${name}/try`, {
      body: sample(file),
      headers: { 'content-type': file.endsWith('json') ? 'application/json' : 'text/csv' },
    });
    expect(tried.json()).toMatchObject({ refused: null, rows: expect.arrayContaining([expect.anything()]) });
    expect(tried.json().rows[0]).toMatchObject({ outcome: 'rejected', ...first });
    expect((await admin.call('GET', '/v1/imports')).json().items).toEqual([]);
  });

  it('says so where the ids do not tell rows apart, of which only one would count', async () => {
    const hintsWith = async (record_id: string, text: string) => {
      const definition = { format: 'cgrates-csv', mapping: { currency: 'EUR', columns: { record_id } } };
      return (await admin.call('POST', '/v1/feeds/try', { body: { definition, sample: text } })).json().hints;
    };
    const text = sample('cgrates.csv').toString();
    expect(await hintsWith('Tenant', text)).toEqual([
      '3 of 4 rows have the id, state and revision of an earlier one, and say something else: they would not count; see record_id',
    ]);
    // What comes twice as it was does no harm.
    expect(await hintsWith('CGRID', text + text.slice(text.indexOf('\n') + 1))).toEqual([]);
  });

  it('says so where a template of CGRateS writes seconds, which are nanoseconds there where nothing else is said', async () => {
    const hintsOf = async (duration_unit: string) => {
      const definition = { format: 'cgrates-csv', mapping: { currency: 'EUR', duration_unit } };
      const calls = [85, 12, 7].map(
        (seconds) =>
          `c${seconds},*default,*voice,1001,+252612345678,2009-03-14T01:40:00Z,2009-03-14T01:40:00Z,${seconds},1.50`,
      );
      const text = ['CGRID,RunID,ToR,Account,Destination,SetupTime,AnswerTime,Usage,Cost', ...calls].join('\n');
      return (await admin.call('POST', '/v1/feeds/try', { body: { definition, sample: text } })).json().hints;
    };
    expect(await hintsOf('go')).toEqual([
      'no call lasts longer than a second: durations look like seconds; see duration_unit',
    ]);
    expect(await hintsOf('s')).toEqual([]);
  });

  it('rejects a time that the clocks of its zone leave out, and asks whether it is written in that zone', async () => {
    const { encoding: _, ...german } = GERMAN;
    const definition = { format: 'mapped-csv', mapping: german };
    const sample = [
      'Gespräch;Vertrag;Beginn;Dauer;Ziel;Betrag',
      'g1;1001;29.03.2009 01:59:59;00:01:00;+252612345678;1,00',
      'g2;1001;29.03.2009 02:30:00;00:01:00;+252612345678;1,00',
    ].join('\n');
    const tried = (await admin.call('POST', '/v1/feeds/try', { body: { definition, sample } })).json();
    expect(tried.rows).toMatchObject([
      { outcome: 'counts' },
      {
        outcome: 'rejected',
        field: 'started_at',
        reason: 'bad_started_at',
        detail: '"29.03.2009 02:30:00" is no time in Europe/Berlin, whose clocks went forward over it',
      },
    ]);
    expect(tried.hints).toEqual([
      'clocks in Europe/Berlin went forward over some times: are they written in that zone? see time_zone',
    ]);
  });

  it('names no column as missing that is there, under whatever name it is read, and the one that is not', async () => {
    const columnsOf = async (text: string) => {
      const definition = { format: 'cgrates-csv', mapping: { currency: 'EUR' } };
      return (await admin.call('POST', '/v1/feeds/try', { body: { definition, sample: text } })).json().columns;
    };
    const text = sample('cgrates.csv').toString();
    expect(await columnsOf(text)).toMatchObject({
      used: ['CGRID', 'ToR', 'Account', 'Destination', 'SetupTime', 'AnswerTime', 'Usage', 'Cost'],
      missing: ['@timestamp'],
    });
    expect(await columnsOf(text.replace('Usage', 'Duration'))).toMatchObject({ missing: ['Usage', '@timestamp'] });
  });

  it("shows that Asterisk's cdr_custom writes other columns than cdr_csv, and reads it by their names", async () => {
    // The order and the quotes of the sample of its configuration, with a price behind them.
    const row =
      '"""Sample"" <+31201234567>","+31201234567","00252612345678","from-internal","SIP/1001-01","SIP/trunk-02","Dial",' +
      '"SIP/trunk/00252612345678,60,tT","2010-03-14 02:39:50","2010-03-14 02:40:00","2010-03-14 02:41:25","95","85",' +
      '"ANSWERED","DOCUMENTATION","1001","1268530790.1","",12,2.0164';
    const columns =
      'clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,start,answer,end,duration,billsec,disposition,' +
      'amaflags,accountcode,uniqueid,userfield,sequence,price';
    const tried = async (mapping: object) => {
      const definition = { format: 'asterisk-csv', mapping: { ...LOCAL, columns: { amount: 'price' }, ...mapping } };
      return (await admin.call('POST', '/v1/feeds/try', { body: { definition, sample: `${row}\n` } })).json();
    };
    expect(await tried({})).toMatchObject({
      counts: 0,
      hints: ['rows have 20 values, 19 are expected: name the columns in header, in their order'],
    });
    expect(await tried({ header: columns.split(',') })).toMatchObject({
      rows: [{ record: { account_id: '1001', duration_s: 85, amount: '2.0164' }, to: '+252612345678' }],
      hints: [],
    });
  });
});
