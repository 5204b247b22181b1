/**
 * A provider's own templates: `<folder>/<language>/<name>.hbs` replaces that fragment or layout of a built-in language. Each
 * is checked at start with made-up warnings of every kind. One that is broken is told by file, line and reason, and the
 * built-in one stays in its place: a misprint must not keep a customer from being warned.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Brand } from '../brand.ts';
import { smsParts } from '../channels/gsm7.ts';
import { BUILT_IN_TEMPLATES, renderEmail, renderSms, type Templates } from '../render.ts';
import { FRAGMENTS } from './language.ts';
import { LANGUAGES } from './language-of.ts';
import { LAYOUTS } from './layouts.ts';
import { SAMPLES } from './samples.ts';
import { prepareWording, type Replacements, type TemplateName, type Wording } from './wording.ts';

/** For injection: the templates of this process. */
export const TEMPLATES = Symbol('TEMPLATES');

export interface BrokenTemplate {
  file: string;
  /** undefined where the whole file is at fault */
  line: number | undefined;
  reason: string;
}

export interface ReadTemplates {
  templates: Templates;
  broken: readonly BrokenTemplate[];
}

const NAMES: ReadonlySet<string> = new Set([...FRAGMENTS, ...LAYOUTS]);
const SAMPLE_LINK = `https://plafond.example.net/a/${'x'.repeat(49)}`;

/** Reads and checks the folder; without one all is built in. Throws where the folder can't be read. */
export function readTemplates(folder: string | undefined, brand: Brand): ReadTemplates {
  if (folder === undefined) return { templates: BUILT_IN_TEMPLATES, broken: [] };
  const templates = new Map(BUILT_IN_TEMPLATES);
  const broken: BrokenTemplate[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (!entry.isDirectory()) {
      broken.push({ file, line: undefined, reason: 'templates stand in a folder of their language, such as nl/' });
    } else if (Object.hasOwn(LANGUAGES, entry.name)) {
      const read = readLanguage(file, brand);
      templates.set(entry.name, read.wording);
      broken.push(...read.broken);
    } else {
      const known = Object.keys(LANGUAGES).join(', ');
      broken.push({ file, line: undefined, reason: `no such language is built in; there are ${known}` });
    }
  }
  return { templates, broken };
}

/** Each file is checked by itself, so that one that is broken takes no other along. */
function readLanguage(folder: string, brand: Brand): { wording: Wording; broken: BrokenTemplate[] } {
  const code = basename(folder);
  const good: Replacements = {};
  const broken: BrokenTemplate[] = [];
  for (const entry of readdirSync(folder).toSorted()) {
    const file = join(folder, entry);
    const name = entry.replace(/\.hbs$/, '');
    if (name === entry || !NAMES.has(name)) {
      broken.push({ file, line: undefined, reason: `no template has this name; there are ${[...NAMES].join(', ')}` });
      continue;
    }
    const source = readFileSync(file, 'utf8').replace(/\r?\n$/, name.startsWith('mail.') ? '\n' : '');
    const fault = faultOf(code, { [name]: source }, brand);
    if (fault) broken.push({ file, ...fault });
    else good[name as TemplateName] = source;
  }
  const together = faultOf(code, good, brand);
  if (together) broken.push({ file: folder, ...together });
  return { wording: prepareWording(LANGUAGES[code]!, together ? {} : good), broken };
}

/** Writes every sample with these replacements; answers what went wrong. */
function faultOf(
  code: string,
  replacements: Replacements,
  brand: Brand,
): Pick<BrokenTemplate, 'line' | 'reason'> | undefined {
  try {
    const templates = new Map(BUILT_IN_TEMPLATES).set(code, prepareWording(LANGUAGES[code]!, replacements, true));
    for (const told of SAMPLES) {
      const [main, ...others] = told.map((facts) => ({ ...facts, locale: code }));
      for (const link of [undefined, SAMPLE_LINK]) {
        const message = { told: [main!, ...others] as const, brand, link };
        const mail = renderEmail(message, templates, true);
        const empty = Object.entries(mail).find(([, text]) => text.trim() === '');
        if (empty) return { line: undefined, reason: `the ${empty[0]} of a ${main!.kind} warning comes out empty` };
        const parts = smsParts(renderSms(message, templates));
        if (parts > 2)
          return { line: undefined, reason: `the SMS of a ${main!.kind} warning takes ${parts} parts, 2 at most` };
      }
    }
    return undefined;
  } catch (error) {
    return faultIn(error);
  }
}

function faultIn(error: unknown): Pick<BrokenTemplate, 'line' | 'reason'> {
  const { message, lineNumber } = error as { message: string; lineNumber?: number };
  const parsed = /^Parse error on line (\d+):\n(.*)/s.exec(message);
  const line = lineNumber ?? (parsed ? Number(parsed[1]) : undefined);
  const reason = message.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
  return { line: line === undefined || Number.isNaN(line) ? undefined : line, reason };
}
