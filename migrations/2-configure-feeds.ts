import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Feeds say how their rows are read, in which rhythm they come and where from; feeds that are there stay canonical. */
export class ConfigureFeeds1700000000002 implements MigrationInterface {
  name = 'ConfigureFeeds1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FEEDS);
    await runner.query(IMPORTS);
    await runner.query(PULLED_FILES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE pulled_files;
      ALTER TABLE imports DROP COLUMN skipped;
      ALTER TABLE feeds DROP COLUMN format, DROP COLUMN mapping, DROP COLUMN expect_every_s, DROP COLUMN late_after_s,
        DROP COLUMN sequence, DROP COLUMN tolerance_percent, DROP COLUMN tolerance_amount, DROP COLUMN sftp,
        DROP COLUMN file_hash, DROP COLUMN version, DROP COLUMN updated_at`);
  }
}

const FEEDS = `
  ALTER TABLE feeds
    ADD COLUMN format            text COLLATE "C" NOT NULL DEFAULT 'canonical',
    ADD COLUMN mapping           jsonb NOT NULL DEFAULT '{}',
    -- how often usage is to come, and how old the latest may be
    ADD COLUMN expect_every_s    integer CHECK (expect_every_s > 0),
    ADD COLUMN late_after_s      integer CHECK (late_after_s > 0),
    -- the number in a file's name, as a regular expression with one group
    ADD COLUMN sequence          text,
    -- by how much near-real-time and nightly usage may differ
    ADD COLUMN tolerance_percent numeric CHECK (tolerance_percent >= 0),
    ADD COLUMN tolerance_amount  numeric CHECK (tolerance_amount >= 0),
    ADD COLUMN sftp              jsonb,
    -- SHA-256 of the feed.json that was read last: while it stays the same, what the API changed stays too
    ADD COLUMN file_hash         bytea,
    ADD COLUMN version           integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at        timestamptz;
`;

const IMPORTS = `
  -- Rows that are no usage of a customer by what the peer itself says, such as the same call rated for the carrier.
  ALTER TABLE imports ADD COLUMN skipped bigint NOT NULL DEFAULT 0;
  -- Beside csv, ndjson and json of canonical usage: the format of the feed, under which rejects are read again.
  ALTER TABLE imports DROP CONSTRAINT imports_format_check;
`;

const PULLED_FILES = `
  -- What was seen on a peer's server, and what was taken from there: a file whose size or time changes is another.
  CREATE TABLE pulled_files (
    feed        text COLLATE "C" NOT NULL REFERENCES feeds ON DELETE CASCADE,
    name        text COLLATE "C" NOT NULL,
    bytes       bigint NOT NULL,
    modified_at timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    taken_at    timestamptz,
    PRIMARY KEY (feed, name, bytes, modified_at)
  );
`;
