import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DateTime } from 'luxon';
import { formatInstant } from './clock.ts';
import { isTimeFormat, timeReader } from './local-time.ts';

const read = (text: string, zone?: string, format?: string) => {
  const instant = timeReader(format, zone)(text);
  return instant === undefined ? undefined : formatInstant(instant);
};

describe('a time as a peer writes it', () => {
  it.each<[string, string, string | undefined, string | undefined, string | undefined]>([
    ['has no zone, and none is known', '2010-03-14 02:40:00', undefined, undefined, undefined],
    ['is in the zone of the feed', '2010-03-14 02:40:00', 'Europe/Vienna', undefined, '2010-03-14T01:40:00Z'],
    ['has its own offset', '2010-03-14T02:40:00+01:00', 'America/Lima', undefined, '2010-03-14T01:40:00Z'],
    ['has its offset without a colon', '2010-03-14 02:40:00 +0100', undefined, undefined, '2010-03-14T01:40:00Z'],
    ['is as Go writes it', '2010-03-14 01:40:00 +0000 UTC', undefined, undefined, '2010-03-14T01:40:00Z'],
    [
      'is as Go writes it, of a zone without a name',
      '2010-03-14 07:10:00 +0530 +0530',
      undefined,
      undefined,
      '2010-03-14T01:40:00Z',
    ],
    ['has an offset of a day', '2010-03-14T02:40:00+24:00', undefined, undefined, undefined],
    ['has an offset that is none', '2010-03-14 02:40:00 +9900', undefined, undefined, undefined],
    ['has an offset of sixty minutes', '2010-03-14 02:40:00+01:60', undefined, undefined, undefined],
    ['has an offset that is none, in a form', '14.3.2010 2:40:0+9900', undefined, 'dd.MM.yyyy HH:mm:ssZZ', undefined],
    ['has a fraction', '2010-03-14 02:40:00.250', 'Europe/Vienna', undefined, '2010-03-14T01:40:00.250Z'],
    ['occurs twice: the earlier', '2010-10-31 02:30:00', 'Europe/Vienna', undefined, '2010-10-31T00:30:00Z'],
    ['never occurs, since clocks go forward over it', '2010-03-28 02:30:00', 'Europe/Vienna', undefined, undefined],
    ['begins what never occurs', '2010-03-28 02:00:00', 'Europe/Vienna', undefined, undefined],
    ['ends what never occurs', '2010-03-28 02:59:59.999', 'Europe/Vienna', undefined, undefined],
    [
      'never occurs, and has its own offset',
      '2010-03-28 02:30:00+01:00',
      'Europe/Vienna',
      undefined,
      '2010-03-28T01:30:00Z',
    ],
    ['is of a day that Samoa left out', '2011-12-30 12:00:00', 'Pacific/Apia', undefined, undefined],
    [
      'is of half an hour that Lord Howe leaves out',
      '2010-10-03 02:15:00',
      'Australia/Lord_Howe',
      undefined,
      undefined,
    ],
    ['just before clocks went forward', '2010-03-28 01:59:59', 'Europe/Vienna', undefined, '2010-03-28T00:59:59Z'],
    ['just after clocks went forward', '2010-03-28 03:00:00', 'Europe/Vienna', undefined, '2010-03-28T01:00:00Z'],
    ['just after the hour that came twice', '2010-10-31 03:00:00', 'Europe/Vienna', undefined, '2010-10-31T02:00:00Z'],
    ['is a leap second: the one before', '2017-01-01 00:59:60', 'Europe/Vienna', undefined, '2016-12-31T23:59:59Z'],
    ['has a 60th second within a day', '2017-01-01 12:30:60', 'Europe/Vienna', undefined, undefined],
    ['is German', '14.3.2010 02:40:00', 'Europe/Vienna', 'dd.MM.yyyy HH:mm:ss', '2010-03-14T01:40:00Z'],
    ['has nothing between', '20100314024000', 'Europe/Vienna', 'yyyyMMddHHmmss', '2010-03-14T01:40:00Z'],
    ['has nothing between and lacks a digit', '2010031402400', 'Europe/Vienna', 'yyyyMMddHHmmss', undefined],
    ['has nothing within date and time', '20100314 24000', 'Europe/Vienna', 'yyyyMMdd HHmmss', undefined],
    [
      'has nothing before its offset',
      '14.3.2010 2:40:0+0100',
      undefined,
      'dd.MM.yyyy HH:mm:ssZZ',
      '2010-03-14T01:40:00Z',
    ],
    ['has no seconds', '03/14/2010 02:40', 'UTC', 'MM/dd/yyyy HH:mm', '2010-03-14T02:40:00Z'],
    ['counts seconds', '1268530800', undefined, 'epoch-s', '2010-03-14T01:40:00Z'],
    ['counts seconds with a fraction', '1268530800.5', undefined, 'epoch-s', '2010-03-14T01:40:00.500Z'],
    ['counts milliseconds', '1268530800000', undefined, 'epoch-ms', '2010-03-14T01:40:00Z'],
    ['names no day', '2010-02-29 02:40:00', 'UTC', undefined, undefined],
    ['names a leap day', '2012-02-29 02:40:00', 'UTC', undefined, '2012-02-29T02:40:00Z'],
    ['names no hour', '2010-02-28 24:00:00', 'UTC', undefined, undefined],
    ['is zero', '0000-00-00 00:00:00', 'UTC', undefined, undefined],
    ['is empty', '', 'UTC', undefined, undefined],
  ])('%s: %s', (_, text, zone, format, expected) => {
    expect(read(text, zone, format)).toBe(expected);
  });

  it('is read as luxon does, wherever a time occurs once', () => {
    const zones = ['Europe/Vienna', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Asia/Tehran', 'UTC'];
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2001, 0), max: Date.UTC(2037, 0) }),
        fc.constantFrom(...zones),
        (instant, zone) => {
          const local = DateTime.fromMillis(Math.floor(instant / 1000) * 1000, { zone });
          fc.pre(local.getPossibleOffsets().length === 1);
          expect(timeReader(undefined, zone)(local.toFormat('yyyy-MM-dd HH:mm:ss'))).toBe(local.toMillis());
        },
      ),
    );
  });

  it.each([
    ['dd.MM.yyyy HH:mm:ss', true],
    ['epoch-s', true],
    ['yyyy-MM-dd', false],
    ['HH:mm', false],
    ['yyyy yyyy MM dd HH mm', false],
    ['yyyy-MM-dd HH:mm:ss.SSSSSS', false],
  ])('%s is a form: %s', (format, is) => {
    expect(isTimeFormat(format)).toBe(is);
  });
});
