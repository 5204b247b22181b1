/**
 * The guard against suspending many at once: a wrong rate deck or a file that came twice makes rules suspend a thousand
 * customers who did nothing. What is beyond so many an hour waits for a person. Pure.
 */
export interface GuardSettings {
  /** how many suspensions and holds rules may make in any 60 minutes */
  perHour: number;
  /** the same as a share of the active accounts; the smaller of the two holds */
  percent: number;
  /** what the share never falls below, so that a small provider is not asked about each */
  atLeast: number;
}

/** What the guard knows when it is asked. */
export interface GuardLoad {
  /** suspensions and holds that rules have made in the 60 minutes before */
  made: number;
  /** accounts with usage in the last month */
  activeAccounts: number;
}

export interface GuardLimit {
  /** how many an hour rules may make now */
  allowed: number;
  /** in words for the operators */
  words: string;
}

/** How many an hour rules may make, and why so many. */
export function guardLimit(settings: GuardSettings, activeAccounts: number): GuardLimit {
  // Hundredths of a percent are whole numbers; half an account is none.
  const share = Math.floor((Math.round(settings.percent * 100) * activeAccounts) / 10_000);
  const byShare = Math.max(settings.atLeast, share);
  return settings.perHour <= byShare
    ? { allowed: settings.perHour, words: `${settings.perHour} an hour` }
    : { allowed: byShare, words: `${byShare} an hour for ${activeAccounts} active accounts` };
}

/**
 * Which of these decisions pass, in their order; `sizes` says how many bars each wants. From the first that would be one
 * too many, all are held: whoever came first is served first.
 */
export function guardVerdict(
  sizes: readonly number[],
  settings: GuardSettings,
  { made, activeAccounts }: GuardLoad,
): GuardLimit & { passing: number } {
  const limit = guardLimit(settings, activeAccounts);
  let left = limit.allowed - made;
  let passing = 0;
  for (const size of sizes) {
    left -= size;
    if (left < 0) break;
    passing++;
  }
  return { ...limit, passing };
}
