/** Whether usage belongs to a case that was found to be fraud or wrongly rated: live and rebuilt signatures leave the same out. Pure. */
import type { Account } from '../../accounts/account.ts';
import type { NotToLearn } from '../../cases/store.ts';
import { destinationKey, placeOf } from '../../deviations/destination-key.ts';
import { callWeight } from '../../deviations/norms.ts';
import { endOf, type Version } from '../../ledger/version.ts';

/**
 * Of use from abroad all from there counts, of a dialler's calls at home the short ones. A call that goes on after the verdict, as an
 * interim record of it tells, is none of what was settled.
 */
export function isNotLearnt(version: Version, { homeCountry }: Account, about: NotToLearn): boolean {
  const { startedAt, destination, originCountry, state } = version;
  if (startedAt < about.from || startedAt > about.to) return false;
  if (state === 'interim' && endOf(version) > about.to) return false;
  if (about.countries.includes(destination.country)) return true;
  if (about.ranges.some((range) => destination.number.startsWith(range))) return true;
  const key = destinationKey(destination, originCountry, homeCountry);
  if (key === 0) return about.dialled && callWeight(version) === 1;
  const place = placeOf(key);
  return about.places.some(({ kind, country }) =>
    kind === 'roaming' ? country === originCountry : kind === place.kind && country === place.country,
  );
}
