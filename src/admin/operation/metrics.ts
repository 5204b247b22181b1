import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { Stopwatch } from '../../kernel/clock.ts';

const COUNTED_ANEW_MS = 15_000;
/** What takes long to count is counted more seldom: a hundredth of the time goes into it, however much there is. */
const PAUSE_TIMES = 100;

const bySettled = (table: string, open: readonly string[]) => `
  SELECT state AS label, count(*) FROM ${table} WHERE state NOT IN (${open.map((state) => `'${state}'`).join(', ')}) GROUP BY 1`;

/** Each by one or several looks: what is open is few, has an index, and is counted apart from what has piled up. */
const COUNTS = {
  plafond_imports: {
    help: 'Imports by state, as far back as they are kept',
    label: 'state',
    looks: ['SELECT state AS label, count(*) FROM imports GROUP BY 1'],
  },
  plafond_decisions: {
    help: 'Decisions by type',
    label: 'type',
    looks: ['SELECT type AS label, count(*) FROM decisions GROUP BY 1'],
  },
  plafond_warnings: {
    help: 'Warnings by state',
    label: 'state',
    looks: [
      // By warnings_open.
      `SELECT state AS label, count(*) FROM warnings WHERE state IN ('queued', 'sending') GROUP BY 1`,
      bySettled('warnings', ['queued', 'sending']),
    ],
  },
  plafond_suspensions: {
    help: 'Suspensions by state',
    label: 'state',
    looks: [
      // By suspensions_live and suspensions_due.
      `SELECT state AS label, count(*) FROM suspensions WHERE state IN ('wanted', 'applied', 'lifting') GROUP BY 1
       UNION ALL SELECT state, count(*) FROM suspensions WHERE state = 'awaiting-approval' GROUP BY 1`,
      bySettled('suspensions', ['awaiting-approval', 'wanted', 'applied', 'lifting']),
    ],
  },
} as const;

interface Count {
  label: string;
  count: string;
}

/** Whoever asks while a look lasts, or soon after it, gets its answer. */
export function paced<T>(look: () => Promise<T>, stopwatch: { now(): number } = new Stopwatch()): () => Promise<T> {
  let last: Promise<T> | undefined;
  let until: number = -Infinity;
  return () => {
    const began = stopwatch.now();
    if (last && began < until) return last;
    until = Infinity;
    last = look().finally(() => {
      const took_ms = stopwatch.now() - began;
      until = stopwatch.now() + Math.max(COUNTED_ANEW_MS, PAUSE_TIMES * took_ms);
    });
    // What could not be counted is counted as soon as somebody asks again.
    last.catch(() => (until = -Infinity));
    return last;
  };
}

/** What Prometheus reads. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  readonly #answers: Histogram;

  constructor(dataSource: DataSource) {
    collectDefaultMetrics({ register: this.registry });
    this.#answers = new Histogram({
      name: 'plafond_http_request_duration_seconds',
      help: 'How long requests took, by route',
      labelNames: ['method', 'route', 'status'],
      registers: [this.registry],
    });
    for (const [name, { help, label, looks }] of Object.entries(COUNTS)) {
      const counts = looks.map((sql) => paced(() => dataSource.query<Count[]>(sql)));
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [this.registry],
        collect: async () => {
          const rows = (await Promise.all(counts.map((count) => count()))).flat();
          gauge.reset();
          for (const row of rows) gauge.set({ [label]: row.label }, Number(row.count));
        },
      });
    }
  }

  answered(method: string, route: string, status: number, duration_ms: number): void {
    this.#answers.observe({ method, route, status }, duration_ms / 1000);
  }
}
