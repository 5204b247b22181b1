import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts, caps, usage, counters, decisions and what carries them out. */
export class LayTheTables1700000000001 implements MigrationInterface {
  name = 'LayTheTables1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ACCOUNTS_AND_CAPS);
    await runner.query(USAGE_AND_SPEND);
    await runner.query(DECISIONS_AND_DEEDS);
  }

  async down(): Promise<void> {
    throw new Error('going back below the first migration would drop the ledger; restore a backup instead');
  }
}

const ACCOUNTS_AND_CAPS = `
  CREATE TABLE accounts (
    account_id        text COLLATE "C" PRIMARY KEY CHECK (length(account_id) BETWEEN 1 AND 64),
    name              text NOT NULL DEFAULT '',
    segment           text COLLATE "C" NOT NULL DEFAULT '',
    currency          text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone         text NOT NULL,
    cycle_day         smallint NOT NULL CHECK (cycle_day BETWEEN 1 AND 28),
    locale            text NOT NULL,
    email             text NOT NULL DEFAULT '',
    msisdn            text NOT NULL DEFAULT '',
    home_country      text COLLATE "C" NOT NULL CHECK (home_country ~ '^[A-Z]{2}$'),
    suspension_terms  text NOT NULL DEFAULT '',
    parent_id         text COLLATE "C" NOT NULL DEFAULT '',
    version           integer NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
  );

  CREATE TABLE caps (
    cap_id      uuid PRIMARY KEY,
    version     integer NOT NULL DEFAULT 1,
    scope_kind  text COLLATE "C" NOT NULL CHECK (scope_kind IN ('everyone', 'segment', 'account', 'service')),
    scope_value text COLLATE "C" NOT NULL DEFAULT '',
    traffic     text COLLATE "C" NOT NULL,
    period      text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    definition  jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (scope_kind, scope_value, traffic, period, currency)
  );

  -- Each definition a cap has ever had; decisions name the version by which they were made.
  CREATE TABLE cap_versions (
    cap_id      uuid NOT NULL,
    version     integer NOT NULL,
    definition  jsonb NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL,
    PRIMARY KEY (cap_id, version)
  );

  -- One row. Importers read it under an advisory lock that they share while they count, and that a change of caps or of what
  -- accounts are in has alone: so a batch sees caps and counters of one state, and its revision tells a process when to
  -- read the caps again.
  CREATE TABLE cap_book (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    revision  bigint NOT NULL
  );
  INSERT INTO cap_book (revision) VALUES (1);

  -- Who changed what, and when.
  CREATE TABLE changes (
    change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    change     text NOT NULL,
    before     jsonb,
    after      jsonb
  );
  CREATE INDEX changes_of_subject ON changes (subject, subject_id, change_id);

  CREATE TABLE api_keys (
    key_id      text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    role        text COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'billing', 'admin', 'feed')),
    -- SHA-256 of the whole key; a key has 256 random bits, so nothing slower is needed
    key_hash    bytea NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    revoked_at  timestamptz,
    revoked_by  text
  );
`;

