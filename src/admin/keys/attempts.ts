/** How often somebody tries, in windows of a minute: counted in the database, by its clock, for all processes together. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Stopwatch } from '../../kernel/clock.ts';

/** By the primary key: of any number that come at once, each is one more. */
const NOTE = `
  INSERT INTO attempts AS seen (who, since, attempts) VALUES ($1, now(), 1)
  ON CONFLICT (who) DO UPDATE SET
    since = CASE WHEN seen.since <= now() - interval '1 minute' THEN now() ELSE seen.since END,
    attempts = CASE WHEN seen.since <= now() - interval '1 minute' THEN 1 ELSE seen.attempts + 1 END
  RETURNING attempts, ceil(extract(epoch FROM since + interval '1 minute' - now()))::int AS wait_s`;

/** For each that begins, some that are over: so the table holds no more than a minute's. By `attempts_by_age`. */
const FORGET = `
  DELETE FROM attempts WHERE who IN (
    SELECT who FROM attempts WHERE since <= now() - interval '1 minute' ORDER BY since LIMIT 100
    FOR UPDATE SKIP LOCKED)`;

const WAITING_MAX = 10_000;

@Injectable()
export class Attempts {
  /** Who has to wait, and until when. They are told so from here: however often they go on, the database hears nothing of it. */
  readonly #waiting = new Map<string, number>();
  readonly #stopwatch = new Stopwatch();

  constructor(private readonly dataSource: DataSource) {}

  /**
   * Notes an attempt and tells how many seconds to wait, where it was one of more than `max` within the minute. `who` may hold
   * an internet address and a token; only its SHA-256 is written. In no transaction: it counts whatever comes of it.
   */
  async note(who: string, max: number): Promise<number | undefined> {
    const hashed = createHash('sha256').update(who).digest('base64url');
    const now = this.#stopwatch.now();
    const until = this.#waiting.get(hashed) ?? now;
    if (until > now) return Math.ceil((until - now) / 1000);
    this.#waiting.delete(hashed);
    const [seen] = await this.dataSource.query<{ attempts: number; wait_s: number }[]>(NOTE, [hashed]);
    const { attempts, wait_s } = seen!;
    if (attempts === 1) await this.dataSource.query(FORGET);
    if (attempts <= max) return undefined;
    const seconds = Math.max(1, wait_s);
    if (this.#waiting.size >= WAITING_MAX) this.#waiting.clear();
    this.#waiting.set(hashed, now + seconds * 1000);
    return seconds;
  }
}
