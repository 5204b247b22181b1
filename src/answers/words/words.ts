/** Why a page shows nothing, or why a form changed nothing. */
export const TROUBLES = [
  'altered',
  'expired',
  'used',
  'too-old',
  'too-many',
  'not-allowed',
  'unreadable',
  'too-low',
  'too-high',
  'no-phone',
  'broken',
] as const;
export type Trouble = (typeof TROUBLES)[number];

/**
 * The texts of the pages behind a warning's link in one language, as Handlebars templates; what they fill in is escaped.
 * Names of calls stand after a colon or as a label, so that they need no other ending in any language.
 */
export interface Words {
  skip: string;
  titleBlocked: string;
  titleSpending: string;
  lead: string;
  spent: string;
  limit: string;
  on: string;
  period: string;
  known: string;
  tax: string;
  chart: string;
  chartTable: string;
  day: string;
  amount: string;
  destinations: string;
  number: string;
  country: string;
  /** over how often a number was used: calls, and texts */
  times: string;
  noUsage: string;
  blocked: string;
  blockedItem: string;
  keepsWorking: string;
  nothingBlocked: string;
  howLifted: string;
  question: string;
  blockButton: string;
  blockText: string;
  oursButton: string;
  oursText: string;
  /** where no limit caused the warning */
  oursPlainText: string;
  amountLabel: string;
  callButton: string;
  callText: string;
  phoneOnFile: string;
  phoneOther: string;
  phoneLabel: string;
  confirmTitle: string;
  consent: string;
  consentPlain: string;
  consentNote: string;
  confirmButton: string;
  back: string;
  answers: string;
  answerNotUs: string;
  answerUs: string;
  answerCall: string;
  link: string;
  again: string;
  reach: string;
  mailSubject: string;
  mailText: string;
  troubles: Record<Trouble, { title: string; text: string }>;
}
