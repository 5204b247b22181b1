import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../../config.ts';
import { Clock, Stopwatch, toDate } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { inTransaction } from '../../database/transaction.ts';
import { recordChanges } from '../../pipeline/recorded-change.ts';
import { hashKey, isKey, makeKey, type NewKey } from './key.ts';
import type { KeyRole, Principal } from './role.ts';

/** How long a process may go on accepting a key that another one has revoked. */
const REMEMBERED_MS = 2_000;
const REMEMBERED_KEYS_MAX = 10_000;

// Held by whoever makes or revokes an administrator's key: so that there is always one, and at the first start one only.
const ADMINISTRATORS_LOCK = 0x504c4b59;

const LOOK_UP = `SELECT key_id, name, role FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL`;

const INSERT = `INSERT INTO api_keys (key_id, name, role, key_hash, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)`;

/** Knows the valid keys, hands out new ones and revokes them. */
@Injectable()
export class KeyRing {
  readonly #dataSource: DataSource;
  readonly #clock: Clock;
  readonly #adminHash: Buffer | undefined;
  readonly #remembered = new Map<string, { principal: Principal; readAt: number }>();
  readonly #stopwatch = new Stopwatch();

  constructor(dataSource: DataSource, clock: Clock, @Inject(CONFIG) config: Config) {
    this.#dataSource = dataSource;
    this.#clock = clock;
    this.#adminHash = config.adminKey === undefined ? undefined : hashKey(config.adminKey);
  }

  /** The bearer of a key; `undefined` where it is none of ours or was revoked. */
  async bearer(presented: string): Promise<Principal | undefined> {
    const hash = hashKey(presented);
    if (this.#adminHash && timingSafeEqual(hash, this.#adminHash)) {
      return { keyId: 'PLAFOND_ADMIN_KEY', name: 'administrator', role: 'admin' };
    }
    if (!isKey(presented)) return undefined;
    const name = hash.toString('base64');
    const known = this.#remembered.get(name);
    const now = this.#stopwatch.now();
    if (known && now - known.readAt < REMEMBERED_MS) return known.principal;
    const [row] = await this.#dataSource.query<{ key_id: string; name: string; role: KeyRole }[]>(LOOK_UP, [hash]);
    this.#remembered.delete(name);
    if (!row) return undefined;
    const principal = { keyId: row.key_id, name: row.name, role: row.role };
    if (this.#remembered.size >= REMEMBERED_KEYS_MAX) this.#remembered.clear();
    this.#remembered.set(name, { principal, readAt: now });
    return principal;
  }

  /** Makes a key; what is answered is the only time it can be read. */
  async make(name: string, role: KeyRole, actor: string): Promise<NewKey> {
    const made = makeKey();
    const at = this.#clock.now();
    await inTransaction(this.#dataSource, async ({ client }) => {
      await client.query(INSERT, [made.id, name, role, made.hash, toDate(at), actor]);
      const change = { actor, subject: 'key', subjectId: made.id, change: 'created', after: { name, role } } as const;
      await recordChanges(client, [change], at);
    });
    return made;
  }

  /** Revokes a key at once; a key that was revoked before stays as it is. Never the last one that could make others. */
  async revoke(keyId: string, actor: string): Promise<void> {
    const at = this.#clock.now();
    await inTransaction(this.#dataSource, async ({ client }) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [ADMINISTRATORS_LOCK]);
      const { rows } = await client.query<{ role: KeyRole; revoked: boolean }>(
        'SELECT role, revoked_at IS NOT NULL AS revoked FROM api_keys WHERE key_id = $1',
        [keyId],
      );
      if (!rows[0]) throw new Refusal('not-found', 'unknown_key', `there is no key ${keyId}`);
      if (rows[0].revoked) return;
      if (rows[0].role === 'admin' && !this.#adminHash && (await administrators(client)) === 1) {
        throw new Refusal(
          'conflict',
          'last_administrator',
          'this is the last key of an administrator: make another one first',
        );
      }
      await client.query('UPDATE api_keys SET revoked_at = $2, revoked_by = $3 WHERE key_id = $1', [
        keyId,
        toDate(at),
        actor,
      ]);
      await recordChanges(client, [{ actor, subject: 'key', subjectId: keyId, change: 'revoked' }], at);
    });
    // The cache is by hash and small enough to be read anew.
    this.#remembered.clear();
  }

  /** The first administrator's key, where neither the environment nor the database has one. */
  async makeFirstAdministrator(): Promise<string | undefined> {
    if (this.#adminHash) return undefined;
    return inTransaction(this.#dataSource, async ({ client }) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [ADMINISTRATORS_LOCK]);
      if ((await administrators(client)) > 0) return undefined;
      const { id, key, hash } = makeKey();
      await client.query(INSERT, [id, 'first administrator', 'admin', hash, toDate(this.#clock.now()), 'first start']);
      return key;
    });
  }
}

async function administrators(client: { query(sql: string): Promise<{ rows: unknown[] }> }): Promise<number> {
  return (await client.query(`SELECT FROM api_keys WHERE role = 'admin' AND revoked_at IS NULL`)).rows.length;
}
