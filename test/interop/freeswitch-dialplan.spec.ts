/**
 * What docker/freeswitch/plafond.xml does with a call, by FreeSWITCH's documented rules for XML dialplans (mod_dialplan_xml):
 * there is no FreeSWITCH to run here. Python reads the XML, so that it is at least well-formed.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { encodedKey } from '../../src/suspensions/switches/freeswitch/commands.ts';
import { parseAllowKey, parseBarKey, type TableEntry } from '../../src/suspensions/switches/switch.ts';
import { ROOT } from '../harness/root.ts';
import { findProgram } from './find-program.ts';
import { describeWith } from './programs.ts';

interface Element {
  tag: string;
  is: Record<string, string>;
  children: Element[];
}

const READ = `
import json, sys, xml.etree.ElementTree as tree
def element(each): return {'tag': each.tag, 'is': each.attrib, 'children': [element(child) for child in each]}
json.dump(element(tree.parse(sys.argv[1]).getroot()), sys.stdout)`;

/** Encodes as FreeSWITCH's url_encode does, of what keys are made of. */
const urlEncode = (text: string) => encodeURIComponent(text).replaceAll('%2F', '/');

/** A call on its way through the dialplan: what is executed in the end. */
class Hunt {
  readonly does: string[] = [];
  readonly #variables: Map<string, string>;

  constructor(
    private readonly context: Element,
    private readonly dialled: string,
    accountcode: string,
    private readonly table: ReadonlySet<string>,
  ) {
    this.#variables = new Map([
      ['accountcode', accountcode],
      ['destination_number', dialled],
    ]);
  }

  /** Extensions are tried in their order; the first that fits ends the hunt, unless it says `continue`. */
  run(): Hunt {
    for (const extension of this.context.children) {
      if (this.#fits(extension) && extension.is.continue !== 'true') break;
    }
    return this;
  }

  variable(name: string): string {
    return this.#variables.get(name) ?? '';
  }

  /** A condition that fails ends its extension, unless it says `break="never"`; those without a field always hold. */
  #fits(extension: Element): boolean {
    let fits = true;
    for (const condition of extension.children) {
      const { field, expression = '', break: breaks = 'on-false' } = condition.is;
      expect(['on-false', 'never']).toContain(breaks);
      const found = field === undefined ? [] : new RegExp(expression).exec(this.#field(field));
      for (const action of condition.children) {
        if ((action.tag === 'action') === (found !== null)) this.#take(action, found ?? []);
      }
      if (found === null && breaks === 'on-false') return false;
      if (found === null) fits = extension.is.continue === 'true';
    }
    return fits;
  }

  #field(field: string): string {
    return field === 'destination_number' ? this.dialled : this.#expand(field);
  }

  /** An inline action is executed while the hunt goes on; others when it is over. */
  #take({ is }: Element, found: readonly (string | undefined)[]): void {
    const data = this.#expand(is.data!.replaceAll(/\$(\d)/g, (_, group: string) => found[Number(group)] ?? ''));
    if (is.application !== 'set') return void this.does.push(`${is.application} ${data}`);
    expect(is.inline).toBe('true');
    const [, name, value] = /^(\w+)=(.*)$/.exec(data)!;
    this.#variables.set(name!, value!);
  }

  /** Variables and the answers of API calls, the innermost first. */
  #expand(text: string): string {
    const innermost = /\$\{(?:(\w+)|(url_encode|db)\(([^${}]*?)\))\}/;
    for (let found = innermost.exec(text); found; found = innermost.exec(text)) {
      const [all, name, api, argument] = found;
      const value =
        name !== undefined ? this.variable(name) : api === 'db' ? this.#db(argument!) : urlEncode(argument!);
      text = text.replace(all, () => value);
    }
    expect(text).not.toContain('${');
    return text;
  }

  #db(argument: string): string {
    const [, realm, key] = /^select\/(\w+)\/([^/]+)$/.exec(argument)!;
    return realm === 'barred' && this.table.has(key!) ? 'a suspension' : '';
  }
}

describeWith(['python3'], 'the dialplan for FreeSWITCH', () => {
  const file = join(ROOT, 'docker/freeswitch/plafond.xml');
  let context: Element;
  beforeAll(() => {
    const read = execFileSync(findProgram('python3')!, ['-c', READ, file], { encoding: 'utf8' });
    [context] = (JSON.parse(read) as Element).children as [Element];
  });
  const call = (account: string, dialled: string, barred: readonly string[]) => {
    const keys = barred.map((key): string => {
      const bar = parseBarKey(key);
      return encodedKey(bar ? { accountId: bar.account, scope: bar.class } : (parseAllowKey(key) as TableEntry));
    });
    return new Hunt(context, dialled, account, new Set(keys)).run();
  };

  it.each<[story: string, account: string, dialled: string, barred: string[], does: string]>([
    ['a call abroad passes', '1001', '00252612345678', [], 'bridge 00252612345678'],
    ['and not where international calls are barred', '1001', '00252612345678', ['1001:international'], 'respond'],
    ['with a plus neither', '1001', '+252612345678', ['1001:international'], 'respond'],
    ['those of other accounts pass', '1002', '00252612345678', ['1001:international'], 'bridge 00252612345678'],
    ['those at home pass', '1001', '0201234567', ['1001:international'], 'bridge 0201234567'],
    ['in full too', '1001', '+31201234567', ['1001:international'], 'bridge +31201234567'],
    ['premium numbers are barred as such', '1001', '0900123456', ['1001:premium'], 'respond'],
    ['in full too', '1001', '0031900123456', ['1001:premium'], 'respond'],
    ['and pass where calls abroad are barred', '1001', '0900123456', ['1001:international'], 'bridge 0900123456'],
    ['all outgoing calls are barred', '1001', '0201234567', ['1001:outgoing'], 'respond'],
    ['but emergency calls', '1001', '112', ['1001:outgoing'], 'bridge 112'],
    ['however they are written', '1001', '+31112', ['1001:outgoing'], 'bridge 112'],
    ['a number that begins like one is none', '1001', '1121', ['1001:outgoing'], 'respond'],
    ['nor another country’s', '1001', '0049112', ['1001:outgoing'], 'respond'],
    [
      'a number that the account may always call passes',
      '1001',
      '0201234567',
      ['1001:outgoing', '1001:allow:+31201234567'],
      'bridge 0201234567',
    ],
    [
      'abroad too',
      '1001',
      '00252612345678',
      ['1001:international', '1001:allow:+252612345678'],
      'bridge 00252612345678',
    ],
    ['an odd account is found as Plafond writes it', 'a b:ü%', '00252612345678', ['a b:ü%:international'], 'respond'],
  ])('%s', (_, account, dialled, barred, does) => {
    const expected =
      does === 'respond' ? 'respond 403 Barred' : does.replace('bridge ', 'bridge sofia/gateway/carrier/');
    expect(call(account, dialled, barred).does).toEqual([expected]);
  });

  it.each([
    ['00252612345678', 'outgoing international'],
    ['0201234567', 'outgoing'],
    ['+31201234567', 'outgoing'],
    ['0900123456', 'outgoing premium'],
  ])('a call to %s says for Plafond that it is %s', (dialled, classes) => {
    expect(call('1001', dialled, []).variable('presence_data')).toBe(classes);
  });
});
