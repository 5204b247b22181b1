import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A cap may change while an account is under another one: what it did of what the account had crossed is known until the
 * account comes back.
 */
export class KnowWhatCrossingsDid1700000000035 implements MigrationInterface {
  name = 'KnowWhatCrossingsDid1700000000035';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The actions that were taken and not withdrawn since; recorded: in shadow mode; refused: what suspends, without terms.
      -- None: it acts as if it had never been crossed.
      ALTER TABLE crossings ADD COLUMN done text[] COLLATE "C" NOT NULL DEFAULT '{recorded}'`);
    await runner.query(DONE);
    await runner.query('ALTER TABLE crossings ALTER COLUMN done DROP DEFAULT');
    await runner.query('ALTER TABLE caps_to_hold DROP COLUMN before_version');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE caps_to_hold ADD COLUMN before_version integer');
    await runner.query('ALTER TABLE crossings DROP COLUMN done');
  }
}

/** As the cap was when the account was last held against it. */
const DONE = `
  UPDATE crossings x SET done = ARRAY(
           SELECT action FROM jsonb_array_elements(v.definition -> 'thresholds') AS threshold,
                              jsonb_array_elements_text(threshold -> 'actions') AS action
            WHERE (threshold ->> 'percent')::numeric = x.percent)
         || CASE WHEN EXISTS (SELECT FROM accounts a WHERE a.account_id = x.account_id AND a.suspension_terms = '')
                 THEN '{refused}'::text[] ELSE '{}' END
    FROM caps c, cap_versions v
   WHERE c.cap_id = x.cap_id AND v.cap_id = x.cap_id AND v.definition ->> 'mode' <> 'shadow'
     AND v.version = coalesce((SELECT before_version FROM caps_to_hold h
                                WHERE h.account_id = x.account_id AND h.cap_id = x.cap_id), c.version)`;
