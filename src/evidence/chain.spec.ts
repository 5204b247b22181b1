import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { canonicalJson, GENESIS_HASH, hashEntry } from './chain.ts';
import { checkGap, checkHead, followChain, type BrokenChain, type ChainEnd, type EvidenceEntry } from './verify.ts';

describe('canonical JSON', () => {
  it.each([
    [
      'sorts keys at every depth',
      { b: { z: 1, a: 2 }, a: [{ d: 1, c: 2 }] },
      '{"a":[{"c":2,"d":1}],"b":{"a":2,"z":1}}',
    ],
    ['leaves out what is undefined', { a: undefined, b: null }, '{"b":null}'],
    ['writes a bigint as a string', { micros: 1_028_060_000n }, '{"micros":"1028060000"}'],
    ['writes a fraction as a string', { percent: 33.33 }, '{"percent":"33.33"}'],
    ['writes beyond 2^53 as a string', [2 ** 53, 2 ** 53 - 1], '["9007199254740992",9007199254740991]'],
    ['knows one zero', [0, -0], '[0,0]'],
    ['escapes as JSON does', 'a"\\\n\u0001é', '"a\\"\\\\\\n\\u0001é"'],
    ['replaces half a surrogate pair', '\ud800x😀', '"\uFFFDx😀"'],
  ])('%s', (_, value, text) => expect(canonicalJson(value)).toBe(text));

  it.each([
    ['a date', { at: new Date(0) }],
    ['NaN', { spend: NaN }],
    ['a function', { f: () => 1 }],
    ['undefined in an array', [undefined]],
  ])('refuses %s', (_, value) => expect(() => canonicalJson(value)).toThrow('evidence'));

  it('comes back the same after a round trip, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });
});

describe('the hash of an entry', () => {
  const entry = {
    accountId: '10"01',
    seq: 1,
    at: Date.UTC(2010, 2, 14, 1, 41, 0, 5),
    kind: 'decision',
    bodyText: '{"a":1}',
  };

  it('is that of the entry as the API shows it, without its hash', () => {
    const shown = {
      account: '10"01',
      seq: 1,
      at: '2010-03-14T01:41:00.005Z',
      kind: 'decision',
      body: { a: 1 },
      prev_hash: GENESIS_HASH,
    };
    const expected = createHash('sha256').update(canonicalJson(shown)).digest('hex');
    expect(hashEntry(GENESIS_HASH, entry)).toBe(expected);
  });

  it.each(['accountId', 'seq', 'at', 'kind', 'bodyText'] as const)('changes with its %s', (part) => {
    const other = { ...entry, [part]: typeof entry[part] === 'number' ? entry[part] + 1 : `${entry[part]} ` };
    expect(hashEntry(GENESIS_HASH, other)).not.toBe(hashEntry(GENESIS_HASH, entry));
  });
});

describe('a chain', () => {
  const entries: EvidenceEntry[] = [];
  for (const seq of [1, 2, 3, 4]) {
    const prevHash = entries.at(-1)?.hash ?? GENESIS_HASH;
    const content = { accountId: '1001', seq, at: seq * 1000, kind: 'decision', bodyText: `{"n":${seq}}` };
    entries.push({ ...content, prevHash, hash: hashEntry(prevHash, content) });
  }
  const [first, second, third, fourth] = entries as [EvidenceEntry, EvidenceEntry, EvidenceEntry, EvidenceEntry];
  const head = { seq: 4, hash: fourth.hash };
  const rehashed = (entry: EvidenceEntry, bodyText: string) => {
    const other = { ...entry, bodyText };
    return { ...other, hash: hashEntry(other.prevHash, other) };
  };

  it('that is whole is found so', () => expect(verifyChain('1001', entries, head)).toEqual({ ok: true, entries: 4 }));
  it('without entries and without a head is whole', () =>
    expect(verifyChain('1001', [], undefined)).toEqual({ ok: true, entries: 0 }));

  it.each([
    ['an altered body', [first, { ...second, bodyText: '{"n":9}' }, third, fourth], head, 2, 'altered'],
    ['a space put into a body', [first, { ...second, bodyText: '{"n": 2}' }, third, fourth], head, 2, 'altered'],
    ['an altered time', [first, { ...second, at: 2001 }, third, fourth], head, 2, 'altered'],
    ['a replaced entry with a hash of its own', [first, rehashed(second, '{}'), third, fourth], head, 3, 'unlinked'],
    ['a replaced last entry', [first, second, third, rehashed(fourth, '{}')], head, 4, 'head-differs'],
    ['a missing first entry', [second, third, fourth], head, 1, 'missing'],
    ['a missing entry in the middle', [first, third, fourth], head, 2, 'missing'],
    ['a missing last entry', [first, second, third], head, 4, 'missing-last'],
    ['all entries missing', [], head, 1, 'missing-last'],
    [
      'two entries that changed places',
      [first, { ...third, seq: 2 }, { ...second, seq: 3 }, fourth],
      head,
      2,
      'altered',
    ],
    ['an entry that stands twice', [first, second, second, third, fourth], head, 2, 'out-of-order'],
    ['an entry of another account', [first, { ...second, accountId: '1002' }, third, fourth], head, 2, 'altered'],
    ['an entry after the head', entries, { seq: 3, hash: third.hash }, 4, 'beyond-head'],
    ['a head that is gone', entries, undefined, 4, 'head-differs'],
  ] as const)('with %s is found broken', (_, found, end, seq, fault) => {
    expect(verifyChain('1001', found, end)).toMatchObject({ ok: false, seq, fault });
  });

  describe('whose beginning was removed', () => {
    const removed = (seq: number, before: EvidenceEntry, through: EvidenceEntry) => {
      const bodyText = `{"hash":"${through.hash}","through":${through.seq}}`;
      const content = { accountId: '1001', seq, at: seq * 1000, kind: 'evidence-removed', bodyText };
      return { ...content, prevHash: before.hash, hash: hashEntry(before.hash, content) };
    };
    const fifth = removed(5, fourth, second);
    const sixth = removed(6, fifth, third);

    it.each([
      ['as it says', [third, fourth, fifth], fifth],
      ['twice', [fourth, fifth, sixth], sixth],
      ['but for a part that still stands', [first, third, fourth, fifth], fifth],
      ['to the last entry but the one that says so', [removed(5, fourth, fourth)], removed(5, fourth, fourth)],
    ])('%s is whole', (_, found, end) => {
      expect(verifyChain('1001', found, end)).toMatchObject({ ok: true });
    });

    it.each([
      ['without a word of it', [third, fourth], fourth, 1, 'missing'],
      ['by more than it says', [fourth, fifth], fifth, 3, 'missing'],
      ['by less than it says', [second, third, fourth, fifth], fifth, 1, 'missing'],
      [
        'and whose word of it was altered',
        [third, fourth, { ...fifth, bodyText: sixth.bodyText }],
        fifth,
        5,
        'altered',
      ],
      ['and whose word of it is gone', [third, fourth], fifth, 1, 'missing'],
      ['and that has another gap', [first, third, fifth], fifth, 4, 'missing'],
      ['and replaced by another', [rehashed(third, '{}'), fourth, fifth], fifth, 4, 'unlinked'],
    ] as const)('%s is found broken', (_, found, end, seq, fault) => {
      expect(verifyChain('1001', found, end)).toMatchObject({ ok: false, seq, fault });
    });
  });

  it('may be followed in parts', () => expect(checkHead(head, head)).toEqual({ ok: true, entries: 4 }));
});

/** Checks all entries of an account, in order, and its head. */
function verifyChain(
  accountId: string,
  entries: Iterable<EvidenceEntry>,
  head: ChainEnd | undefined,
): { ok: true; entries: number } | BrokenChain {
  const followed = followChain(accountId, entries);
  if (!followed.ok) return followed;
  const gap = checkGap(followed.end);
  return gap.ok ? checkHead(followed.end, head) : gap;
}
