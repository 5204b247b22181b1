/** What Kamailio is asked, and what its answers mean. Pure: every command is made here, and every answer is read here. */
import { z } from 'zod';
import type { BarScope } from '../../../caps/barring.ts';
import { isHoldScope } from '../../../caps/barring.ts';
import { safeReference } from '../account-reference.ts';
import { calledNumber, covers } from '../called-number.ts';
import { barKey, SwitchFailure, type Bar, type BarKey, type LiveCall, type TableEntry } from '../switch.ts';
import type { Answer } from './json-rpc.ts';

export interface Command {
  method: string;
  /** Keys and tables are strings; a number, only where Kamailio named it itself. */
  params: readonly (string | number)[];
}

/** How a site names what bars and calls stand in. */
export interface Names {
  /** the htable of bars */
  table: string;
  /** the dialog profile of each class, with the account as value */
  profiles: Record<'international' | 'premium' | 'outgoing', string>;
}

/** As `docker/kamailio` has them. */
export const DEFAULT_NAMES: Names = {
  table: 'barred',
  profiles: { international: 'international', premium: 'premium', outgoing: 'outgoing' },
};

/** Stands beside the bars, and is gone when they are: no account's id ends in a scope that is none. */
export const SENTINEL = 'plafond:filled';

const tell = (method: string, ...params: (string | number)[]): Command => ({ method, params });

export function setBar(names: Names, { accountId, scope }: TableEntry, suspensionId: string): Command {
  return tell('htable.sets', names.table, barKey(safeReference(accountId), scope), suspensionId);
}

export function getBar(names: Names, { accountId, scope }: TableEntry): Command {
  return tell('htable.get', names.table, barKey(safeReference(accountId), scope));
}

export function deleteBar(names: Names, { accountId, scope }: TableEntry): Command {
  return tell('htable.delete', names.table, barKey(safeReference(accountId), scope));
}

export const getSentinel = (names: Names): Command => tell('htable.get', names.table, SENTINEL);
export const setSentinel = (names: Names): Command => tell('htable.sets', names.table, SENTINEL, 'plafond');
export const countTables = (): Command => tell('htable.stats');
export const dumpTable = (names: Names): Command => tell('htable.dump', names.table);

/** In which profiles calls that a scope covers are to be looked for; of several the first that the site has. */
export function profilesOf(names: Names, scope: BarScope): string[] {
  const { outgoing, international } = names.profiles;
  return isHoldScope(scope) ? [outgoing, international] : [names.profiles[scope]];
}

export function listCalls(profile: string, accountId: string): Command {
  return tell('dlg.profile_list', profile, safeReference(accountId));
}

export const listAllCalls = (profile: string): Command => tell('dlg.profile_list', profile);

export const cancelCall = ({ callId, cseq }: Dialog): Command => tell('tm.cancel', callId, cseq);
export const endDialog = ({ entry, id }: Dialog): Command => tell('dlg.end_dlg', entry, id);
export const countRequests = (): Command => tell('tm.stats');

/**
 * A BYE to the called side, as `dlg.end_dlg` would have sent it: see {@link KamailioNode}. Undefined where the dialog does not
 * tell enough for one.
 */
export function byeToCallee(call: Dialog): Command | undefined {
  const { contact, tag, socket, routes } = call.callee;
  if (!contact || !tag || !call.callerTag) return undefined;
  const headers = [
    `From: <${call.from}>;tag=${call.callerTag}`,
    `To: <${call.to}>;tag=${tag}`,
    `Call-ID: ${call.callId}`,
    `CSeq: ${Number(call.cseq) + 1} BYE`,
    'Max-Forwards: 70',
    ...(routes ? [`Route: ${routes}`] : []),
  ];
  // What Kamailio parsed has no line breaks; one that has is not what it was.
  if (headers.some((line) => /[\r\n]/.test(line))) return undefined;
  const nextHop = /<([^>]+)>/.exec(routes ?? '')?.[1] ?? '.';
  return tell('tm.t_uac_start', 'BYE', contact, nextHop, socket || '.', headers.map((line) => `${line}\r\n`).join(''));
}

const stats = z.object({ total_local: z.number().int() });

/** How many requests Kamailio has sent of itself, ever; undefined where this version does not count them. */
export function readRequests(answer: Answer): number | undefined {
  const read = stats.safeParse('result' in answer ? answer.result : undefined);
  return read.success ? read.data.total_local : undefined;
}

const KEY_SET = 'Ok. Key set to new value.';
const NO_KEY = "Key name doesn't exist in htable.";

/** Throws where a command that sets or deletes did not say that it has. */
export function expectDone(answer: Answer, command: Command): void {
  if ('error' in answer) {
    // Deleting what is not there has been done; Kamailio 5.8 says so with the text that reading has here.
    if (command.method === 'htable.delete' && (answer.error.code === 404 || answer.error.message === NO_KEY)) return;
    throw refusal(answer.error, command);
  }
  if (command.method === 'htable.sets' && answer.result !== KEY_SET) {
    throw new SwitchFailure('wrong', `its answer to htable.sets is not understood: ${JSON.stringify(answer.result)}`);
  }
}

const foundItem = z.object({ item: z.object({ name: z.string(), value: z.union([z.string(), z.number()]) }) });

