import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One message may tell of several decisions; what gateways and mail servers say of it later is kept. */
export class DeliverMessages1700000000008 implements MigrationInterface {
  name = 'DeliverMessages1700000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(MESSAGES);
    await runner.query(RECEIPTS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE warning_receipts;
      DROP INDEX warnings_waiting, warnings_by_gateway_id, warnings_to_escalate, warning_attempts_by_time;
      ALTER TABLE api_keys DROP CONSTRAINT api_keys_role_check;
      ALTER TABLE api_keys ADD CHECK (role IN ('viewer', 'billing', 'admin', 'feed'));
      ALTER TABLE warnings DROP COLUMN covers, DROP COLUMN facts, DROP COLUMN html, DROP COLUMN due_at,
        DROP COLUMN gateway_ids, DROP COLUMN escalated_at, DROP CONSTRAINT warnings_state_check;
      ALTER TABLE warnings ADD CHECK (state IN ('queued', 'sending', 'sent', 'failed'))`);
  }
}

const MESSAGES = `
  ALTER TABLE warnings
    -- every decision that the message tells of; decision_id is the gravest
    ADD COLUMN covers      uuid[] NOT NULL DEFAULT '{}',
    -- what was known at each decision (warnings/facts.ts); the text is made of it once, before the first attempt
    ADD COLUMN facts       jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN html        text NOT NULL DEFAULT '',
    -- not before, in Plafond's time
    ADD COLUMN due_at      timestamptz NOT NULL DEFAULT '-infinity',
    -- what the gateway calls it, a name for each part; receipts come under them
    ADD COLUMN gateway_ids text[] NOT NULL DEFAULT '{}',
    -- when it was seen to what follows from a failure: another way, or the operators
    ADD COLUMN escalated_at timestamptz;
  UPDATE warnings SET covers = ARRAY[decision_id];
  ALTER TABLE warnings DROP CONSTRAINT warnings_state_check;
  ALTER TABLE warnings ADD CONSTRAINT warnings_state_check
    CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'bounced'));
  -- What may take up a further decision of its account.
  CREATE INDEX warnings_waiting ON warnings (account_id) WHERE state = 'queued' AND attempts = 0;
  CREATE INDEX warnings_by_gateway_id ON warnings USING gin (gateway_ids) WHERE gateway_ids <> '{}';
  CREATE INDEX warnings_to_escalate ON warnings (warning_no) WHERE state IN ('failed', 'bounced') AND escalated_at IS NULL;
  CREATE INDEX warning_attempts_by_time ON warning_attempts (at);
`;

const RECEIPTS = `
  -- What came back after a message had left: receipts of SMSCs, reports and bounces of mail servers. The same one that
  -- comes again is known by what it says.
  CREATE TABLE warning_receipts (
    receipt_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    warning_id  uuid NOT NULL REFERENCES warnings,
    at          timestamptz NOT NULL,
    said        text COLLATE "C" NOT NULL CHECK (said IN ('accepted', 'delayed', 'delivered', 'failed')),
    -- of a message in parts, which one
    part        text COLLATE "C" NOT NULL,
    answer      text NOT NULL,
    UNIQUE (warning_id, part, said)
  );
  -- A mail server's pipe may hand in bounces, and nothing else.
  ALTER TABLE api_keys DROP CONSTRAINT api_keys_role_check;
  ALTER TABLE api_keys ADD CONSTRAINT api_keys_role_check CHECK (role IN ('viewer', 'billing', 'admin', 'feed', 'bounces'));
`;
