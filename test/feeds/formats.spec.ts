/** Each peer's format on its sample, on bad input, and on anything at all. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { feedDefinition, peerReading, type FeedDefinition } from '../../src/feeds/feed.ts';
import { PEER_FORMATS, type PeerFormatName } from '../../src/feeds/formats/peer-formats.ts';
import { readPeerLines, readPeerRows } from '../../src/feeds/formats/peer-rows.ts';
import type { FeedRow } from '../../src/feeds/usage-record.ts';
import { formatInstant } from '../../src/kernel/clock.ts';
import { formatAmount } from '../../src/kernel/money.ts';
import { Refusal } from '../../src/kernel/refusal.ts';

const sample = (name: string) => readFileSync(new URL(`../samples/feeds/${name}`, import.meta.url));

const MAPPINGS: Record<PeerFormatName, object> = {
  'cgrates-csv': { currency: 'EUR' },
  'cgrates-json': { currency: 'EUR', columns: { service_id: 'Trunk' } },
  sipwise: { currency: 'EUR', time_zone: 'Europe/Amsterdam' },
  'freeswitch-csv': { currency: 'EUR', time_zone: 'Europe/Amsterdam' },
  'asterisk-csv': { currency: 'EUR', time_zone: 'Europe/Amsterdam', columns: { amount: 'price' } },
  tmf635: {},
  'mapped-csv': {
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
    state: 'provisional',
  },
};

const feed = (format: PeerFormatName, mapping: object = {}): FeedDefinition =>
  feedDefinition.parse({ format, mapping: { ...MAPPINGS[format], ...mapping } });

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  input: string | Buffer,
  definition: FeedDefinition,
  { byLine = false, pieces = 1 << 20 } = {},
): Promise<FeedRow[]> {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  const rows: FeedRow[] = [];
  const options = { byLine, sealChecked: false, batchRows: 2 };
  for await (const batch of readPeerRows(inPieces(bytes, pieces), peerReading(definition)!, options))
    rows.push(...batch);
  return rows;
}

/** What became of each row, in a line. */
function told(rows: readonly FeedRow[]): string[] {
  return rows.map((row) => {
    if ('skipped' in row) return `${row.skipped.line} passed over: ${row.skipped.reason}`;
    if ('reject' in row) return `${row.reject.line} rejected: ${row.reject.field} ${row.reject.reason}`;
    const r = row.record;
    const parts = [r.recordId, r.accountId, formatInstant(r.startedAt), `${r.durationSeconds}s`, r.kind, r.bNumber];
    return `${r.line} ${parts.join(' ')} ${formatAmount(r.amount)} ${r.currency} ${r.state}/${r.revision}`;
  });
}

const ID = '0a1b2c3d4e5f60718293a4b5c6d7e8f90000000';

