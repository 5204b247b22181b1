import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The guard against suspending many at once, limits that are raised for a while, and numbers that no bar stops. */
export class GuardSuspensions1700000000007 implements MigrationInterface {
  name = 'GuardSuspensions1700000000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(GUARD);
    await runner.query(UPLIFTS);
    await runner.query(ALLOWED_NUMBERS);
    await runner.query(SECOND_PERSON);
    await runner.query(RUNNING_CALLS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE running_calls, approvals, second_person, allowed_numbers, uplifts;
      DROP INDEX suspensions_by_rule, suspensions_in_question;
      ALTER TABLE suspensions DROP COLUMN guard_question, DROP COLUMN told_when_approved;
      DROP TABLE guard_questions, guard`);
  }
}

const GUARD = `
  -- One row. Whoever suspends by rule holds it until the transaction ends: so what passes is counted exactly, however
  -- many processes decide at once.
  CREATE TABLE guard (
    singleton          boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version            integer NOT NULL DEFAULT 1,
    per_hour           integer NOT NULL DEFAULT 100 CHECK (per_hour BETWEEN 0 AND 1000000),
    percent            numeric(5, 2) NOT NULL DEFAULT 5 CHECK (percent BETWEEN 0 AND 100),
    at_least           integer NOT NULL DEFAULT 50 CHECK (at_least BETWEEN 0 AND 1000000),
    -- accounts with usage under a cap in the last month, as counted last
    active_accounts    bigint,
    active_counted_at  timestamptz
  );
  INSERT INTO guard DEFAULT VALUES;

  -- What the guard holds is one question to the operators at a time.
  CREATE TABLE guard_questions (
    question_no   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    question_id   uuid PRIMARY KEY,
    state         text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'answered', 'settled')),
    asked_at      timestamptz NOT NULL,
    -- how many have ever been held for it; grows while it is open
    held          integer NOT NULL DEFAULT 0,
    -- why the first was held
    reason        text NOT NULL,
    answer        text COLLATE "C" CHECK (answer IN ('all', 'some', 'none')),
    approved      integer,
    declined      integer,
    answer_reason text,
    closed_at     timestamptz,
    closed_by     text
  );
  CREATE UNIQUE INDEX guard_questions_open ON guard_questions ((true)) WHERE state = 'open';

  ALTER TABLE suspensions ADD COLUMN guard_question uuid REFERENCES guard_questions;
  -- Of one that waits: what its customer is told when it is approved, without a name. NULL: nothing.
  ALTER TABLE suspensions ADD COLUMN told_when_approved text;
  CREATE INDEX suspensions_in_question ON suspensions (guard_question, suspension_no) WHERE guard_question IS NOT NULL;
  -- What the guard counts.
  CREATE INDEX suspensions_by_rule ON suspensions (requested_at)
    WHERE requested_by = 'plafond' AND guard_question IS NULL AND approved_by IS NULL;
`;

const UPLIFTS = `
  -- Raises an account's limit for a while: of one cap, or of all that hold for it on a traffic.
  CREATE TABLE uplifts (
    uplift_no      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    uplift_id      uuid PRIMARY KEY,
    account_id     text COLLATE "C" NOT NULL,
    cap_id         uuid,
    traffic        text COLLATE "C",
    amount_micros  bigint NOT NULL CHECK (amount_micros > 0),
    currency       text COLLATE "C" NOT NULL,
    until_at       timestamptz NOT NULL,
    reason         text NOT NULL,
    granted_by     text NOT NULL,
    granted_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    ended_by       text,
    ended_reason   text,
    CHECK ((cap_id IS NULL) <> (traffic IS NULL))
  );
  CREATE INDEX uplifts_of_account ON uplifts (account_id, uplift_no);
  CREATE INDEX uplifts_in_force ON uplifts (until_at) WHERE ended_at IS NULL;
`;

const ALLOWED_NUMBERS = `
  -- Numbers that an account may call whatever is barred.
  CREATE TABLE allowed_numbers (
    account_id  text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
    number      text COLLATE "C" NOT NULL CHECK (number ~ '^\\+\\d{3,15}$'),
    -- allowed no more, and to be taken off the switches
    removed_at  timestamptz,
    PRIMARY KEY (account_id, number)
  );
`;

const SECOND_PERSON = `
  -- One row. What a billing key lifts or raises beyond this amount waits for another key; NULL: nothing does.
  CREATE TABLE second_person (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version      integer NOT NULL DEFAULT 1,
    above_micros bigint CHECK (above_micros >= 0)
  );
  INSERT INTO second_person DEFAULT VALUES;

  -- What somebody asked for that a second person has to agree to.
  CREATE TABLE approvals (
    approval_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    approval_id    uuid PRIMARY KEY,
    state          text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'declined')),
    account_id     text COLLATE "C" NOT NULL,
    -- what is to be done: {"do": "lift", …} or {"do": "uplift", …}
    asked          jsonb NOT NULL,
    amount_micros  bigint NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    asked_by       text NOT NULL,
    -- the key, by which the two are told apart
    asked_by_key   text COLLATE "C" NOT NULL,
    asked_at       timestamptz NOT NULL,
    settled_by     text,
    settled_at     timestamptz,
    settled_reason text,
    -- the uplift that came of it
    uplift_id      uuid
  );
  CREATE INDEX approvals_pending ON approvals (account_id) WHERE state = 'pending';
`;

const RUNNING_CALLS = `
  -- Calls in progress, as switches and interim records tell of them, until the record of each has come.
  CREATE TABLE running_calls (
    source         text COLLATE "C" NOT NULL,
    call_id        text COLLATE "C" NOT NULL,
    account_id     text COLLATE "C" NOT NULL,
    service_id     text COLLATE "C" NOT NULL,
    number         text COLLATE "C" NOT NULL,
    country        text COLLATE "C" NOT NULL,
    traffic        smallint NOT NULL,
    started_at     timestamptz NOT NULL,
    -- up to where an interim record has counted it
    counted_until  timestamptz,
    -- what so many seconds cost; NULL: not looked for yet
    price_micros   bigint,
    price_s        integer,
    price_from     text COLLATE "C",
    seen_at        timestamptz NOT NULL,
    ended_at       timestamptz,
    -- the record that came for it
    settled_record text COLLATE "C",
    PRIMARY KEY (source, call_id)
  );
  CREATE INDEX running_calls_of_account ON running_calls (account_id);
  CREATE INDEX running_calls_open ON running_calls (started_at) WHERE settled_record IS NULL;
`;