const USAGE_AND_SPEND = `
  CREATE TABLE feeds (
    feed        text COLLATE "C" PRIMARY KEY CHECK (feed ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    origin      text COLLATE "C" NOT NULL DEFAULT 'default',
    created_at  timestamptz NOT NULL,
    -- when usage last arrived, and the latest start it held
    last_import_at  timestamptz,
    watermark       timestamptz
  );

  CREATE TABLE imports (
    import_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed         text COLLATE "C" NOT NULL REFERENCES feeds,
    source       text COLLATE "C" NOT NULL CHECK (source IN ('http', 'drop-folder', 'resend')),
    file_name    text NOT NULL DEFAULT '',
    -- SHA-256 of a file's bytes as they lay there
    content_hash bytea,
    state        text COLLATE "C" NOT NULL CHECK (state IN ('running', 'done', 'failed', 'same-file')),
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    error        text,
    requested_by text NOT NULL DEFAULT '',
    -- how its rejects' texts are to be read when they are sent again
    format       text COLLATE "C" NOT NULL CHECK (format IN ('csv', 'ndjson', 'json')),
    header       text NOT NULL DEFAULT '',
    -- for each lane the line up to which outcomes are committed: where a broken-off import goes on
    settled_lines bigint[] NOT NULL DEFAULT '{0,0}',
    received     bigint NOT NULL DEFAULT 0,
    counted      bigint NOT NULL DEFAULT 0,
    duplicate    bigint NOT NULL DEFAULT 0,
    stale        bigint NOT NULL DEFAULT 0,
    superseded   bigint NOT NULL DEFAULT 0,
    rejected     bigint NOT NULL DEFAULT 0
  );
  -- The same file of the same feed counts once.
  CREATE UNIQUE INDEX imports_of_file ON imports (feed, content_hash)
    WHERE content_hash IS NOT NULL AND state IN ('running', 'done');

  CREATE TABLE rejects (
    import_id  bigint NOT NULL REFERENCES imports,
    line       bigint NOT NULL,
    text       text NOT NULL,
    field      text NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    detail     text NOT NULL,
    -- set when it was sent again and then used
    resent_in  bigint REFERENCES imports,
    PRIMARY KEY (import_id, line)
  );

  -- The version that holds of every usage record, by day of its start. The key begins with the record, so that a
  -- version whose start has moved is found on the days around it; the second index carries an account's own view.
  CREATE TABLE usage (
    day             date NOT NULL,
    record_id       text COLLATE "C" NOT NULL,
    origin          text COLLATE "C" NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    service_id      text COLLATE "C" NOT NULL,
    started_at      timestamptz NOT NULL,
    duration_s      integer NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    units           bigint,
    a_number        text COLLATE "C" NOT NULL,
    b_number        text COLLATE "C" NOT NULL,
    amount_micros   bigint NOT NULL,
    cost_micros     bigint,
    state           smallint NOT NULL,
    revision        integer NOT NULL,
    country         text COLLATE "C" NOT NULL,
    traffic         smallint NOT NULL,
    origin_country  text COLLATE "C" NOT NULL,
    import_id       bigint NOT NULL,
    UNIQUE (record_id, origin, day)
  ) PARTITION BY RANGE (day);
  CREATE INDEX usage_of_account ON usage (account_id, started_at);

  -- Spend under the caps that hold: the sum over the ledger of what a subject (an account, or one service of it that
  -- has a cap of its own: service_id) spent on a traffic class in a calendar period.
  CREATE TABLE counters (
    account_id    text COLLATE "C" NOT NULL,
    service_id    text COLLATE "C" NOT NULL,
    traffic       text COLLATE "C" NOT NULL,
    period        text COLLATE "C" NOT NULL,
    period_start  timestamptz NOT NULL,
    spend_micros  bigint NOT NULL,
    -- below this spend nothing can be crossed: the lowest threshold of the cap, as the last batch knew it
    look_from_micros bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, period_start, period, traffic, service_id)
  ) WITH (fillfactor = 50);

  -- Each threshold once per cap, account and period.
  CREATE TABLE crossings (
    cap_id        uuid NOT NULL,
    account_id    text COLLATE "C" NOT NULL,
    period        text COLLATE "C" NOT NULL,
    percent       numeric(6, 2) NOT NULL,
    period_from   timestamptz NOT NULL,
    -- a rolling window acts again only after this instant
    period_end    timestamptz NOT NULL,
    crossed_at    timestamptz NOT NULL,
    record_id     text NOT NULL,
    uncrossed_at  timestamptz,
    PRIMARY KEY (account_id, cap_id, percent, period)
  );
`;

