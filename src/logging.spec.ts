import { describe, expect, it } from '@jest/globals';
import { PlafondLogger, strikeSecrets } from './logging.ts';

describe('a log line', () => {
  it.each([
    ['a password in an address', 'connect postgres://u:geheim@host:5432/x', 'connect postgres://u:***@host:5432/x'],
    ['a password without a user', 'redis://:geheim@host', 'redis://:***@host'],
    ['a bearer key', 'authorization: Bearer plf_a-b.c', 'authorization: Bearer ***'],
    ['a password in a query', 'GET /send?user=u&password=geheim&to=1', 'GET /send?user=u&password=***&to=1'],
    ['a secret that is named', 'the key is sesame', 'the key is ***'],
    ['an address without a password stays', 'API on http://127.0.0.1:3000/v1', 'API on http://127.0.0.1:3000/v1'],
  ])('%s', (_, text, struck) => expect(strikeSecrets(text, ['sesame'])).toBe(struck));

  it.each([
    ['JSON for machines', false, /^\{"level":"warn","time":"[^"]+","context":"relay","msg":"key \*\*\*"\}\n$/],
    ['one readable line at a terminal', true, /^\d\d:\d\d:\d\d .\[33mwarn .\[0m relay: key \*\*\*\n$/],
  ])('%s', (_, isTTY, expected) => {
    const written: string[] = [];
    const log = new PlafondLogger(
      { logLevel: 'info', adminKey: 'sesame' },
      { isTTY, write: (line) => void written.push(line) },
    );
    log.warn('key sesame', 'relay');
    log.debug('unheard', 'relay');
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(expected);
  });
});
