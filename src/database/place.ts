/** Whether Plafond can keep what is its own in the database that it was given. */
import { type Client, escapeIdentifier } from 'pg';

interface Place {
  database: string;
  role: string;
  encoding: string;
  /** the first of the search path that there is */
  schema: string | null;
  maySchema: boolean;
  mayDatabase: boolean;
}

const PLACE = `
  SELECT current_database() AS database, current_user AS role, getdatabaseencoding() AS encoding, current_schema() AS schema,
         has_schema_privilege(current_schema(), 'CREATE') AS "maySchema",
         has_database_privilege(current_database(), 'CREATE') AS "mayDatabase"`;

/** Throws, before anything is made, where the database can't hold every name or the role may not make what it needs; says what to do. */
export async function assertPlace(client: Client, { queue }: { queue: boolean }): Promise<void> {
  const place = (await client.query<Place>(PLACE)).rows[0]!;
  const [database, role] = [place.database, place.role].map(escapeIdentifier);
  if (place.encoding !== 'UTF8') {
    throw new Error(
      `the database's encoding is ${place.encoding}, which cannot hold every name: make one with ENCODING 'UTF8' TEMPLATE template0`,
    );
  }
  if (place.schema === null) {
    throw new Error(
      `the search_path of role ${role} names no schema that it may use: CREATE SCHEMA plafond AUTHORIZATION ${role}; ALTER ROLE ${role} SET search_path = plafond`,
    );
  }
  if (!place.maySchema) {
    throw new Error(
      `role ${role} may not make tables: GRANT CREATE ON SCHEMA ${escapeIdentifier(place.schema)} TO ${role}, or let it own the database`,
    );
  }
  // BullMQ says CREATE SCHEMA IF NOT EXISTS at each start, and PostgreSQL asks for the right first.
  if (queue && !place.mayDatabase) {
    throw new Error(
      `role ${role} may not make the queue's schema, bullmq: GRANT CREATE ON DATABASE ${database} TO ${role}, or set QUEUE_URL to a Redis`,
    );
  }
}