const DECISIONS_AND_DEEDS = `
  CREATE TABLE decisions (
    -- the order in which they were made, which pages are cut by
    decision_no   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    decision_id   uuid PRIMARY KEY,
    at            timestamptz NOT NULL,
    account_id    text COLLATE "C" NOT NULL,
    type          text COLLATE "C" NOT NULL,
    trigger       text COLLATE "C" NOT NULL,
    action        text COLLATE "C" NOT NULL,
    cap_id        uuid,
    cap_version   integer,
    period        text COLLATE "C" NOT NULL,
    threshold     numeric(6, 2),
    traffic       text COLLATE "C" NOT NULL,
    spend_micros  bigint,
    limit_micros  bigint,
    currency      text COLLATE "C" NOT NULL,
    record_id     text NOT NULL,
    service_id    text COLLATE "C" NOT NULL,
    mode          text COLLATE "C" NOT NULL,
    explanation   text NOT NULL
  );
  CREATE INDEX decisions_of_account ON decisions (account_id, decision_no);

  CREATE TABLE warnings (
    warning_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    warning_id    uuid PRIMARY KEY,
    decision_id   uuid NOT NULL REFERENCES decisions,
    account_id    text COLLATE "C" NOT NULL,
    channel       text COLLATE "C" NOT NULL CHECK (channel IN ('email', 'sms')),
    address       text NOT NULL,
    subject       text NOT NULL,
    text          text NOT NULL,
    state         text COLLATE "C" NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed')),
    created_at    timestamptz NOT NULL,
    settled_at    timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    -- who is sending it may hold it until then; after a crash somebody else takes it up
    leased_until  timestamptz,
    UNIQUE (decision_id, channel)
  );
  CREATE INDEX warnings_of_account ON warnings (account_id, warning_no);
  CREATE INDEX warnings_open ON warnings (created_at) WHERE state IN ('queued', 'sending');

  CREATE TABLE warning_attempts (
    warning_id  uuid NOT NULL REFERENCES warnings,
    attempt     integer NOT NULL,
    at          timestamptz NOT NULL,
    outcome     text COLLATE "C" NOT NULL CHECK (outcome IN ('sent', 'retry', 'refused')),
    answer      text NOT NULL,
    PRIMARY KEY (warning_id, attempt)
  );

  CREATE TABLE suspensions (
    suspension_no  bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    suspension_id  uuid PRIMARY KEY,
    account_id     text COLLATE "C" NOT NULL,
    class          text COLLATE "C" NOT NULL CHECK (class IN ('international', 'premium', 'outgoing')),
    state          text COLLATE "C" NOT NULL
                   CHECK (state IN ('awaiting-approval', 'wanted', 'applied', 'lifting', 'lifted', 'declined')),
    decision_id    uuid REFERENCES decisions,
    cap_id         uuid,
    period         text COLLATE "C" NOT NULL DEFAULT '',
    reason         text NOT NULL,
    terms          text NOT NULL,
    requested_by   text NOT NULL,
    requested_at   timestamptz NOT NULL,
    approved_by    text,
    approved_at    timestamptz,
    -- NULL: until lifted by hand
    ends_at        timestamptz,
    applied_at     timestamptz,
    lift_trigger   text,
    lift_reason    text,
    lift_by        text,
    lift_wanted_at timestamptz,
    lifted_at      timestamptz
  );
  CREATE INDEX suspensions_of_account ON suspensions (account_id, suspension_no);
  CREATE INDEX suspensions_live ON suspensions (account_id, class) WHERE state IN ('wanted', 'applied', 'lifting');
  CREATE INDEX suspensions_due ON suspensions (ends_at) WHERE state IN ('awaiting-approval', 'wanted', 'applied');

  -- What was known, decided, sent and done: append-only, each entry bearing the hash of the one before it.
  -- body is json, not jsonb: the hash is over its very bytes.
  CREATE TABLE evidence (
    account_id  text COLLATE "C" NOT NULL,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    body        json NOT NULL,
    prev_hash   text COLLATE "C" NOT NULL,
    hash        text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, seq)
  );
  -- The end of each chain, so that a missing last entry shows.
  CREATE TABLE evidence_heads (
    account_id  text COLLATE "C" PRIMARY KEY,
    seq         bigint NOT NULL,
    hash        text COLLATE "C" NOT NULL
  );
  CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE TRIGGER evidence_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

  -- What committed with its cause and waits to be carried to a queue.
  CREATE TABLE outbox (
    outbox_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job         text COLLATE "C" NOT NULL,
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL
  );
`;
