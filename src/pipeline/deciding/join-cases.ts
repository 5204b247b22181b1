/** Puts what was decided into the cases of its accounts. */
import type { ClientBase } from 'pg';
import { joinCases, type CasePart } from '../../cases/store.ts';
import { blocksOf } from '../../decisions/decide-deviation.ts';
import type { Brake } from '../../deviations/tariff-store.ts';
import { keepBraked } from '../../deviations/tariff-store.ts';
import type { Matter } from './matter.ts';

/**
 * A deviation or a suspension makes a case; what else is decided for an account belongs to the one that is open. A matter
 * that a brake holds is noted with the brake's case as well, so that settling that one settles it.
 */
export async function joinTheirCases(
  client: ClientBase,
  made: readonly Matter[],
  held: ReadonlyMap<string, Brake>,
): Promise<void> {
  await joinCases(client, made.map(partOf));
  const braked = made.filter(({ decision }) => held.has(decision.id));
  await keepBraked(
    client,
    braked.map(({ decision }) => ({ decisionId: decision.id, caseNo: held.get(decision.id)!.caseNo })),
  );
}

function partOf({ decision, account, bars, stretch }: Matter): CasePart {
  const evidence = decision.evidence as DeviationEvidence | undefined;
  return {
    accountId: account.accountId,
    decisionId: decision.id,
    at: decision.at,
    opens: evidence !== undefined || bars.length > 0,
    from: evidence === undefined ? decision.at : stretch.from,
    ranges: blocksOf(decision),
    countries: (evidence?.places ?? []).filter(({ kind }) => kind === 'country').map(({ country }) => country),
    summary: decision.explanation,
  };
}

/** Of `Decision.evidence`, what a case is about. */
interface DeviationEvidence {
  places?: { kind: string; country: string }[];
}
