import { describe, expect, it } from '@jest/globals';
import { receiverForm } from './receiver.ts';

const SECRET = 'PLAFOND_SECRET_HOOK';

describe('a receiver', () => {
  it.each<[string, object, string[]]>([
    ['is an address of mail', { kind: 'email', address: 'billing@example.net' }, []],
    ['is a URL of Slack', { kind: 'slack', address: 'https://hooks.example.net/T0/B0' }, []],
    ['is a URL of Slack that the environment keeps', { kind: 'slack', secret: SECRET }, []],
    ['is a webhook with its key', { kind: 'webhook', address: 'https://a.example/x', secret: SECRET }, []],
    ['is no mail without an address', { kind: 'email' }, ['address']],
    ['is no mail to somebody who is none', { kind: 'email', address: 'billing' }, ['address']],
    ['is no webhook without a key', { kind: 'webhook', address: 'https://a.example/x' }, ['secret']],
    ['is no other scheme', { kind: 'slack', address: 'file:///etc/passwd' }, ['address']],
    ['has no log-in in its URL', { kind: 'slack', address: 'https://me:secret@a.example/' }, ['address']],
    ['names its secret and does not tell it', { kind: 'slack', secret: 'https://hooks.example.net/T0' }, ['secret']],
    ['names kinds that there are', { kind: 'email', address: 'a@b.example', events: ['weather'] }, ['events.0']],
    ['names at least one', { kind: 'email', address: 'a@b.example', events: [] }, ['events']],
    ['is of a kind that there is', { kind: 'pigeon', address: 'a@b.example' }, ['kind']],
  ])('%s', (_, form, wrong) => {
    const read = receiverForm.safeParse(form);
    expect(read.success ? [] : read.error.issues.map(({ path }) => path.join('.'))).toEqual(wrong);
  });
});