/** The value that a key has; undefined where there is no such key. Throws where the table itself is not there. */
export function readItem(answer: Answer, command: Command): string | undefined {
  if ('error' in answer) {
    if (answer.error.message === NO_KEY) return undefined;
    throw refusal(answer.error, command);
  }
  const { item } = understood(foundItem, answer.result, command);
  if (item.name !== command.params[1]) {
    throw new SwitchFailure('wrong', `asked for ${command.params[1]}, it told of ${item.name}`);
  }
  return String(item.value);
}

const tables = z.array(z.object({ name: z.string(), all: z.number().int().min(0) }));

/** How many keys the table holds. */
export function readCount(answer: Answer, command: Command, names: Names): number {
  const found = understood(tables, resultOf(answer, command), command).find(({ name }) => name === names.table);
  if (!found) throw new SwitchFailure('wrong', `No such htable: ${names.table}`);
  return found.all;
}

const dump = z.array(
  z.object({ slot: z.array(z.object({ name: z.string(), value: z.union([z.string(), z.number()]) })) }),
);

/** All that stands in the table. */
export function readDump(answer: Answer, command: Command): Map<BarKey, string> {
  const slots = understood(dump, resultOf(answer, command), command);
  return new Map(slots.flatMap(({ slot }) => slot.map(({ name, value }) => [name, String(value)] as const)));
}

/** A call as Kamailio's dialog module knows it. */
export interface Dialog extends LiveCall {
  entry: number;
  id: number;
  cseq: string;
  from: string;
  to: string;
  callerTag: string;
  callee: { contact?: string | null; tag?: string | null; socket?: string | null; routes?: string | null };
  /** whether it is over, and only not forgotten yet */
  over: boolean;
  profiles: { profile: string; value: string }[];
}

const dialogs = z.array(
  z.object({
    h_entry: z.number().int(),
    h_id: z.number().int(),
    'call-id': z.string(),
    from_uri: z.string().nullish(),
    to_uri: z.string().nullish(),
    state: z.number().int(),
    start_ts: z.number(),
    init_ts: z.number().optional(),
    caller: z.object({ cseq: z.string().nullish(), tag: z.string().nullish() }).nullish(),
    callee: z
      .object({
        contact: z.string().nullish(),
        tag: z.string().nullish(),
        socket: z.string().nullish(),
        route_set: z.string().nullish(),
      })
      .nullish(),
    profiles: z.array(z.record(z.string(), z.string().nullable())).nullish(),
    variables: z.array(z.record(z.string(), z.string().nullable())).nullish(),
  }),
);

// State 1 is asked for, 2 rings, 3 is answered, 4 has been confirmed, 5 is over (dlg_hash.h).
const ANSWERED = 3;
const OVER = 5;

export function readDialogs(answer: Answer, command: Command): Dialog[] {
  return understood(dialogs, resultOf(answer, command), command).map((each) => {
    const variables = Object.assign({}, ...(each.variables ?? [])) as Record<string, string | null>;
    const profiles = (each.profiles ?? []).flatMap((entry) =>
      Object.entries(entry).map(([profile, value]) => ({ profile, value: value ?? '' })),
    );
    const answered = each.state >= ANSWERED;
    return {
      entry: each.h_entry,
      id: each.h_id,
      callId: each['call-id'],
      accountId: profiles.find(({ profile }) => profile === command.params[0])?.value ?? '',
      number: calledNumber(variables.number ?? each.to_uri ?? ''),
      startedAt: ((answered ? each.start_ts : each.init_ts) ?? each.start_ts) * 1_000,
      answered,
      over: each.state >= OVER,
      cseq: /^\d{1,9}$/.exec(variables.cseq ?? each.caller?.cseq ?? '')?.[0] ?? '1',
      from: each.from_uri ?? '',
      to: each.to_uri ?? '',
      callerTag: each.caller?.tag ?? '',
      callee: { ...each.callee, routes: each.callee?.route_set },
      profiles,
    };
  });
}

/** Whether the site has no such profile. */
export function isUnknownProfile(answer: Answer): boolean {
  return 'error' in answer && answer.error.message.startsWith('Profile not found');
}

/**
 * Those of the calls listed that are this account's and that the scope covers. Kamailio has chosen them by the account
 * already; each is held against it again, so that no misread value ever ends somebody else's call.
 */
export function callsToEnd(
  listed: readonly Dialog[],
  { accountId, scope }: Bar,
  spared: ReadonlySet<string> = new Set(),
): Dialog[] {
  return listed.filter(
    (each) =>
      !each.over &&
      each.accountId === accountId &&
      !spared.has(each.number) &&
      (!isHoldScope(scope) || covers(scope, each.number)),
  );
}

function resultOf(answer: Answer, command: Command): unknown {
  if ('error' in answer) throw refusal(answer.error, command);
  return answer.result;
}

function refusal({ code, message }: { code: number; message: string }, { method, params }: Command): SwitchFailure {
  const where = method.startsWith('htable.') && params.length > 0 ? ` (table ${params[0]})` : '';
  return new SwitchFailure('wrong', `${method}: ${code} ${message}${where}`);
}

function understood<T>(schema: z.ZodType<T>, result: unknown, { method }: Command): T {
  const read = schema.safeParse(result);
  if (read.success) return read.data;
  const text = JSON.stringify(result) ?? 'nothing';
  throw new SwitchFailure('wrong', `its answer to ${method} is not understood: ${text.slice(0, 120)}`);
}
