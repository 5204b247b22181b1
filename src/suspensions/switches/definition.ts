/** Switches as they are configured: by SWITCH_URL or by the API. Pure, but for opening their nodes at the end. */
import { z } from 'zod';
import { KamailioNode } from './kamailio/kamailio-node.ts';
import { DEFAULT_NAMES } from './kamailio/commands.ts';
import { FreeSwitchNode } from './freeswitch/freeswitch-node.ts';
import { WebhookNode } from './webhook/webhook-node.ts';
import type { SwitchNode } from './switch.ts';

export const SWITCH_KINDS = ['kamailio', 'freeswitch', 'webhook'] as const;
export type SwitchKind = (typeof SWITCH_KINDS)[number];

const SCHEMES: Record<SwitchKind, readonly string[]> = {
  kamailio: ['http:', 'https:'],
  freeswitch: ['freeswitch:'],
  webhook: ['http:', 'https:'],
};
const FORMS: Record<SwitchKind, string> = {
  kamailio: 'http://host:port/RPC or https://…, without a log-in',
  freeswitch: 'freeswitch://host:8021, without a password',
  webhook: 'https://host/path, without a log-in; http:// on loopback alone',
};
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

const word = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'must have letters, digits, _ . - alone, 64 at most' });

/** A switch: the body of `PUT /v1/switches/{name}`. */
export const switchForm = z
  .strictObject({
    kind: z.enum(SWITCH_KINDS, { error: `must be one of ${SWITCH_KINDS.join(', ')}` }),
    nodes: z
      .array(z.string().max(500))
      .min(1, { error: 'must name at least one node' })
      .max(32, { error: 'must name at most 32 nodes' })
      .meta({
        description: `each bars for itself. kamailio: ${FORMS.kamailio}; freeswitch: ${FORMS.freeswitch}; webhook: ${FORMS.webhook}`,
      }),
    secret: z
      .string()
      .regex(/^PLAFOND_SECRET_[A-Z0-9_]{1,64}$/, { error: 'must be the name of a secret: PLAFOND_SECRET_…' })
      .optional()
      .meta({
        description:
          'the environment variable that holds it. kamailio: user:password of a proxy before it; freeswitch: the password; ' +
          'webhook: the signing secret, whsec_…',
      }),
    table: word.optional().meta({ description: 'kamailio: the htable of bars, `barred` where not said' }),
    profiles: z
      .strictObject({ international: word.optional(), premium: word.optional(), outgoing: word.optional() })
      .optional()
      .meta({ description: 'kamailio: the dialog profiles, named after their classes where not said' }),
  })
  .superRefine(({ kind, nodes, secret, table, profiles }, context) => {
    for (const [index, node] of nodes.entries()) {
      if (!isNodeOf(kind, node))
        context.addIssue({ code: 'custom', path: ['nodes', index], message: `must be ${FORMS[kind]}` });
    }
    if (new Set(nodes).size < nodes.length)
      context.addIssue({ code: 'custom', path: ['nodes'], message: 'names a node twice' });
    if (kind !== 'kamailio' && secret === undefined) {
      context.addIssue({ code: 'custom', path: ['secret'], message: 'must be named: PLAFOND_SECRET_…' });
    }
    if (kind !== 'kamailio' && (table !== undefined || profiles !== undefined)) {
      context.addIssue({ code: 'custom', path: ['table'], message: 'and profiles are for Kamailio alone' });
    }
  })
  .meta({ id: 'SwitchForm' });

export type SwitchDefinition = z.output<typeof switchForm>;

function isNodeOf(kind: SwitchKind, text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const { protocol, username, password, hostname, hash } = url;
  if (!SCHEMES[kind].includes(protocol) || username !== '' || password !== '' || hostname === '' || hash !== '')
    return false;
  return kind !== 'webhook' || protocol === 'https:' || LOOPBACK.has(hostname);
}

/** A definition with the secret itself, as it is never stored. */
export interface ConfiguredSwitch {
  name: string;
  definition: Omit<SwitchDefinition, 'secret'>;
  secret: string | undefined;
}