describe('a sample', () => {
  it.each<[string, PeerFormatName, string, boolean, string[]]>([
    [
      'of CGRateS, as CSV',
      'cgrates-csv',
      'cgrates.csv',
      false,
      [
        `2 ${ID}1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.0164 EUR final/0`,
        '3 passed over: other_run',
        '4 rejected: amount not_rated',
        `5 ${ID}3 1001 2010-03-14T01:43:00Z 0s sms +31612345678 0.09 EUR final/0`,
        `6 ${ID}4 1001 2010-03-14T01:44:00Z 0s data  0.25 EUR final/0`,
        `7 ${ID}5 1001 2010-03-14T01:45:00Z 0s voice +252612345678 0.00 EUR final/0`,
      ],
    ],
    [
      'of CGRateS, as lines of JSON',
      'cgrates-json',
      'cgrates.ndjson',
      true,
      [
        `1 ${ID}1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.0164 EUR final/0`,
        '2 passed over: other_run',
        '3 rejected: amount not_rated',
        `4 ${ID}3 1001 2010-03-14T01:43:00Z 0s sms +31612345678 0.000085 EUR final/0`,
      ],
    ],
    [
      'of CGRateS, as the answer of its API',
      'cgrates-json',
      'cgrates.json',
      false,
      [
        `1 ${ID}1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.0164 EUR final/0`,
        '2 passed over: other_run',
        '3 rejected: amount not_rated',
        `4 ${ID}3 1001 2010-03-14T01:43:00Z 0s sms +31612345678 0.000085 EUR final/0`,
      ],
    ],
    [
      'of Sipwise',
      'sipwise',
      'sipwise.cdr',
      false,
      [
        '2 501 1001 2010-03-14T01:40:00.250Z 85s voice +252612345678 2.0164 EUR final/321846360',
        '3 rejected: amount not_rated',
        '4 passed over: not_outgoing',
        // 0.00015 cents are 1.5 micros.
        '5 504 1001 2010-03-14T01:40:00.250Z 85s voice 112 0.000002 EUR final/321846360',
      ],
    ],
    [
      'of FreeSWITCH',
      'freeswitch-csv',
      'freeswitch.csv',
      false,
      [
        '1 a5c9f6c0-0001-11e3-8bfb-65b6c3cdac7d 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.0164 EUR final/0',
        '2 passed over: not_answered',
        // Whoever calls chooses this name: its quotes are read as they are, and one that adds a cell moves no other.
        '3 a5c9f6c0-0003-11e3-8bfb-65b6c3cdac7d 1001 2010-03-14T01:43:05Z 15s voice +252612345679 0.50 EUR final/0',
        '4 rejected:  unreadable_row',
      ],
    ],
    [
      'of Asterisk',
      'asterisk-csv',
      'asterisk.csv',
      false,
      [
        '1 1268530790.1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.0164 EUR final/0',
        '2 passed over: not_answered',
      ],
    ],
    [
      'of TMF635',
      'tmf635',
      'tmf635.json',
      false,
      [
        '1 usage-1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.0664 EUR final/321847200',
        '2 passed over: not_rated_yet',
        '3 rejected: amount not_rated',
        '4 usage-1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 1.90 EUR final/321933600',
      ],
    ],
    [
      'in nobody’s format',
      'mapped-csv',
      'mapped.csv',
      false,
      [
        '2 g-1 1001 2010-03-14T01:40:00Z 85s voice 00252612345678 2.0164 EUR provisional/0',
        '3 g-2 1001 2010-03-14T01:42:00Z 5s voice 00252612345679 1234.50 EUR provisional/0',
        '4 rejected: amount bad_amount',
      ],
    ],
  ])('%s is read', async (_, format, file, byLine, expected) => {
    for (const pieces of [1, 7, 1 << 20]) {
      expect(told(await read(sample(file), feed(format), { byLine, pieces }))).toEqual(expected);
    }
  });

  it('of FreeSWITCH has called legs, of which those count that are charged themselves', async () => {
    const leg = (uuid: string, account: string, price: string, direction = '') =>
      `"Sample","+31201234567","+252612345678","public","2010-03-14 02:39:50","2010-03-14 02:40:00","2010-03-14 02:41:25",` +
      `"95","85","NORMAL_CLEARING","${uuid}","","${account}","PCMA","PCMA"${direction && `,"${direction}"`},"${price}"\n`;
    const counts = (line: number, uuid: string) =>
      `${line} ${uuid} 1001 2010-03-14T01:40:00Z 85s voice +252612345678 0.50 EUR final/0`;
    const example = [leg('a', '1001', '0.5'), leg('b', '', ''), leg('c', '1001', '0.5'), leg('d', '', '0.00')];
    const wrong = [leg('e', '', '0.5'), leg('f', '1001', '')];
    expect(told(await read([...example, ...wrong].join(''), feed('freeswitch-csv')))).toEqual([
      counts(1, 'a'),
      '2 passed over: other_leg',
      counts(3, 'c'),
      '4 passed over: other_leg',
      '5 rejected: account_id missing_field',
      '6 rejected: amount missing_field',
    ]);
    const header = [...PEER_FORMATS['freeswitch-csv'].header!, 'direction', 'nibble_total_billed'];
    const directed = [
      leg('a', '1001', '0.5', 'inbound'),
      leg('b', '1001', '', 'outbound'),
      leg('c', '1001', '0.5', 'outbound'),
      leg('d', '1001', '', 'inbound'),
    ];
    expect(told(await read(directed.join(''), feed('freeswitch-csv', { header })))).toEqual([
      counts(1, 'a'),
      '2 passed over: other_leg',
      counts(3, 'c'),
      '4 rejected: amount missing_field',
    ]);
  });

  it('of CGRateS has fields of the site’s own', async () => {
    const [row] = await read(sample('cgrates.ndjson'), feed('cgrates-json'), { byLine: true });
    expect(row).toMatchObject({ record: { serviceId: 'trunk-7' } });
  });

  it('of CGRateS has no price, however -1 is written', async () => {
    const csv = sample('cgrates.csv').toString();
    for (const written of ['-1.0', '-1e0', '-1E+00']) {
      const rows = await read(csv.replace(/,-1\n/, `,${written}\n`), feed('cgrates-csv'));
      expect(told(rows)[2]).toBe('4 rejected: amount not_rated');
    }
    const line = sample('cgrates.ndjson')
      .toString()
      .split('\n')[2]!
      .replace(/"Cost":-1\b/, '"Cost":"-1,0000"');
    const rows = await read(line, feed('cgrates-json', { decimal: ',' }), { byLine: true });
    expect(told(rows)).toEqual(['1 rejected: amount not_rated']);
  });

  it('of data has its bytes', async () => {
    const rows = await read(sample('cgrates.csv'), feed('cgrates-csv'));
    expect(rows[4]).toMatchObject({ record: { units: 1_048_576n } });
    for (const written of ['1.048576ms', '1048.576µs', '1048576ns']) {
      const csv = sample('cgrates.csv').toString().replace(',1048576,', `,${written},`);
      expect((await read(csv, feed('cgrates-csv')))[4]).toMatchObject({ record: { units: 1_048_576n } });
    }
    const csv = sample('cgrates.csv').toString().replace(',1048576,', ',a few ms,');
    expect(told(await read(csv, feed('cgrates-csv')))[4]).toBe('6 rejected: units bad_units');
  });

  it('of data went to no number where CGRateS rated it by a word', async () => {
    const csv = sample('cgrates.csv').toString();
    const to = async (destination: string) =>
      (await read(csv.replace('1001,1001,,', `1001,1001,${destination},`), feed('cgrates-csv')))[4];
    for (const word of ['data', '*any', 'internet.example']) {
      expect(await to(word)).toMatchObject({ record: { kind: 'data', bNumber: '' } });
    }
    expect(await to('+31612345678')).toMatchObject({ record: { kind: 'data', bNumber: '+31612345678' } });
  });

  it('is mended and read again as it stood', async () => {
    const rows = await read(sample('cgrates.csv'), feed('cgrates-csv'));
    const reject = rows[2]!;
    const text = 'reject' in reject ? reject.reject.text.replace(/-1$/, '1.5') : '';
    const header = sample('cgrates.csv').toString().split('\n')[0]!;
    expect(told(readPeerLines([text], peerReading(feed('cgrates-csv'))!, header))).toEqual([
      `1 ${ID}2 1001 2010-03-14T01:42:00Z 85s voice +252612345679 1.50 EUR final/0`,
    ]);
    const [json] = await read(sample('tmf635.json'), feed('tmf635'));
    const record = json && 'record' in json ? json : undefined;
    expect(readPeerLines([record!.text], peerReading(feed('tmf635'))!, '')).toEqual([json]);
  });
});

