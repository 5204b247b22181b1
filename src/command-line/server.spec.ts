import { describe, expect, it } from '@jest/globals';
import { contentOf } from './file-body.ts';
import { describeProblem, Server } from './server.ts';

describe('the content of a file, by its name', () => {
  it.each([
    ['usage.csv', { contentType: 'text/csv' }],
    ['a/b.2010/USAGE.CSV', { contentType: 'text/csv' }],
    ['usage.csv.gz', { contentType: 'text/csv', contentEncoding: 'gzip' }],
    ['usage.ndjson', { contentType: 'application/x-ndjson' }],
    ['usage.2010-03.json.gz', { contentType: 'application/json', contentEncoding: 'gzip' }],
  ])('%s', (file, content) => expect(contentOf(file, ['csv', 'ndjson', 'json'])).toEqual(content));

  it.each(['usage', 'usage.gz', 'usage.txt', 'csv', 'usage.csv.zip'])('%s says nothing', (file) => {
    expect(() => contentOf(file, ['csv'])).toThrow('its name must end in .csv');
  });
});

describe('a problem in words', () => {
  const response = { status: 422, statusText: 'Unprocessable Entity' };
  it.each([
    ['title and detail', { title: 'Not Found', detail: 'there is no cap 7' }, 'Not Found: there is no cap 7'],
    [
      'each field, with its line',
      {
        title: 'Wrong',
        detail: 'so',
        errors: [
          { field: 'limit', detail: 'is off', line: 3 },
          { field: '', detail: 'x' },
        ],
      },
      'Wrong: so\n  line 3: limit is off\n  the body x',
    ],
    ['an answer of something else', '<html>', '422 Unprocessable Entity'],
  ])('%s', (_, body, words) => expect(describeProblem(response, body)).toBe(words));
});

describe('a server', () => {
  it.each([
    ['an address that is none', 'plafond', 'k', 'the address of the server'],
    ['an address with a password', 'http://a:secret@host', 'k', 'the address of the server'],
    ['no key', 'http://127.0.0.1:3000', undefined, 'no key: give --key'],
    ['a key that can not be sent', 'http://127.0.0.1:3000', 'secret\n', 'characters that no key has'],
  ])('with %s is refused, and no secret shown', (_, url, key, story) => {
    const make = () => new Server({ url, key });
    expect(make).toThrow(story);
    expect(make).not.toThrow('secret');
  });
});
