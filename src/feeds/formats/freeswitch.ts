/**
 * FreeSWITCH's mod_cdr_csv with the template `example`, and a price at the end: no header row, times without a zone, every
 * value in double quotes; those in a value, such as the name that a caller has chosen, are not escaped. After the
 * `cdr_csv.conf.xml` that comes with it and
 * https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Configuration/CDR; `nibble_total_billed` is what
 * mod_nibblebill has charged.
 *
 * With `legs` `ab` or `b` the called legs have rows of their own. mod_nibblebill charges a leg by its own `nibble_account` and
 * `nibble_rate`, so one that is charged counts like any other. One without a price is nobody's where it has no account, and
 * where the template ends in `${direction}`, which is `outbound` then, also where the dialplan exports the account to it.
 */
import { firstOf } from './translate.ts';
import type { Mapping, PeerFormat, PeerRow, Verdict } from './mapping.ts';

export const freeswitchCsv: PeerFormat = {
  syntax: 'csv',
  header: [
    'caller_id_name',
    'caller_id_number',
    'destination_number',
    'context',
    'start_stamp',
    'answer_stamp',
    'end_stamp',
    'duration',
    'billsec',
    'hangup_cause',
    'uuid',
    'bleg_uuid',
    'accountcode',
    'read_codec',
    'write_codec',
  ],
  columns: {
    record_id: ['uuid'],
    account_id: ['accountcode'],
    started_at: ['answer_stamp', 'start_stamp'],
    duration_s: ['billsec'],
    a_number: ['caller_id_number'],
    b_number: ['destination_number'],
    amount: ['nibble_total_billed'],
  },
  escape: '',
  kind: 'voice',
  needsTimeZone: true,
  verdict: (row, mapping) =>
    unansweredFree(row('answer_stamp') === '', row, mapping) ??
    (isFree(row, mapping) && (row('direction') === 'outbound' || firstOf(row, mapping.columns.account_id ?? []) === '')
      ? { skip: 'other_leg' }
      : undefined),
};

/** A call that nobody answered and that has no price is passed over; one that has a price counts, answered or not. */
export function unansweredFree(unanswered: boolean, row: PeerRow, mapping: Mapping): Verdict | undefined {
  return unanswered && isFree(row, mapping) ? { skip: 'not_answered' } : undefined;
}

function isFree(row: PeerRow, { columns }: Mapping): boolean {
  return /^[0.,]*$/.test(firstOf(row, columns.amount ?? []));
}
