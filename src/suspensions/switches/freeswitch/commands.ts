/**
 * What FreeSWITCH is asked, and what its answers mean. Pure. By its documentation (mod_event_socket, mod_commands, mod_db);
 * a command is one line, in which `/` and spaces part what belongs together, so nothing comes in but what is encoded here.
 *
 * Calls are ended one by one, by the channel that was seen to be the account's; never by `hupall`, whose filter on an
 * empty value means every channel there is.
 */
import { z } from 'zod';
import { isHoldScope, type BarScope } from '../../../caps/barring.ts';
import { safeReference } from '../account-reference.ts';
import { calledNumber, covers } from '../called-number.ts';
import { barKey, SwitchFailure, type Bar, type LiveCall, type TableEntry } from '../switch.ts';

/** In which the bars stand, in mod_db's words; they survive a restart, unlike mod_hash's. */
const REALM = 'barred';
const SENTINEL = 'plafond%3Afilled';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An account's id as the dialplan's `url_encode` writes it, so that its `/` and spaces part nothing. */
export function encodedKey({ accountId, scope }: TableEntry): string {
  // encodeURIComponent leaves !'()* as they are; a shell, SQL and a pattern don't.
  const encoded = encodeURIComponent(barKey(safeReference(accountId), scope));
  return encoded.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function insertBar(bar: TableEntry, suspensionId: string): string {
  return `db insert/${REALM}/${encodedKey(bar)}/${encodeURIComponent(suspensionId)}`;
}

export const selectBar = (bar: TableEntry): string => `db select/${REALM}/${encodedKey(bar)}`;
export const deleteBar = (bar: TableEntry): string => `db delete/${REALM}/${encodedKey(bar)}`;
export const selectSentinel = (): string => `db select/${REALM}/${SENTINEL}`;
export const insertSentinel = (): string => `db insert/${REALM}/${SENTINEL}/plafond`;
export const countBars = (): string => `db count/${REALM}`;
export const showChannels = (): string => 'show channels as json';

export function killChannel(uuid: string): string {
  if (!UUID.test(uuid)) throw new SwitchFailure('wrong', `it names a channel that is no UUID: ${uuid.slice(0, 40)}`);
  return `uuid_kill ${uuid} CALL_REJECTED`;
}

export function expectOk(answer: string, command: string): void {
  if (!answer.startsWith('+OK')) throw refused(answer, command);
}

/** The value of a key; undefined where there is none: FreeSWITCH says of an empty answer that there was no reply. */
export function readValue(answer: string, command: string): string | undefined {
  const text = answer.trim();
  if (text === '' || text === '-ERR no reply') return undefined;
  if (text.startsWith('-') || text.startsWith('!')) throw refused(text, command);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function readCount(answer: string, command: string): number {
  const text = answer.trim();
  if (!/^\d{1,9}$/.test(text)) throw refused(text, command);
  return Number(text);
}

/** A channel that is gone already has ended. */
export function isKilled(answer: string): boolean {
  return answer.startsWith('+OK') || answer.startsWith('-ERR No such channel');
}

function refused(answer: string, command: string): SwitchFailure {
  return new SwitchFailure('wrong', `${command.split('/')[0]}: ${answer.trim().slice(0, 120) || 'an empty answer'}`);
}

const channels = z.object({
  row_count: z.number().int(),
  rows: z
    .array(
      z.object({
        uuid: z.string(),
        accountcode: z.string().nullish(),
        direction: z.string().nullish(),
        dest: z.string().nullish(),
        initial_dest: z.string().nullish(),
        created_epoch: z.union([z.string(), z.number()]).nullish(),
        callstate: z.string().nullish(),
        presence_data: z.string().nullish(),
      }),
    )
    .optional(),
});

export interface Channel extends LiveCall {
  /** the classes that the dialplan put it into, in `presence_data` */
  classes: ReadonlySet<string>;
}

/** The channels that the customers' calls came in by; what they were bridged to ends with them. */
export function readChannels(answer: string, command: string): Channel[] {
  let json: unknown;
  try {
    json = JSON.parse(answer);
  } catch {
    throw refused(answer, command);
  }
  const read = channels.safeParse(json);
  if (!read.success || (read.data.rows?.length ?? 0) !== read.data.row_count) throw refused(answer, command);
  return (read.data.rows ?? [])
    .filter(({ direction }) => direction !== 'outbound')
    .map((row) => ({
      callId: row.uuid,
      accountId: row.accountcode ?? '',
      number: calledNumber(row.initial_dest || row.dest || ''),
      startedAt: Number(row.created_epoch ?? 0) * 1_000,
      answered: row.callstate === 'ACTIVE' || row.callstate === 'HELD',
      classes: new Set((row.presence_data ?? '').split(/[ ,]+/)),
    }));
}

/** Those of the channels that are this account's and that the scope covers. */
export function channelsToEnd(
  listed: readonly Channel[],
  { accountId, scope }: Bar,
  spared: ReadonlySet<string> = new Set(),
): Channel[] {
  const account = safeReference(accountId);
  return listed.filter((each) => each.accountId === account && !spared.has(each.number) && isCovered(each, scope));
}

function isCovered({ classes, number }: Channel, scope: BarScope): boolean {
  return isHoldScope(scope) ? covers(scope, number) : classes.has(scope);
}
