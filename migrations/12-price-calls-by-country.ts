import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What calls to a country usually cost, for calls in progress to a range that nobody has called yet. */
export class PriceCallsByCountry1700000000012 implements MigrationInterface {
  name = 'PriceCallsByCountry1700000000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tariff_prices ADD COLUMN country text COLLATE "C" NOT NULL DEFAULT '';
      ALTER TABLE tariff_prices ALTER COLUMN country DROP DEFAULT,
        DROP CONSTRAINT tariff_prices_pkey,
        ADD PRIMARY KEY (day, currency, segment, range, country, bucket);
      CREATE INDEX tariff_prices_of_country ON tariff_prices (country, currency, range);
      -- Counts that tell of no country are made anew from the ledger.
      TRUNCATE tariff_days`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      TRUNCATE tariff_prices, tariff_days;
      DROP INDEX tariff_prices_of_country;
      ALTER TABLE tariff_prices DROP CONSTRAINT tariff_prices_pkey, DROP COLUMN country,
        ADD PRIMARY KEY (day, currency, segment, range, bucket)`);
  }
}
