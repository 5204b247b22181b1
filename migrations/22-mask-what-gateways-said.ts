import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What mail servers and gateways said of customers who were not reached was kept with the address in full: in receipts, in
 * alarms, and in what operators were to do. It is masked where it stands; rows are locked, tables are not. Evidence, which
 * is never altered, keeps it until it is removed.
 */
export class MaskWhatGatewaysSaid1700000000022 implements MigrationInterface {
  name = 'MaskWhatGatewaysSaid1700000000022';

  async up(runner: QueryRunner): Promise<void> {
    // Numbers in receipts are gateways' own names for messages as well; those of customers go when receipts do.
    await runner.query(`UPDATE warning_receipts SET answer = ${unnamed('answer')} WHERE answer ~ '${MAILBOX}'`);
    await runner.query(`
      UPDATE alarms SET text = ${masked('text')},
             facts = facts || jsonb_build_object('answer', ${masked(`facts ->> 'answer'`)})
       WHERE kind = 'contact-fails' AND facts ? 'answer' AND (text ~ '${UNMASKED}' OR facts ->> 'answer' ~ '${UNMASKED}')`);
    await runner.query(`
      UPDATE decisions SET explanation = ${masked('explanation')}
       WHERE type = 'notify-operator' AND explanation LIKE 'The customer was not reached by %' AND explanation ~ '${UNMASKED}'`);
    // What operators have not been told yet; what they have been told is theirs, and expires.
    await runner.query(`
      UPDATE operator_events SET text = ${masked('text')},
             facts = facts || jsonb_build_object('answer', ${masked(`facts ->> 'answer'`)})
       WHERE grouped_at IS NULL AND facts ? 'answer' AND (text ~ '${UNMASKED}' OR facts ->> 'answer' ~ '${UNMASKED}')`);
  }

  async down(): Promise<void> {
    // What was masked stays so.
  }
}

/** An e-mail address up to its `@`, or a telephone number that is not an account's own; what is masked already has a `*` there. */
const MAILBOX = String.raw`([^\s<>@*,;:"()])[^\s<>@*,;:"()]*@`;
const NUMBER = String.raw`(?<!\d)(?<!account )(\+?\d{3})\d{4,12}(\d\d)\y`;
const UNMASKED = `(${MAILBOX}|${NUMBER})`;

function unnamed(text: string): string {
  return `regexp_replace(${text}, '${MAILBOX}', '\\1***@', 'g')`;
}

function masked(text: string): string {
  return `regexp_replace(${unnamed(text)}, '${NUMBER}', '\\1***\\2', 'g')`;
}
