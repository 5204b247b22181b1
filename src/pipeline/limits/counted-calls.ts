/** Calls in progress, as caps count them beside what is spent: in the period in which they began, as their records will be. Pure. */
import type { Account } from '../../accounts/account.ts';
import { inWindow } from '../../caps/cap-periods.ts';
import type { Crossing } from '../../caps/crossing.ts';
import type { Meter, Meters } from '../../caps/meters.ts';
import type { Instant } from '../../kernel/clock.ts';
import type { Micros } from '../../kernel/money.ts';
import { rollingHours, type CalendarPeriod } from '../../kernel/period.ts';
import { destinationOf, eachCallOnce, exposureOf, type RunningCall } from '../../spend/exposure.ts';
import { grouped } from '../grouped.ts';

export interface CountedCall {
  call: RunningCall;
  amount: Micros;
}

/** The calls that count under each cap of each account or service, with what they have come to; by {@link meterKey}. */
export function countedCalls(
  calls: readonly RunningCall[],
  accounts: ReadonlyMap<string, Account>,
  meters: Meters,
  at: Instant,
): Map<string, CountedCall[]> {
  const counted = eachCallOnce(calls).flatMap((call) => {
    const account = accounts.get(call.accountId);
    const amount = exposureOf(call, at);
    if (!account || amount <= 0n) return [];
    const under = meters.of({ serviceId: call.serviceId, destination: destinationOf(call) }, account);
    return under.map((meter) => ({ key: meterKey(account, meter), call, amount }));
  });
  return grouped(counted, ({ key }) => key);
}

export function meterKey({ accountId }: Account, { cap, serviceId }: Meter): string {
  return JSON.stringify([accountId, cap.id, serviceId]);
}

/** What those have come to that count in a period of a cap. */
export function comeToIn(meter: Meter, period: CalendarPeriod, calls: readonly CountedCall[]): Micros {
  return sumOf(countedIn(meter, period, calls));
}

/** The same crossing, which was found in spend and calls together, with what each has come to. */
export function withExposure(crossing: Crossing, calls: readonly CountedCall[]): Crossing {
  const within = countedIn(crossing.meter, crossing.period, calls);
  const amount = sumOf(within);
  return { ...crossing, spend: crossing.spend - amount, exposure: { amount, calls: within } };
}

function countedIn({ cap }: Meter, period: CalendarPeriod, calls: readonly CountedCall[]): CountedCall[] {
  const rolls = rollingHours(cap.period) !== undefined;
  return calls.filter(({ call: { startedAt } }) =>
    rolls ? inWindow(startedAt, period) : startedAt >= period.from && startedAt < period.to,
  );
}

function sumOf(calls: readonly CountedCall[]): Micros {
  return calls.reduce((sum, { amount }) => sum + amount, 0n);
}
