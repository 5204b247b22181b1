/** Switches that were configured by API. */
import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../../kernel/clock.ts';
import type { SwitchDefinition } from './definition.ts';

export interface StoredSwitch {
  name: string;
  definition: SwitchDefinition;
  version: number;
}

/** They are few; by the primary key. */
const ALL = `SELECT name, definition, version FROM switches ORDER BY name`;

export async function storedSwitches(client: ClientBase): Promise<StoredSwitch[]> {
  const { rows } = await client.query<StoredSwitch>(ALL);
  return rows;
}

const LOCK = `SELECT name, definition, version FROM switches WHERE name = $1 FOR UPDATE`;

export async function lockSwitch(client: ClientBase, name: string): Promise<StoredSwitch | undefined> {
  const { rows } = await client.query<StoredSwitch>(LOCK, [name]);
  return rows[0];
}

const SAVE = `
  INSERT INTO switches AS s (name, definition, updated_at) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, version = s.version + 1, updated_at = excluded.updated_at
  RETURNING name, definition, version`;

export async function saveSwitch(
  client: ClientBase,
  name: string,
  definition: SwitchDefinition,
  at: Instant,
): Promise<StoredSwitch> {
  const { rows } = await client.query<StoredSwitch>(SAVE, [name, JSON.stringify(definition), toDate(at)]);
  return rows[0]!;
}

export async function deleteSwitch(client: ClientBase, name: string): Promise<void> {
  await client.query('DELETE FROM switches WHERE name = $1', [name]);
}
