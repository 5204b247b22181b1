import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readBrand } from '../brand.ts';
import { renderEmail, renderSms } from '../render.ts';
import { readTemplates } from './folder.ts';
import { LANGUAGES } from './language-of.ts';
import { SAMPLES } from './samples.ts';
import { prepareWording } from './wording.ts';

const BRAND = readBrand('/nowhere/brand.json', 'Plafond <plafond@localhost>');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plafond-templates-'));
  for (const language of ['nl', 'en']) mkdirSync(join(folder, language));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const mail = (locale: string) => {
  const [facts] = SAMPLES[0]!;
  const message = { told: [{ ...facts, locale }] as const, brand: BRAND, link: undefined };
  return renderEmail(message, readTemplates(folder, BRAND).templates, false);
};

describe('the templates of a provider', () => {
  it('replace what they name in their language, and nothing else', () => {
    write('nl/regards.hbs', 'Groeten uit {{traffic}},\n');
    expect(readTemplates(folder, BRAND).broken).toEqual([]);
    expect(mail('nl-NL').text).toContain('\nGroeten uit internationaal bellen,\nuw telefonieaanbieder\n');
    expect(mail('nl-NL').html).toContain('Groeten uit internationaal bellen,<br>');
    expect(mail('en-GB').text).toContain('Kind regards,');
  });

  it('may lay out a mail anew', () => {
    write('en/mail.html.hbs', '<p>{{accountName}}: {{say "headline"}}</p>');
    expect(mail('en').html).toBe(
      '<p>Sample &amp; Sons: You have reached 80% of your limit for international calls</p>',
    );
  });

  it('keep their style sheets as they are, where French words keep their signs on their line', () => {
    const styled = '<style>p :link { color : red !important }</style>';
    mkdirSync(join(folder, 'fr'));
    write('fr/mail.html.hbs', `${styled}<p>{{say "countriesHeading"}} {{say "nextHeading"}}</p>`);
    expect(mail('fr-FR').html).toBe(`${styled}<p>L'essentiel concerne\u00A0: Et maintenant\u00A0?</p>`);
  });

  it.each([
    ['is not closed', 'nl/subject.hbs', 'a\n\n{{#if limit}}x', 3, 'Parse error'],
    ['asks for what no warning has', 'nl/figures.hbs', 'Spent:\n{{spent_amount}}', 2, '"spent_amount" not defined'],
    ['asks for a fragment that is none', 'nl/mail.txt.hbs', '{{say "hello"}}', undefined, 'no fragment "hello"'],
    ['uses a helper that is none', 'nl/sms.hbs', '{{shout limit}}', 1, 'shout'],
    ['says nothing', 'nl/subject.hbs', '', undefined, 'the subject of a warn warning comes out empty'],
    ['fills three SMS', 'nl/sms.hbs', `{{spend}} ${'a'.repeat(400)}`, undefined, 'takes 3 parts, 2 at most'],
    ['has a name that is none', 'nl/sjubject.hbs', 'a', undefined, 'no template has this name'],
    ['has another ending', 'nl/subject.txt', 'a', undefined, 'no template has this name'],
    ['stands outside', 'subject.hbs', 'a', undefined, 'in a folder of their language'],
  ])('one that %s is named, and the built-in one stays', (_sentence, name, text, line, reason) => {
    write(name, text);
    write('nl/regards.hbs', 'Groeten,');
    expect(readTemplates(folder, BRAND).broken).toEqual([
      { file: join(folder, name), ...(line ? { line } : {}), reason: expect.stringContaining(reason) },
    ]);
    expect(mail('nl-NL').subject).toBe('U heeft 80% van uw limiet voor internationaal bellen bereikt');
    expect(mail('nl-NL').text).toContain('\nGroeten,\n');
  });

  it('of a language we have not are named', () => {
    mkdirSync(join(folder, 'tlh'));
    expect(readTemplates(folder, BRAND).broken).toMatchObject([{ reason: expect.stringContaining('nl, en, de, fr') }]);
  });
});

describe('the built-in templates', () => {
  it.each(Object.keys(LANGUAGES))(
    'in %s say something of each kind of warning, and ask for nothing that is not there',
    (code) => {
      const templates = new Map([[code, prepareWording(LANGUAGES[code]!, {}, true)]]);
      for (const told of SAMPLES) {
        const [main, ...others] = told.map((facts) => ({ ...facts, locale: code }));
        for (const link of [undefined, 'https://plafond.example.net/a/xyz']) {
          const message = { told: [main!, ...others] as const, brand: BRAND, link };
          const { subject, text, html } = renderEmail(message, templates, true);
          const sms = renderSms(message, templates);
          expect(subject.length).toBeGreaterThan(10);
          for (const words of [text, html, sms]) expect(words).not.toMatch(/undefined|\[object|\{\{|  +[^<\s]| \n/);
          expect(html.match(/<(p|ul|li|table|tr|td|h1|h2|a)[ >]/g)!.length).toBe(
            html.match(/<\/(p|ul|li|table|tr|td|h1|h2|a)>/g)!.length,
          );
          for (const words of link ? [text, html, sms] : []) expect(words).toContain(link);
        }
      }
    },
  );
});
