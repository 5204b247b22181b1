import { describe, expect, it } from '@jest/globals';
import { FORM_MINUTES, formToken, readForm, type Bound } from './form.ts';

const KEY = Buffer.alloc(32, 7);
const FORM = { id: '3f0e6c1a-5d2f-4a3b-a111-22c3d4e5f607', shownAt: 1_268_500_000_000 };
const BOUND: Bound = { decisionId: 'd1', answer: 'us', text: 'I agree to pay up to EUR 200.00.' };
const token = formToken(FORM, BOUND, KEY);
const OPEN_MS = FORM_MINUTES * 60_000;

describe('the token of a form', () => {
  it.each<[string, ReturnType<typeof readForm>, string, Bound, number]>([
    ['counts as long as the page may lie open', FORM, token, BOUND, OPEN_MS - 1],
    ['counts for nothing afterwards', 'too-old', token, BOUND, OPEN_MS],
    ['is bound to the text that was shown', 'altered', token, { ...BOUND, text: 'up to EUR 2000.00' }, 0],
    ['is bound to its button', 'altered', token, { ...BOUND, answer: 'not-us' }, 0],
    ['is bound to its link', 'altered', token, { ...BOUND, decisionId: 'd2' }, 0],
    ['can not be made younger', 'altered', token.replace(String(FORM.shownAt), String(FORM.shownAt + 1)), BOUND, 0],
    ['can not be given another id', 'altered', token.replace('3f0e', '3f0f'), BOUND, 0],
    ['is not empty', 'altered', '', BOUND, 0],
  ])('%s', (_, read, sent, bound, later_ms) => {
    expect(readForm(sent, bound, KEY, FORM.shownAt + later_ms)).toEqual(read);
  });
});