describe('a number in JSON', () => {
  it('keeps digits that a float would lose', async () => {
    const usage = (value: string) =>
      `{"id":"a","usageDate":"2010-03-14T02:40:00Z","usageType":"VOICE","status":"billed","ratedProductUsage":[{"taxExcludedRatingAmount":{"unit":"EUR","value":${value}}}],
        "relatedParty":[{"id":1001,"role":"customer"}],"usageCharacteristic":[{"name":"destinationNumber","value":"+31612345678"},{"name":"duration","value":"1"}]}`;
    const amounts = ['1000.1234564999999999999', '0.1', '1e-6', '12345678901234567890'];
    const rows = await Promise.all(amounts.map((value) => read(usage(value), feed('tmf635'))));
    expect(rows.map(([row]) => (row && 'record' in row ? row.record.amount : told([row!])[0]))).toEqual([
      1_000_123_456n,
      100_000n,
      1n,
      '1 rejected: amount bad_amount',
    ]);
  });
});

describe('a name that JSON says twice', () => {
  const usage = sample('tmf635.json').toString();
  const twice = usage.replace('"value"', '"value":"1.00","value"');

  it('costs its element, and no other', async () => {
    const rows = told(await read(twice, feed('tmf635')));
    const others = told(await read(usage, feed('tmf635')));
    expect(rows).toEqual(['1 rejected:  unreadable_row', ...others.slice(1)]);
  });

  it('costs its line', async () => {
    const line = sample('cgrates.ndjson').toString().split('\n')[0]!.replace('{', '{"Cost":1,');
    expect(told(await read(line, feed('cgrates-json'), { byLine: true }))).toEqual(['1 rejected:  unreadable_row']);
  });
});

