/** Whether a call goes where a bar says. Pure. */
import type { BarScope } from '../../caps/barring.ts';
import { classify } from '../../destinations/classify.ts';

/** A number as a switch names it: E.164 where it can be told; `sip:` and what follows `@` are taken off. */
export function calledNumber(text: string): string {
  const user = text.replace(/^sips?:/i, '').replace(/[@;].*$/s, '');
  return user.startsWith('00') ? `+${user.slice(2)}` : user;
}

/** Whether a hold covers calls to this number. Only a number in E.164 is known to go to a country. */
export function covers(scope: Extract<BarScope, `${'country' | 'prefix'}:${string}`>, number: string): boolean {
  if (!/^\+\d{3,15}$/.test(number)) return false;
  if (scope.startsWith('prefix:')) return number.startsWith(scope.slice('prefix:'.length));
  const country = scope.slice('country:'.length);
  return classify(number, country)?.country === country;
}
