/**
 * Asterisk's cdr_csv (`Master.csv`), and a price that the site has added: no header row, times without a zone. After
 * cdr/cdr_csv.c (`build_csv_record`) and configs/samples/cdr.conf.sample in github.com/asterisk/asterisk. Asterisk itself
 * knows no price: the mapping says where it stands, in one of its fields such as `userfield`, or under a name of the site's
 * own, which is then the column after the last.
 *
 * Times are local, or GMT with `usegmtime=yes`: `time_zone` says which. `newcdrcolumns=yes` puts `peeraccount`, `linkedid` and
 * `sequence` after these columns, and before a price at the end: the mapping's `header` then names them all.
 *
 * `uniqueid` is there when `loguniqueid=yes`, `userfield` when `loguserfield=yes`. A call with several CDRs (transfers,
 * forks) has one `uniqueid` for all of them; where a site has such calls, `record_id` must be mapped to a column that
 * tells them apart.
 */
import type { PeerFormat } from './mapping.ts';
import { unansweredFree } from './freeswitch.ts';

export const asteriskCsv: PeerFormat = {
  syntax: 'csv',
  header: [
    'accountcode',
    'src',
    'dst',
    'dcontext',
    'clid',
    'channel',
    'dstchannel',
    'lastapp',
    'lastdata',
    'start',
    'answer',
    'end',
    'duration',
    'billsec',
    'disposition',
    'amaflags',
    'uniqueid',
    'userfield',
  ],
  columns: {
    record_id: ['uniqueid'],
    account_id: ['accountcode'],
    started_at: ['answer', 'start'],
    duration_s: ['billsec'],
    a_number: ['src'],
    b_number: ['dst'],
  },
  kind: 'voice',
  needsTimeZone: true,
  verdict: (row, mapping) => unansweredFree(row('disposition') !== 'ANSWERED', row, mapping),
};
