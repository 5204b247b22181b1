import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Switches that are configured, and what each of their nodes was last seen to do. */
export class KeepSwitches1700000000006 implements MigrationInterface {
  name = 'KeepSwitches1700000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SWITCHES);
    await runner.query(READ_BACK);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE suspension_nodes, switch_nodes, switches');
  }
}

const SWITCHES = `
  CREATE TABLE switches (
    name        text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    -- kind, nodes, names and the name of the secret, as they were put
    definition  jsonb NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    updated_at  timestamptz NOT NULL
  );

  -- How each node in service was when it was last looked at; one row a node, whoever looks.
  CREATE TABLE switch_nodes (
    node          text COLLATE "C" PRIMARY KEY,
    -- 'up'; 'away': no answer; 'wrong': an answer that shows that a person must look
    state         text COLLATE "C" NOT NULL CHECK (state IN ('up', 'away', 'wrong')),
    since         timestamptz NOT NULL,
    answer        text NOT NULL,
    failures      integer NOT NULL,
    -- by the clock of the database, which all processes share
    next_look_at  timestamptz NOT NULL,
    looked_at     timestamptz NOT NULL,
    bars          integer NOT NULL,
    -- when it was last found to have lost what it held, and filled again
    filled_at     timestamptz
  );
`;

const READ_BACK = `
  -- What each node was last read to do with a suspension: the other half of its state. No row: not read yet.
  CREATE TABLE suspension_nodes (
    suspension_id  uuid NOT NULL REFERENCES suspensions,
    node           text COLLATE "C" NOT NULL,
    -- NULL: it could not be read
    barred         boolean,
    read_at        timestamptz NOT NULL,
    -- when none of its calls in progress was left; NULL while the bar is not set, or some still run
    calls_ended_at timestamptz,
    calls_ended    integer NOT NULL DEFAULT 0,
    -- why the node could not be told last; told in evidence once, and gone when it answers
    answer         text,
    PRIMARY KEY (suspension_id, node)
  );
  CREATE INDEX suspension_nodes_with_calls ON suspension_nodes (node) WHERE barred AND calls_ended_at IS NULL;
`;