/** What SWITCH_URL lacks; for one line on the terminal. */
export class BadSwitchUrl extends Error {}

/**
 * `kamailio+http://host:port/RPC` with further nodes after commas (whole, or `host:port` alone), `freeswitch://:password@host:8021`,
 * or `https://:whsec_…@host/path`. `?table=…&profile.international=…`, at the end of any node, override Kamailio's names.
 * Throws {@link BadSwitchUrl}.
 */
export function readSwitchUrl(text: string): ConfiguredSwitch {
  const parts = text.split(',').map((part) => part.trim());
  const scheme = /^([a-z+]+):\/\//i.exec(parts[0]!)?.[1]?.toLowerCase();
  const kinds: Record<string, SwitchKind> = {
    'kamailio+http': 'kamailio',
    'kamailio+https': 'kamailio',
    freeswitch: 'freeswitch',
    https: 'webhook',
    http: 'webhook',
  };
  const kind = scheme === undefined ? undefined : kinds[scheme];
  const forms = 'kamailio+http://host:port/RPC, freeswitch://:password@host:8021 or https://:whsec_…@host/path';
  if (!kind) throw new BadSwitchUrl(`must be ${forms}`);
  const urls = parts.map((part) => {
    const whole = part.includes('://') ? part : `${scheme}://${part}`;
    // The scheme of a special URL is what makes its host be read as one.
    const plain = whole.replace(/^kamailio\+/i, '');
    if (!URL.canParse(plain) || (kind === 'kamailio') !== /^kamailio\+/i.test(whole))
      throw new BadSwitchUrl(`must be ${forms}`);
    return new URL(plain);
  });
  const query = Object.assign(
    {},
    ...urls.map((url) => (kind === 'kamailio' ? Object.fromEntries(url.searchParams) : {})),
  );
  const path = urls.map(({ pathname }) => pathname).find((each) => each !== '/' && each !== '') ?? '/';
  const [login] = urls.filter(({ username, password }) => username !== '' || password !== '');
  const { table, ...rest } = query as Record<string, string>;
  const profiles: Record<string, string> = {};
  for (const [name, value] of Object.entries(rest)) {
    if (!name.startsWith('profile.'))
      throw new BadSwitchUrl(`names ${name}, which is neither table nor profile.<class>`);
    profiles[name.slice('profile.'.length)] = value;
  }
  const nodes = urls.map((url) => {
    const bare = new URL(url);
    bare.username = '';
    bare.password = '';
    if (kind === 'kamailio') {
      bare.search = '';
      if (bare.pathname === '/') bare.pathname = path;
    }
    return bare.href;
  });
  const secret = login && secretOf(kind, login);
  // The form wants the name of a secret, where here the secret itself is at hand.
  const read = switchForm.safeParse({
    kind,
    nodes,
    table,
    profiles: Object.keys(profiles).length > 0 ? profiles : undefined,
    ...(kind === 'kamailio' ? {} : { secret: 'PLAFOND_SECRET_SWITCH' }),
  });
  if (!read.success)
    throw new BadSwitchUrl(read.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
  const { secret: _name, ...definition } = read.data;
  return { name: kind, definition, secret };
}

function secretOf(kind: SwitchKind, { username, password }: URL): string {
  const [user, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
  return kind === 'kamailio' ? `${user}:${secret}` : secret;
}

/** The nodes of a switch; nothing is connected to yet. `clock` is for signatures' times. */
export function openNodes({ name, definition, secret }: ConfiguredSwitch): SwitchNode[] {
  return definition.nodes.map((text) => {
    const url = new URL(text);
    const node = `${name} ${url.host}`;
    switch (definition.kind) {
      case 'kamailio': {
        const profiles = { ...DEFAULT_NAMES.profiles, ...definition.profiles };
        return new KamailioNode(node, url, secret, { table: definition.table ?? DEFAULT_NAMES.table, profiles });
      }
      case 'freeswitch':
        return new FreeSwitchNode(node, url, secret ?? '');
      case 'webhook':
        return new WebhookNode(node, url, secret ?? '');
    }
  });
}
