import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.ts';

describe('the environment', () => {
  it.each<[string, Record<string, string>, string]>([
    ['of a port that is none', { PORT: 'abc' }, 'PORT must be a whole number from 0 to 65535'],
    [
      'of a level that is none',
      { LOG_LEVEL: 'loud' },
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
    ],
    [
      'of two at once',
      { PORT: 'x', ROLE: 'api,cook' },
      'PORT must be a whole number from 0 to 65535; ROLE must be all',
    ],
    ['of a key with a space', { PLAFOND_ADMIN_KEY: 'a key of mine' }, 'PLAFOND_ADMIN_KEY must have'],
    [
      'of a short key that others can reach',
      { PLAFOND_ADMIN_KEY: 'secret', HOST: '0.0.0.0' },
      'PLAFOND_ADMIN_KEY must have 8',
    ],
  ])('is told what is wrong: %s', (_, env, story) => {
    expect(() => readConfig(env)).toThrow(story);
  });

  it.each(['127.0.0.1', '::1', 'localhost'])('may have a short key where nobody else reaches it: %s', (HOST) => {
    expect(readConfig({ PLAFOND_ADMIN_KEY: 'secret', HOST }).adminKey).toBe('secret');
  });

  it('may leave variables empty, as if they were not set', () => {
    expect(readConfig({ PORT: '', HOST: '', SMTP_URL: '', ROLE: '', PLAFOND_ADMIN_KEY: '' })).toEqual(readConfig({}));
  });
});