it('refuses a document that is sent as lines: its single line would be a single reject', async () => {
  const document = JSON.stringify(JSON.parse(sample('tmf635.json').toString()));
  await expect(read(document, feed('tmf635'), { byLine: true })).rejects.toMatchObject({ code: 'not_ndjson' });
});

const refusalOf = async (input: string | Buffer, definition: FeedDefinition) => {
  try {
    return told(await read(input, definition));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return `${error.code}: ${error.message}${error.faults.map((fault) => ` [${fault.field} ${fault.detail}]`).join('')}`;
  }
};

it('reads the time of Sipwise also where its milliseconds stand there twice', async () => {
  const text = sample('sipwise.cdr')
    .toString()
    .replaceAll(/(\d{2}:\d{2}:\d{2})(\.\d{3})'/g, "$1$2$2'");
  const unsealed = text.split('\n').slice(0, -2).join('\n') + '\n';
  const sealed = Buffer.from(`${unsealed}${createHash('md5').update(unsealed).digest('hex')}\n`);
  expect(sealed.toString()).toContain("'2010-03-14 02:40:00.250.250'");
  expect(told(await read(sealed, feed('sipwise')))).toEqual(told(await read(sample('sipwise.cdr'), feed('sipwise'))));
});

describe('bad input gets a named reason', () => {
  const cgrates = sample('cgrates.csv').toString();
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

  it.each<[string, string | Buffer, FeedDefinition, string]>([
    ['an empty file', '', feed('cgrates-csv'), 'empty_file: the file is empty; it needs a header row'],
    ['a picture', png, feed('cgrates-csv'), 'binary_file: the file is a picture: no text'],
    [
      'a gzipped file that does not say so',
      gzipSync(cgrates),
      feed('cgrates-csv'),
      'binary_file: the file is gzipped, though neither its name nor its header says so',
    ],
    [
      'UTF-16',
      Buffer.from(`\ufeff${cgrates}`, 'utf16le'),
      feed('cgrates-csv'),
      'binary_file: the file is text in UTF-16; it must be UTF-8 or Latin-1',
    ],
    [
      'a column that is missing',
      cgrates.replace(',Cost\n', ',Price\n'),
      feed('cgrates-csv'),
      'bad_header: the header is not what the feed expects: "CGRID,RunID,OrderID,OriginHost,Source,OriginID,ToR,RequestType,Tenant,Category,A…" [amount the column "Cost" is missing in the header]',
    ],
    [
      'a header without runs, where only one of them may count',
      cgrates.replace(',RunID,', ',Run,'),
      feed('cgrates-csv'),
      'bad_header: the header is not what the feed expects: "CGRID,Run,OrderID,OriginHost,Source,OriginID,ToR,RequestType,Tenant,Category,Acc…" [only the column "RunID" is missing, which tells the rows that count from others]',
    ],
    [
      'lines that end in carriage returns alone',
      cgrates.replace(/,Cost\n/, ',Cost,note\n').replaceAll('\n', '\r'),
      feed('cgrates-csv'),
      'bad_header: the first line is no header: the lines of the file end in carriage returns alone; end them in line feeds (LF or CRLF)',
    ],
    [
      'lines that end in carriage returns alone, without a header',
      sample('freeswitch.csv').toString().replaceAll('\n', '\r'),
      feed('freeswitch-csv'),
      'bad_lines: the lines of the file end in carriage returns alone; end them in line feeds (LF or CRLF)',
    ],
    [
      'very many lines that end in carriage returns alone, without a header',
      sample('asterisk.csv').toString().replaceAll('\n', '\r').repeat(1_000),
      feed('asterisk-csv'),
      'bad_lines: the lines of the file end in carriage returns alone; end them in line feeds (LF or CRLF)',
    ],
    [
      'a control character in the header',
      cgrates.replace(/,Cost\n/, ',Cost,no\u0001te\n'),
      feed('cgrates-csv'),
      'bad_header: the first line is no header: a name in it holds a control character; take it out',
    ],
    [
      'CSV where JSON is expected',
      'a,b\n1,2\n',
      feed('tmf635'),
      `not_json: the whole is no JSON: Unexpected token 'a', "a,b\n"1","2"\n" is not valid JSON`,
    ],
    [
      'a second file behind, whose columns stand in another order',
      cgrates +
        cgrates
          .replace('OrderID,OriginHost', 'OriginHost,OrderID')
          .replace('SetupTime,AnswerTime', 'AnswerTime,SetupTime'),
      feed('cgrates-csv'),
      'bad_header: line 8 is another header than the first: files that were joined have to be sent each by itself',
    ],
    [
      'an answer with two lists, of which one would be lost',
      sample('cgrates.json').toString().replace('"result"', '"result":[],"result"'),
      feed('cgrates-json'),
      'not_json: the whole says "result" twice',
    ],
    [
      'a file of Sipwise that was cut off',
      sample('sipwise.cdr').subarray(0, -40),
      feed('sipwise'),
      'cut_off: the last line is no MD5 checksum: the file is cut off, or still growing',
    ],
    [
      'another format instead of Sipwise',
      cgrates,
      feed('sipwise'),
      'bad_header: the first line is no "version,lines": "CGRID,RunID,OrderID,OriginHost,Source,OriginID,ToR,RequestType,Tenant,Category,A"',
    ],
    [
      'a digit that changed on the way',
      Buffer.from(sample('sipwise.cdr').toString().replace('201.640000', '101.640000')),
      feed('sipwise'),
      'bad_checksum: the bytes of the file are not those that its checksum was made of',
    ],
    [
      'a file of Sipwise with CRLF',
      sample('sipwise.cdr').toString().replaceAll('\n', '\r\n'),
      feed('sipwise'),
      'bad_checksum: the bytes of the file are not those that its checksum was made of',
    ],
  ])('%s', async (_, input, definition, expected) => {
    expect(await refusalOf(input, definition)).toBe(expected);
  });

  it('a file of Sipwise of millions of lines of nothing, within seconds', async () => {
    const empty = Buffer.concat([Buffer.from('007,0001\n'), Buffer.alloc(16 * 1024 ** 2, '\n')]);
    const begun = performance.now();
    expect(await refusalOf(empty, feed('sipwise'))).toMatch(/^cut_off/);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it.each([1, 7, 31, 64, 100])('the seal of Sipwise holds in pieces of %i bytes', async (pieces) => {
    const rows = await read(sample('sipwise.cdr'), feed('sipwise'), { pieces });
    expect(told(rows)).toEqual(told(await read(sample('sipwise.cdr'), feed('sipwise'))));
    await expect(read(sample('sipwise.cdr').subarray(0, -2), feed('sipwise'), { pieces })).rejects.toThrow('cut off');
  });

  it('a count of lines that is wrong', async () => {
    const body = sample('sipwise.cdr').toString().replace('007,0004', '007,0005').split('\n').slice(0, -2).join('\n');
    const sealed = `${body}\n${createHash('md5').update(`${body}\n`).digest('hex')}\n`;
    expect(await refusalOf(sealed, feed('sipwise'))).toBe(
      'wrong_number_of_lines: the first line says 5 lines, but there are 4',
    );
  });

  it.each<[string, string | Buffer, FeedDefinition, string]>([
    ['a byte-order mark is dropped', `\ufeff${cgrates}`, feed('cgrates-csv'), `2 ${ID}1 `],
    ['CRLF is a line break', cgrates.replaceAll('\n', '\r\n'), feed('cgrates-csv'), `2 ${ID}1 `],
    ['a last line needs no break', cgrates.split('\n').slice(0, 2).join('\n'), feed('cgrates-csv'), `2 ${ID}1 `],
    [
      'Latin-1 where UTF-8 is expected',
      Buffer.from(cgrates.replace('call-1@', 'Jörg@'), 'latin1'),
      feed('cgrates-csv'),
      '2 rejected:  unreadable_row',
    ],
    [
      'a decimal comma where a point is expected',
      cgrates.replace(',2.0164\n', ',"2,0164"\n'),
      feed('cgrates-csv'),
      '2 rejected: amount bad_amount',
    ],
    [
      'nine decimals are rounded to six',
      cgrates.replace(',2.0164\n', ',2.016400500\n'),
      feed('cgrates-csv'),
      `2 ${ID}1 1001 2010-03-14T01:40:00Z 85s voice +252612345678 2.016401 EUR final/0`,
    ],
    [
      'an amount that is no number',
      cgrates.replace(',2.0164\n', ',NaN\n'),
      feed('cgrates-csv'),
      '2 rejected: amount bad_amount',
    ],
    [
      'a value too many',
      cgrates.replace(',2.0164\n', ',2.0164,x\n'),
      feed('cgrates-csv'),
      '2 rejected:  unreadable_row',
    ],
    [
      'a time without a zone, and none known',
      cgrates.replaceAll('Z,', ','),
      feed('cgrates-csv'),
      '2 rejected: started_at bad_started_at',
    ],
    [
      'a negative credit that is provisional',
      cgrates.replace(',2.0164\n', ',-2\n'),
      feed('cgrates-csv', { state: 'provisional' }),
      '2 rejected: amount negative_amount',
    ],
  ])('%s', async (_, input, definition, first) => {
    expect(told(await read(input, definition))[0]).toMatch(first);
  });

  it.each(Object.keys(PEER_FORMATS) as PeerFormatName[])('a line of 10 MB, to %s', async (format) => {
    const long = 'x'.repeat(10 * 1024 * 1024);
    const { syntax, sealed } = PEER_FORMATS[format];
    const header = {
      'cgrates-csv': cgrates.split('\n')[0]!,
      'mapped-csv': sample('mapped.csv').toString('latin1').split('\r\n')[0]!,
    };
    if (syntax === 'json') {
      expect(told(await read(`"${long}"`, feed(format), { byLine: true, pieces: 65_536 }))).toEqual([
        '1 rejected:  unreadable_row',
      ]);
      expect(told(await read(`[{"id":"${long}"}]`, feed(format), { pieces: 65_536 }))).toEqual([
        '1 rejected:  unreadable_row',
      ]);
      return;
    }
    const body = sealed
      ? `007,0001\n${long}\n`
      : `${Object.hasOwn(header, format) ? `${header[format as 'mapped-csv']}\n` : ''}${long}\n`;
    const bytes = Buffer.from(sealed ? `${body}${createHash('md5').update(body).digest('hex')}\n` : body, 'latin1');
    const rows = await read(bytes, feed(format), { pieces: 65_536 });
    expect(rows).toMatchObject([{ reject: { reason: 'unreadable_row', detail: 'has more than 65536 characters' } }]);
  });
});

describe('anything at all', () => {
  const formats = Object.keys(PEER_FORMATS) as PeerFormatName[];
  const header: Partial<Record<PeerFormatName, string>> = {
    'cgrates-csv': sample('cgrates.csv').toString().split('\n')[0]!,
    'mapped-csv': sample('mapped.csv').toString('latin1').split('\r\n')[0]!,
  };
  const samples: Record<PeerFormatName, string> = {
    'cgrates-csv': sample('cgrates.csv').toString(),
    'cgrates-json': sample('cgrates.ndjson').toString(),
    sipwise: sample('sipwise.cdr').toString().split('\n').slice(1, -2).join('\n'),
    'freeswitch-csv': sample('freeswitch.csv').toString(),
    'asterisk-csv': sample('asterisk.csv').toString(),
    tmf635: JSON.stringify(JSON.parse(sample('tmf635.json').toString())[0]),
    'mapped-csv': sample('mapped.csv').toString('latin1'),
  };
  const sealedUp = (body: string) => {
    const text = `007,${body === '' ? 0 : body.split('\n').length}\n${body === '' ? '' : `${body}\n`}`;
    return `${text}${createHash('md5').update(text, 'latin1').digest('hex')}\n`;
  };

  const well = (row: FeedRow) => {
    if (!('record' in row)) return true;
    const { startedAt, receivedAt, durationSeconds, revision, amount, line } = row.record;
    const whole = [startedAt, receivedAt, durationSeconds, revision, line].every(Number.isSafeInteger);
    return whole && typeof amount === 'bigint';
  };

  it.each(formats)('is accounted for line by line, or refused as a whole, however it is cut, by %s', async (format) => {
    // Pieces of real rows, put together wrongly, find more than noise does.
    const pieces = samples[format].split(/([,;"'\\{}[\]:\r\n])/).filter((piece) => piece !== '');
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.oneof(
            fc.constantFrom(...pieces),
            fc.constantFrom(',', '"', "'", '\\', '\n', '\r\n', '1e9', 'NaN', '-', '\u0000'),
          ),
        )
        .map((each) => each.join('')),
      fc
        .tuple(fc.nat(samples[format].length), fc.nat(samples[format].length), fc.string())
        .map(([from, to, other]) => samples[format].slice(0, from) + other + samples[format].slice(to)),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), fc.constantFrom(1, 2, 3, 7, 97), async (found, byLine, cut) => {
        const headed =
          header[format] !== undefined && !found.startsWith(header[format]!) ? `${header[format]}\n${found}` : found;
        const body = Buffer.from(headed, 'latin1').toString('latin1');
        const input = PEER_FORMATS[format].sealed ? sealedUp(body) : body;
        const readIn = (pieces: number) =>
          read(Buffer.from(input, 'latin1'), feed(format), { byLine, pieces }).catch((error: unknown) => {
            if (!(error instanceof Refusal)) throw error;
            return `${error.code}: ${error.message}`;
          });
        const rows = await readIn(1 << 20);
        // How the bytes were cut on their way means nothing.
        expect(await readIn(cut)).toEqual(rows);
        if (typeof rows === 'string') return;
        expect(rows.every(well)).toBe(true);
        if (PEER_FORMATS[format].syntax === 'json' && !byLine) return;
        const lines = input.split('\n').filter((line) => line !== '' && line !== '\r');
        const apart = PEER_FORMATS[format].sealed ? 2 : header[format] === undefined ? 0 : 1;
        expect(rows).toHaveLength(Math.max(0, lines.length - apart));
      }),
      { numRuns: 400 },
    );
  });
});
