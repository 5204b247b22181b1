import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is normal for each account, what breaks it, the cases that come of it, and the brake on wrong prices. */
export class WatchDeviations1700000000005 implements MigrationInterface {
  name = 'WatchDeviations1700000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(LOG);
    await runner.query(SIGNATURES);
    await runner.query(CASES);
    await runner.query(BRAKE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE braked_decisions, movement_log, shard_turns, shard_turns_asked, deviation_signatures, signature_events, deviation_norms, deviation_policies,
                 hot_numbers, case_events, case_decisions, tariff_brakes, tariff_signs, tariff_prices, tariff_days, cases;
      DROP INDEX decisions_scored;
      ALTER TABLE decisions DROP COLUMN score, DROP COLUMN evidence, ALTER COLUMN threshold TYPE numeric(6, 2)`);
  }
}

const LOG = `
  -- What moved in the ledger and waits to be looked at, by account shard; in slots of six hours, which are emptied whole.
  -- An entry is a batch's share of a shard, as text (deviations/movement-log.ts). It is not compressed: that would cost
  -- more than all the rest of it, for hours of life.
  CREATE TABLE movement_log (
    slot       smallint NOT NULL,
    shard      smallint NOT NULL,
    entry_no   bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    feed       text COLLATE "C" NOT NULL,
    import_id  bigint NOT NULL,
    movements  integer NOT NULL,
    lines      text NOT NULL
  ) PARTITION BY LIST (slot);
  ALTER TABLE movement_log ALTER COLUMN lines SET STORAGE EXTERNAL;
  CREATE INDEX movement_log_of_shard ON movement_log (shard, entry_no);
  CREATE TABLE movement_log_0 PARTITION OF movement_log FOR VALUES IN (0);
  CREATE TABLE movement_log_1 PARTITION OF movement_log FOR VALUES IN (1);
  CREATE TABLE movement_log_2 PARTITION OF movement_log FOR VALUES IN (2);
  CREATE TABLE movement_log_3 PARTITION OF movement_log FOR VALUES IN (3);

  -- Up to which entry each shard has been read. Who locks its row has the shard's turn: signatures change in no other way.
  CREATE TABLE shard_turns (
    shard     smallint PRIMARY KEY,
    entry_no  bigint NOT NULL DEFAULT 0
  );

  -- Shards for whose turn a job is on its way.
  CREATE TABLE shard_turns_asked (
    shard  smallint PRIMARY KEY,
    times  integer NOT NULL DEFAULT 1
  ) WITH (fillfactor = 20);
`;

const SIGNATURES = `
  -- What is usual for an account, and how far it is from it now; at most 1 KB of the engine's own form.
  CREATE TABLE deviation_signatures (
    account_id  text COLLATE "C" PRIMARY KEY,
    state       bytea NOT NULL
  ) WITH (fillfactor = 60);
  ALTER TABLE deviation_signatures ALTER COLUMN state SET STORAGE PLAIN;

  -- What a verdict did to an account's signature, and after which import: a rebuild does it at the same place.
  CREATE TABLE signature_events (
    event_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL,
    what       text COLLATE "C" NOT NULL CHECK (what IN ('taken-in')),
    import_id  bigint NOT NULL,
    at         timestamptz NOT NULL
  );
  CREATE INDEX signature_events_of_account ON signature_events (account_id, event_no);

  -- What is usual for accounts of each segment, as it was fitted; the newest holds, evidence names the one it was made by.
  CREATE TABLE deviation_norms (
    norms_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fitted_at  timestamptz NOT NULL,
    -- usage up to then was looked at; how high harmless accounts get is noted anew from calibrated_at on
    accounts   bigint NOT NULL,
    calibrated_at timestamptz,
    norms      jsonb NOT NULL,
    calibration jsonb NOT NULL
  );

  -- What is done about deviations, for everyone, a segment or an account; the most specific one holds.
  CREATE TABLE deviation_policies (
    scope_kind   text COLLATE "C" NOT NULL CHECK (scope_kind IN ('everyone', 'segment', 'account')),
    scope_value  text COLLATE "C" NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    mode         text COLLATE "C" NOT NULL CHECK (mode IN ('off', 'shadow', 'approve', 'enforce')),
    -- false holds and suspensions that are put up with, per 1,000 customers a month
    false_budget numeric(6, 2) NOT NULL CHECK (false_budget > 0),
    changed_at   timestamptz NOT NULL,
    changed_by   text NOT NULL,
    PRIMARY KEY (scope_kind, scope_value)
  );

  ALTER TABLE decisions ADD COLUMN score double precision, ADD COLUMN evidence jsonb, ALTER COLUMN threshold TYPE numeric(12, 2);
  CREATE INDEX decisions_scored ON decisions (decision_no) WHERE score IS NOT NULL;
`;

const CASES = `
  -- What belongs together and wants a word from the billing team: of an account, or of a number range for all ('').
  CREATE TABLE cases (
    case_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('account', 'tariff')),
    account_id  text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL
                CHECK (state IN ('open', 'confirmed-fraud', 'legitimate', 'rating-error', 'closed')),
    opened_at   timestamptz NOT NULL,
    -- when what it is about began, and the last that came to it
    from_at     timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    -- number ranges that it is about, such as +25261
    ranges      text[] NOT NULL DEFAULT '{}',
    countries   text[] NOT NULL DEFAULT '{}',
    summary     text NOT NULL,
    state_at    timestamptz,
    state_by    text,
    state_why   text
  );
  CREATE UNIQUE INDEX cases_open_of_account ON cases (account_id) WHERE state = 'open' AND kind = 'account';
  CREATE INDEX cases_of_account ON cases (account_id, case_no);
  CREATE INDEX cases_open ON cases (case_no) WHERE state = 'open';

