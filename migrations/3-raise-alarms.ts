import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alarms for operators, what near real time had had beside what the night brought, and what retention needs to know. */
export class RaiseAlarms1700000000003 implements MigrationInterface {
  name = 'RaiseAlarms1700000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ALARMS);
    await runner.query(RECONCILIATION);
    await runner.query(RETENTION);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE alarms, feed_rejects, import_days, reconciliation_lines, reconciliations, ledger_days;
      DROP INDEX imports_of_feed;
      ALTER TABLE usage DROP COLUMN near_amount_micros, DROP COLUMN near_import_id`);
  }
}

const ALARMS = `
  -- What operators must look at. An alarm is raised once and cleared once, by what raised it or by a person.
  CREATE TABLE alarms (
    alarm_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text COLLATE "C" NOT NULL,
    -- what it is about, such as a feed
    subject       text COLLATE "C" NOT NULL,
    raised_at     timestamptz NOT NULL,
    text          text NOT NULL,
    facts         jsonb NOT NULL,
    cleared_at    timestamptz,
    cleared_text  text,
    cleared_by    text
  );
  CREATE UNIQUE INDEX alarms_open ON alarms (kind, subject) WHERE cleared_at IS NULL;

  -- The share of its rows that a feed usually has rejected, as it is remembered from one look at it to the next.
  CREATE TABLE feed_rejects (
    feed        text COLLATE "C" PRIMARY KEY REFERENCES feeds ON DELETE CASCADE,
    usual_share double precision NOT NULL,
    watched_at  timestamptz NOT NULL
  );

  CREATE INDEX imports_of_feed ON imports (feed, import_id);
`;

const RECONCILIATION = `
  -- What near real time had said when the final version came: its amount, and the import that had brought it. NULL
  -- where a record had not been there before its final version, or is not final yet.
  ALTER TABLE usage ADD COLUMN near_amount_micros bigint, ADD COLUMN near_import_id bigint;

  -- On which (UTC) days an import brought final versions: what its reconciliation looks at.
  CREATE TABLE import_days (
    import_id     bigint NOT NULL REFERENCES imports,
    day           date NOT NULL,
    -- the import under whose number the report stands
    reconciled_in bigint,
    PRIMARY KEY (import_id, day)
  );
  CREATE INDEX import_days_pending ON import_days (import_id) WHERE reconciled_in IS NULL;

  CREATE TABLE reconciliations (
    import_id  bigint PRIMARY KEY REFERENCES imports,
    feed       text COLLATE "C" NOT NULL,
    at         timestamptz NOT NULL,
    -- in the zones of the accounts
    days       date[] NOT NULL,
    outcome    text COLLATE "C" NOT NULL CHECK (outcome IN ('within-tolerance', 'beyond-tolerance', 'nothing-to-compare')),
    sample     jsonb NOT NULL,
    took_ms    bigint NOT NULL
  );
  CREATE INDEX reconciliations_of_feed ON reconciliations (feed, import_id);

  CREATE TABLE reconciliation_lines (
    import_id       bigint NOT NULL REFERENCES reconciliations,
    day             date NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    country         text COLLATE "C" NOT NULL,
    -- the feed that brought the records first
    feed            text COLLATE "C" NOT NULL,
    comparison      text COLLATE "C" NOT NULL CHECK (comparison IN ('equal', 'different', 'only-near', 'only-nightly')),
    records         bigint NOT NULL,
    near_micros     numeric(38) NOT NULL,
    nightly_micros  numeric(38) NOT NULL,
    -- the sum of what each record differs by, without its sign
    apart_micros    numeric(38) NOT NULL,
    PRIMARY KEY (import_id, day, currency, country, feed, comparison)
  );
`;

const RETENTION = `
  -- When usage of a day last came or was about to, to the hour; and when the day's usage was dropped. A period that holds
  -- a dropped day can't be counted again: its counters stay as they are.
  CREATE TABLE ledger_days (
    day        date PRIMARY KEY,
    touched_at timestamptz NOT NULL,
    dropped_at timestamptz
  );
  INSERT INTO ledger_days (day, touched_at)
  SELECT to_date(right(relid::regclass::text, 10), 'YYYY_MM_DD'), now() FROM pg_partition_tree('usage') WHERE isleaf;
`;
