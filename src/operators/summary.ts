/** How a day was, for the billing team in the morning: text, HTML, and figures for programs. Pure. */
import type { OperatorMessage } from './group.ts';

/** Amounts as decimal strings. */
export interface DailyFigures {
  /** such as `2010-03-16` */
  day: string;
  time_zone: string;
  /** accounts that were warned */
  warned: number;
  suspended: number;
  held: number;
  lifted: number;
  answers: { not_us: number; us: number; call_me: number };
  /** what waits for a person now */
  open: { suspensions_to_approve: number; guard_questions: number; alarms: number; cases: number };
  feeds: readonly { feed: string; state: string; words: string }[];
  failed: { warnings: number; messages: number };
  silenced: number;
  spend: readonly { currency: string; amount: string; records: number }[];
}

export function summaryMessage(figures: DailyFigures): OperatorMessage & { html: string } {
  const subject = `Plafond: ${figures.day}`;
  const sections = sectionsOf(figures);
  const text = sections
    .map(({ title, lines }) => [title, ...lines.map(({ label, value }) => `  ${label}: ${value}`)].join('\n'))
    .join('\n\n');
  return { subject, text, html: htmlOf(subject, sections), body: { type: 'plafond.daily-summary', data: figures } };
}

interface Section {
  title: string;
  lines: { label: string; value: string }[];
}

function sectionsOf(figures: DailyFigures): Section[] {
  const { answers, open, failed } = figures;
  const section = (title: string, lines: [string, string | number][]): Section => ({
    title,
    lines: lines.map(([label, value]) => ({ label, value: String(value) })),
  });
  return [
    section(`${figures.day} (${figures.time_zone})`, [
      ['accounts warned', figures.warned],
      ['suspended', figures.suspended],
      ['held', figures.held],
      ['lifted', figures.lifted],
      ['answered "not us"', answers.not_us],
      ['answered "us"', answers.us],
      ['asked to be called', answers.call_me],
    ]),
    section('Waiting for a person', [
      ['suspensions to approve', open.suspensions_to_approve],
      ['questions of the guard', open.guard_questions],
      ['open cases', open.cases],
      ['open alarms', open.alarms],
    ]),
    section('Not delivered', [
      ['warnings that failed', failed.warnings],
      ['messages to operators that failed', failed.messages],
      ['events withheld by silences', figures.silenced],
    ]),
    section('Feeds', figures.feeds.length === 0 ? [['of which a rhythm is expected', 'none']] : feedLines(figures)),
    section('Spent', figures.spend.length === 0 ? [['records', 0]] : spendLines(figures)),
  ];
}

function feedLines({ feeds }: DailyFigures): [string, string][] {
  return feeds.map(({ feed, state, words }) => [feed, `${state}, ${words}`]);
}

function spendLines({ spend }: DailyFigures): [string, string][] {
  const grouped = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 6 });
  const counted = new Intl.NumberFormat('en');
  return spend.map(({ currency, amount, records }) => [
    currency,
    `${grouped.format(amount as Intl.StringNumericLiteral)} in ${counted.format(records)} records`,
  ]);
}

const CELL = 'vertical-align:top;overflow-wrap:anywhere;border-bottom:1px solid #e3e3e8';

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Styles stand inline, where mail programs leave them. Columns are one below the other, and what is not nothing is bold. */
function htmlOf(subject: string, sections: readonly Section[]): string {
  const row = ({ label, value }: Section['lines'][number]) =>
    `<tr><td style="${CELL};width:55%;padding:4px 16px 4px 0">${escape(label)}</td><td style="${CELL};padding:4px 0${value === '0' ? '' : ';font-weight:bold'}">${escape(value)}</td></tr>`;
  const tables = sections.map(
    ({ title, lines }) =>
      `<h2 style="font-size:17px;margin:24px 0 4px">${escape(title)}</h2>\n<table role="presentation" style="border-collapse:collapse;table-layout:fixed;width:100%">\n${lines.map(row).join('\n')}\n</table>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(subject)}</title></head>
<body style="font:15px/1.5 Arial,sans-serif;color:#1b1b1f;background:#fff;margin:0;padding:16px">
<div style="max-width:600px;margin:0 auto">
${tables.join('\n')}
</div>
</body></html>
`;
}