  -- Warnings and suspensions belong to a case by their decision.
  CREATE TABLE case_decisions (
    decision_id  uuid PRIMARY KEY REFERENCES decisions,
    case_no      bigint NOT NULL REFERENCES cases
  );
  CREATE INDEX case_decisions_of_case ON case_decisions (case_no);

  -- What people and customers said to it, and what that changed.
  CREATE TABLE case_events (
    case_no  bigint NOT NULL REFERENCES cases,
    event_no bigint GENERATED ALWAYS AS IDENTITY,
    at       timestamptz NOT NULL,
    by       text NOT NULL,
    what     text COLLATE "C" NOT NULL,
    why      text NOT NULL,
    facts    jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (case_no, event_no)
  );

  -- Number ranges that were confirmed as fraud: calls to them count for more, whoever makes them.
  CREATE TABLE hot_numbers (
    range       text COLLATE "C" PRIMARY KEY CHECK (range ~ '^[+][0-9]{3,15}$'),
    case_no     bigint REFERENCES cases,
    added_at    timestamptz NOT NULL,
    added_by    text NOT NULL,
    expires_at  timestamptz NOT NULL,
    why         text NOT NULL
  );
`;

const BRAKE = `
  -- How often a price a minute was charged, by day, segment and number range: buckets of its logarithm (deviations/price.ts).
  CREATE TABLE tariff_prices (
    day       date NOT NULL,
    currency  text COLLATE "C" NOT NULL,
    segment   text COLLATE "C" NOT NULL,
    range     text COLLATE "C" NOT NULL,
    bucket    smallint NOT NULL,
    calls     bigint NOT NULL,
    PRIMARY KEY (day, currency, segment, range, bucket)
  );

  CREATE TABLE tariff_days (
    day         date PRIMARY KEY,
    counted_at  timestamptz NOT NULL
  );
  CREATE INDEX tariff_days_counted ON tariff_days (counted_at);

  -- Signs that a price is wrong, or that many alarm at once: rare, so they are rows, and kept for some days.
  CREATE TABLE tariff_signs (
    sign_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('price', 'alarm')),
    currency    text COLLATE "C" NOT NULL,
    range       text COLLATE "C" NOT NULL,
    account_id  text COLLATE "C" NOT NULL,
    record_id   text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    -- charged to expected
    ratio       double precision NOT NULL,
    UNIQUE (range, kind, account_id, record_id)
  );
  CREATE INDEX tariff_signs_by_time ON tariff_signs (at);

  -- Number ranges on which account actions wait for the billing team.
  CREATE TABLE tariff_brakes (
    range        text COLLATE "C" NOT NULL,
    case_no      bigint NOT NULL REFERENCES cases,
    braked_at    timestamptz NOT NULL,
    kind         text COLLATE "C" NOT NULL CHECK (kind IN ('price', 'alarms', 'by-hand')),
    released_at  timestamptz,
    released_by  text,
    PRIMARY KEY (range, braked_at)
  );
  -- What waits for a brake's case.
  CREATE TABLE braked_decisions (
    decision_id  uuid PRIMARY KEY REFERENCES decisions,
    case_no      bigint NOT NULL REFERENCES cases
  );
  CREATE INDEX braked_decisions_of_case ON braked_decisions (case_no);

  CREATE UNIQUE INDEX tariff_brakes_open ON tariff_brakes (range) WHERE released_at IS NULL;
`;
