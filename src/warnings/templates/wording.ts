/** The templates of a language, compiled: plain for text and SMS, escaping for HTML. */
import Handlebars from 'handlebars';
import { signsHeld } from '../notation.ts';
import { FRAGMENTS, trafficNames, type Fragment, type Language, type TrafficName } from './language.ts';
import { BUILT_IN_LAYOUTS, type Layout } from './layouts.ts';

export type TemplateName = Fragment | Layout;

/** What replaces built-in templates of one language, by name. */
export type Replacements = Partial<Record<TemplateName, string>>;

type Template = (view: object) => string;

export interface Wording {
  language: Language;
  subject: Template;
  mailText: Template;
  mailHtml: Template;
  sms: Template;
  traffic: TrafficName;
}

/**
 * Compiles a language. `strict` throws where a template asks for what no warning has; to be used when templates are
 * checked, for a warning in production rather has a gap than not to go out.
 */
export function prepareWording(language: Language, replacements: Replacements = {}, strict = false): Wording {
  const fragments = { ...language.fragments, ...replacements };
  const layouts = { ...BUILT_IN_LAYOUTS, ...replacements };
  const plain = environment(fragments, { noEscape: true, strict });
  const held = Object.fromEntries(FRAGMENTS.map((name) => [name, signsHeld(fragments[name])])) as typeof fragments;
  const escaping = environment(held, { noEscape: false, strict });
  return {
    language,
    subject: plain(fragments.subject),
    mailText: plain(layouts['mail.txt']),
    mailHtml: escaping(layouts['mail.html']),
    sms: plain(fragments.sms),
    traffic: trafficNames(language, plain),
  };
}

function environment(
  fragments: Record<Fragment, string>,
  options: { noEscape: boolean; strict: boolean },
): (source: string) => Template {
  const handlebars = Handlebars.create();
  const compile = (source: string): Template => handlebars.compile<object>(source, options);
  const compiled = new Map(FRAGMENTS.map((name) => [name as string, compile(fragments[name])]));
  for (const [name, template] of compiled) handlebars.registerPartial(name, template);
  handlebars.registerHelper('is', (value: unknown, expected: unknown) => value === expected);
  handlebars.registerHelper('say', function say(this: object, name: string) {
    const template = compiled.get(name);
    if (!template) throw new Error(`there is no fragment "${name}"`);
    return new Handlebars.SafeString(template(this));
  });
  return compile;
}
