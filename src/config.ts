/**
 * The environment, read once, checked, frozen. Nothing else reads `process.env`.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { isTimeZone } from './kernel/period.ts';

const ROLES = ['api', 'worker', 'scheduler'] as const;
export type Role = (typeof ROLES)[number];

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const urlOf = (schemes: string[], forms: string) =>
  z.string().refine(
    (text) => {
      // Only a cluster's address names several hosts, separated by commas; the first shows its form.
      const one = text.startsWith('redis-cluster:') ? text.replace(/,.*/s, '') : text;
      return URL.canParse(one) && schemes.includes(new URL(one).protocol);
    },
    { error: `must be ${forms}` },
  );

const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, { error: `must be a whole number from ${from} to ${to}` })
    .transform(Number)
    .refine((n) => n >= from && n <= to, { error: `must be a whole number from ${from} to ${to}` });

const environment = z.object({
  PORT: wholeNumber(0, 65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('./data'),
  DATABASE_URL: urlOf(['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database').optional(),
  QUEUE_URL: urlOf(
    ['postgres:', 'redis:', 'rediss:', 'redis-cluster:'],
    'postgres: (the same database), redis://host:6379, rediss://… or redis-cluster://host:7000,host:7001',
  ).default('postgres:'),
  SMTP_URL: urlOf(['smtp:', 'smtps:'], 'smtp://user:password@host:587 or smtps://…').optional(),
  SMS_URL: urlOf(
    ['kannel+http:', 'kannel+https:', 'smpp:', 'smpps:', 'https:', 'http:'],
    'kannel+http://user:password@host:13013/cgi-bin/sendsms?from=4711, smpp://system_id:password@host:2775?from=4711 or https://…',
  ).optional(),
  // Read in full by suspensions/switches/definition.ts.
  SWITCH_URL: z
    .string()
    .regex(/^(?:kamailio\+https?|freeswitch|https?):\/\/[^\s/]/, {
      error:
        'must be kamailio+http://host:port/RPC (several nodes: separated by commas), freeswitch://:password@host:8021 or https://:whsec_…@host/path',
    })
    .optional(),
  INBOX_DIR: z.string().min(1).optional(),
  MAIL_FROM: z.string().min(3).default('Plafond <plafond@localhost>'),
  MAIL_BOUNCES: z
    .string()
    .regex(/^[^\s@<>+]+@[^\s@<>]+$/, { error: 'must be an address without a +, such as bounces@provider.example' })
    .optional(),
  DKIM_KEY_FILE: z.string().min(1).optional(),
  DKIM_NAME: z
    .string()
    .regex(/^[A-Za-z0-9_-]+\._domainkey\.[A-Za-z0-9.-]+$/, { error: 'must be like s1._domainkey.provider.example' })
    .optional(),
  TEMPLATES_DIR: z.string().min(1).optional(),
  ROLE: z
    .string()
    .default('all')
    .transform((text) => (text === 'all' ? [...ROLES] : text.split(',').map((role) => role.trim())))
    .refine(
      (roles): roles is Role[] =>
        roles.length > 0 && roles.every((role) => (ROLES as readonly string[]).includes(role)),
      {
        error: `must be all, or any of ${ROLES.join(',')}`,
      },
    ),
  PLAFOND_ADMIN_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, { error: 'must have at most 256 printable characters and no space' })
    .optional(),
  PUBLIC_URL: urlOf(['http:', 'https:'], 'https://plafond.example.net, where customers reach it')
    .refine((text) => !/[?#]/.test(text), { error: 'must have no query and no fragment' })
    .optional(),
  PROVIDER_TIME_ZONE: z
    .string()
    .refine(isTimeZone, { error: 'must be the name of a time zone, such as Europe/Amsterdam' })
    .optional(),
  TRUSTED_PROXIES: z
    .string()
    .regex(/^[0-9a-fA-F:.,/ ]+$/, { error: 'must be addresses or networks, such as 10.0.0.0/8, separated by commas' })
    .optional(),
  RETENTION_DAYS: wholeNumber(1, 36_500).default(400),
  EVIDENCE_DAYS: wholeNumber(400, 36_500).default(2_922),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
});

export interface Config {
  port: number;
  host: string;
  dataDir: string;
  /** unset: PostgreSQL is embedded under `dataDir` */
  databaseUrl: string | undefined;
  /** `postgres:` means the same database as everything else */
  queueUrl: string;
  smtpUrl: string | undefined;
  smsUrl: string | undefined;
  /** unset, and no switch configured by API: bars are kept in `localSwitchDir` */
  switchUrl: string | undefined;
  /** the drop folder of nightly files, one sub-folder a feed */
  inboxDir: string;
  /** where warnings go that have no gateway */
  localInboxDir: string;
  /** where the local switch keeps its bars */
  localSwitchDir: string;
  mailFrom: string;
  /** where mail servers send what comes back; undefined: to the sender, and reports are not asked for */
  mailBounces: string | undefined;
  /** signs mails: the name of its DNS record, and the file of the private key; both or none */
  dkim: { name: string; keyFile: string } | undefined;
  /** how the provider shows itself to customers */
  brandFile: string;
  /** the provider's own templates; undefined: all are built in */
  templatesDir: string | undefined;
  roles: readonly Role[];
  adminKey: string | undefined;
  logLevel: string;
  /** where customers reach this server, without a slash at its end: what the links of warnings begin with */
  publicUrl: string;
  /** in which the day of the billing team begins; undefined: where most accounts are */
  providerTimeZone: string | undefined;
  /** whose word on a caller's address is taken, separated by commas; undefined: nobody's */
  trustedProxies: string | undefined;
  /** usage that started, and came, longer ago is dropped */
  retentionDays: number;
  /** evidence that is older is removed, by the month */
  evidenceDays: number;
}

/** The token by which {@link Config} is injected. */
export const CONFIG = Symbol('CONFIG');

/** What is wrong with the environment, in one line. */
export class BadEnvironment extends Error {}

/** Reads and checks the environment; throws {@link BadEnvironment} naming every wrong variable in one line. */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const read = checked(environment, env);
  const dataDir = resolve(read.DATA_DIR);
  return Object.freeze({
    port: read.PORT,
    host: read.HOST,
    dataDir,
    databaseUrl: read.DATABASE_URL,
    queueUrl: read.QUEUE_URL,
    smtpUrl: read.SMTP_URL,
    smsUrl: read.SMS_URL,
    switchUrl: read.SWITCH_URL,
    inboxDir: resolve(read.INBOX_DIR ?? `${dataDir}/nightly`),
    localInboxDir: `${dataDir}/inbox`,
    localSwitchDir: `${dataDir}/switch`,
    mailFrom: read.MAIL_FROM,
    mailBounces: read.MAIL_BOUNCES,
    dkim: dkimOf(read),
    brandFile: `${dataDir}/brand.json`,
    templatesDir: read.TEMPLATES_DIR === undefined ? undefined : resolve(read.TEMPLATES_DIR),
    roles: Object.freeze(read.ROLE) as readonly Role[],
    adminKey: adminKeyOf(read),
    logLevel: read.LOG_LEVEL,
    publicUrl: (read.PUBLIC_URL ?? ownUrl(read)).replace(/\/+$/, ''),
    providerTimeZone: read.PROVIDER_TIME_ZONE,
    trustedProxies: read.TRUSTED_PROXIES,
    retentionDays: read.RETENTION_DAYS,
    evidenceDays: read.EVIDENCE_DAYS,
  });
}

/** Who may try keys from elsewhere must not find one by trying. */
function adminKeyOf({ PLAFOND_ADMIN_KEY: key, HOST: host }: z.output<typeof environment>): string | undefined {
  if (key === undefined || key.length >= 8 || /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host)) return key;
  throw new BadEnvironment(
    'bad environment: PLAFOND_ADMIN_KEY must have 8 to 256 printable characters where others than this machine reach HOST',
  );
}

function dkimOf({ DKIM_NAME: name, DKIM_KEY_FILE: keyFile }: z.output<typeof environment>): Config['dkim'] {
  if (name === undefined && keyFile === undefined) return undefined;
  if (name !== undefined && keyFile !== undefined) return { name, keyFile: resolve(keyFile) };
  throw new BadEnvironment('bad environment: DKIM_NAME and DKIM_KEY_FILE go together');
}

const clientEnvironment = environment.pick({ PORT: true, HOST: true, PLAFOND_ADMIN_KEY: true }).extend({
  PLAFOND_URL: urlOf(['http:', 'https:'], 'http://host:3000 or https://…').optional(),
  PLAFOND_KEY: z.string().optional(),
});

/** Of all the environment only these may be named by what people configure: `PLAFOND_SECRET_…`. */
const SECRET_NAME = /^PLAFOND_SECRET_[A-Z0-9_]+$/;

/** The secret that a feed's definition names; `undefined` where it is not set. Throws where the name is no secret's. */
export function secretFromEnvironment(
  name: string,
  env: Record<string, string | undefined> = process.env,
): string | undefined {
  if (!SECRET_NAME.test(name)) throw new BadEnvironment(`${name} is not the name of a secret: PLAFOND_SECRET_…`);
  return env[name] || undefined;
}

/** Where commands find a running server, and the key that they show it. Throws {@link BadEnvironment}. */
export function readClientConfig(env: Record<string, string | undefined> = process.env): {
  url: string;
  key: string | undefined;
} {
  const read = checked(clientEnvironment, env);
  return { url: read.PLAFOND_URL ?? ownUrl(read), key: read.PLAFOND_KEY ?? read.PLAFOND_ADMIN_KEY };
}

/** A server that listens on every address is reached on this machine's own. */
function ownUrl({ HOST, PORT }: { HOST: string; PORT: number }): string {
  const host = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[HOST] ?? HOST;
  return `http://${host}:${PORT}`;
}

function checked<T extends z.ZodType>(schema: T, env: Record<string, string | undefined>): z.output<T> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const read = schema.safeParse(set);
  if (read.success) return read.data;
  const faults = read.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  throw new BadEnvironment(`bad environment: ${faults.join('; ')}`);
}
