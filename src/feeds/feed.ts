/** A feed: where usage comes from, how its rows are said, and in which rhythm it is to come. */
import { z } from 'zod';
import { parseAmount } from '../kernel/money.ts';
import { NAME, NAME_FORM } from '../kernel/name.ts';
import { Refusal } from '../kernel/refusal.ts';
import { lacking, mappingForm, mappingOf } from './formats/mapping.ts';
import { isPeerFormat, PEER_FORMATS, type PeerFormatName } from './formats/peer-formats.ts';
import type { PeerReading } from './formats/peer-rows.ts';

const DAY_S = 86_400;
const formats = ['canonical', ...Object.keys(PEER_FORMATS)] as ['canonical', ...PeerFormatName[]];

/** A secret is named, never kept: it stands in the environment of whoever pulls. */
const secretName = z.string().regex(/^PLAFOND_SECRET_[A-Z0-9_]{1,64}$/, {
  error: 'must be the name of an environment variable that begins with PLAFOND_SECRET_',
});

const sftpForm = z
  .strictObject({
    host: z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/, { error: 'must be a host name or an address' }),
    port: z.int().min(1).max(65_535).default(22),
    user: z.string().min(1).max(128),
    path: z.string().min(1).max(1_000).default('.').meta({ description: 'the folder there' }),
    host_key: z
      .string()
      .regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, { error: 'must be SHA256:… as ssh-keygen -l shows it' })
      .meta({ description: 'the fingerprint of the host key; any other is refused' }),
    password_env: secretName.optional(),
    private_key_env: secretName.optional(),
    passphrase_env: secretName.optional().meta({ description: "the private key's" }),
    files: z
      .string()
      .regex(/^[^/*\p{Cc}]{0,64}(?:\*[^/*\p{Cc}]{0,64}){0,3}$/u, {
        error: 'must be a file name, with up to three * for any characters',
      })
      .default('*'),
    after: z
      .enum(['keep', 'delete', 'move:done'])
      .default('keep')
      .meta({ description: 'what becomes of a file there' }),
    bytes_max: z
      .int()
      .min(1)
      .max(64 * 1024 ** 3)
      .default(4 * 1024 ** 3),
  })
  .refine((sftp) => (sftp.password_env === undefined) !== (sftp.private_key_env === undefined), {
    error: 'must have either password_env or private_key_env',
  })
  .refine(({ passphrase_env, private_key_env }) => passphrase_env === undefined || private_key_env !== undefined, {
    error: 'must have private_key_env where it has passphrase_env',
  })
  .meta({ id: 'FeedSftp' });
export type SftpSource = z.output<typeof sftpForm>;

/**
 * A pattern for the number in a file's name. Files are named by others, so nothing may be repeated within what is
 * repeated: matching such a pattern can take longer than the world lasts.
 */
const sequencePattern = z.string().max(200).refine(isSequencePattern, {
  error: 'must be a regular expression with one group, the number, and without repeated groups, such as _(\\d+)\\.csv$',
});

function isSequencePattern(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\[\s\S]/g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  if (/\)[*+?{]/.test(bare) || /\\[1-9k]/.test(pattern)) return false;
  if ((bare.match(/[*+{]/g) ?? []).length > 4 || (bare.match(/\((?!\?)/g) ?? []).length !== 1) return false;
  try {
    return new RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}

/** What a feed's definition says; {@link feedDefinition} checks that it says enough. */
export const feedFields = z.strictObject({
  origin: z
    .string()
    .regex(NAME, { error: NAME_FORM })
    .default('default')
    .meta({ description: 'records of feeds with the same origin share their ids' }),
  format: z.enum(formats).default('canonical'),
  mapping: mappingForm.default({}),
  expect_every_s: z
    .int()
    .min(1)
    .max(366 * DAY_S)
    .optional()
    .meta({ description: 'how often something is to come' }),
  late_after_s: z
    .int()
    .min(1)
    .max(366 * DAY_S)
    .optional()
    .meta({ description: 'how old its latest usage may be' }),
  sequence: sequencePattern.optional().meta({ description: 'the number in a file name, whose gaps are told' }),
  settle_after_s: z.int().min(1).max(DAY_S).optional().meta({
    description:
      'where a nightly file comes in parts: how long none has to come before they are held against near real time',
  }),
  tolerance_percent: z.number().min(0).max(100).optional().meta({
    description:
      'by how much near-real-time and nightly usage may differ, of the records and of the money of a day; 1 where it is not said',
  }),
  tolerance_amount: z
    .string()
    .refine((text) => (parseAmount(text) ?? -1n) >= 0n, { error: 'must be a decimal amount, not negative' })
    .optional()
    .meta({ description: 'and by how much money, whatever share that is; 10.00 where it is not said' }),
  sftp: sftpForm.optional(),
});
export type FeedDefinition = z.output<typeof feedFields>;

export const feedDefinition = feedFields.superRefine(refuseWhatLacks).meta({ id: 'FeedDefinition' });

/** The same, where it may say its feed's name as well: in a body or in a file. */
export const feedForm = z
  .strictObject({ name: z.string().optional(), ...feedFields.shape })
  .superRefine(refuseWhatLacks)
  .meta({ id: 'FeedForm' });

/** The definition in a form for the feed `name`. @throws Refusal where it names another */
export function definitionFor(name: string, { name: said, ...definition }: z.output<typeof feedForm>): FeedDefinition {
  if (said === undefined || said === name) return definition;
  throw new Refusal('invalid', 'other_feed', `it is for the feed "${said}", not for "${name}"`, [
    { field: 'name', detail: `must be "${name}", or left out` },
  ]);
}

function refuseWhatLacks(feed: FeedDefinition, context: z.RefinementCtx): void {
  const faults = isPeerFormat(feed.format)
    ? lacking(PEER_FORMATS[feed.format], feed.mapping)
    : Object.keys(feed.mapping).map((field) => ({
        field,
        detail: 'is not for canonical usage, which says all itself',
      }));
  for (const { field, detail } of faults) {
    context.addIssue({ code: 'custom', path: ['mapping', ...field.split('.')], message: detail });
  }
}

/** What a feed is that nobody has configured. */
export const CANONICAL_FEED: FeedDefinition = Object.freeze({ origin: 'default', format: 'canonical', mapping: {} });

/** How rows of this feed are read; `undefined`: as canonical usage. */
export function peerReading(definition: Pick<FeedDefinition, 'format' | 'mapping'>): PeerReading | undefined {
  if (!isPeerFormat(definition.format)) return undefined;
  const format = PEER_FORMATS[definition.format];
  return { format, mapping: mappingOf(format, definition.mapping) };
}
