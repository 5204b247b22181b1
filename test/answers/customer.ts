/** A customer with a browser that runs no script: opens the link of their warning, and sends the forms that stand on its pages. */
import { signLinks, warningLink } from '../../src/warnings/link.ts';
import { LinkKey } from '../../src/pipeline/telling/link-key.ts';
import { ACCOUNT, CAP, type AdminApp } from '../admin/admin-app.ts';

export const ACCOUNT_ID = '1001';

export interface WarnedOptions {
  account?: Partial<typeof ACCOUNT>;
  cap?: object;
  amount?: string;
  policy?: string;
}

/** An account under a cap, warned and suspended by what it spent; answers the token of the newest warning's link. */
export async function warned(
  admin: AdminApp,
  { account, cap, amount = '101.25', policy }: WarnedOptions = {},
): Promise<string> {
  await admin.call('PUT', `/v1/accounts/${ACCOUNT_ID}`, { body: { ...ACCOUNT, ...account } });
  await admin.call('POST', '/v1/caps', { body: { ...CAP, ...cap } });
  if (policy !== undefined) {
    await admin.call('PUT', '/v1/consent-policies', { body: { currency: 'EUR', maximum: policy } });
  }
  await spend(admin, 'r1', amount);
  return tokenOf(admin);
}

export async function spend(admin: AdminApp, record: string, amount: string): Promise<void> {
  const row = {
    record_id: record,
    account_id: ACCOUNT_ID,
    started_at: '2010-03-10T10:00:00+01:00',
    duration_s: 600,
    kind: 'voice',
    b_number: '+252612345678',
    amount,
    currency: 'EUR',
    state: 'provisional',
  };
  await admin.call('POST', '/v1/usage?feed=rating', { body: [row] });
}

export async function tokenOf(admin: AdminApp, decision?: string): Promise<string> {
  const [row] = await admin.database.dataSource.query<{ decision_id: string }[]>(
    `SELECT decision_id FROM decisions WHERE type = 'warn' ORDER BY threshold DESC, decision_no DESC LIMIT 1`,
  );
  const key = await admin.app.get(LinkKey, { strict: false }).get();
  const link = signLinks(warningLink('http://x', decision ?? row!.decision_id, admin.clock.now()), key);
  return link.slice('http://x/a/'.length);
}

/** What a form of a page would send. */
export function formOn(html: string, action: string): Record<string, string> {
  const form = html.split('<form ').find((part) => part.includes(`action="${action}"`));
  if (!form) throw new Error(`the page has no form for ${action}`);
  const fields = [...form.split('</form>')[0]!.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
  return Object.fromEntries(fields.map(([, name, value]) => [name!, unescaped(value!)]));
}

function unescaped(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#x3D;', '=')
    .replaceAll('&amp;', '&');
}

export interface Seen {
  status: number;
  html: string;
  headers: Record<string, unknown>;
}

export async function look(admin: AdminApp, path: string, headers: Record<string, string> = {}): Promise<Seen> {
  const answer = await admin.call('GET', path, { key: null, headers });
  return { status: answer.statusCode, html: answer.body, headers: answer.headers };
}

export async function submit(admin: AdminApp, path: string, fields: Record<string, string>): Promise<Seen> {
  const answer = await admin.call('POST', path, {
    key: null,
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'Browser of the tests' },
  });
  return { status: answer.statusCode, html: answer.body, headers: answer.headers };
}
