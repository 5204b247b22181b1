import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { Clock, type Instant } from '../../kernel/clock.ts';

/** Counting what has piled up takes a look through a table; scrapes that come closer together share one. */
const COUNTED_ANEW_MS = 15_000;

const COUNTS = {
  plafond_imports: {
    help: 'Imports by state',
    label: 'state',
    sql: 'SELECT state AS label, count(*) FROM imports GROUP BY state',
  },
  plafond_decisions: {
    help: 'Decisions by type',
    label: 'type',
    sql: 'SELECT type AS label, count(*) FROM decisions GROUP BY type',
  },
  plafond_warnings: {
    help: 'Warnings by state',
    label: 'state',
    sql: 'SELECT state AS label, count(*) FROM warnings GROUP BY state',
  },
  plafond_suspensions: {
    help: 'Suspensions by state',
    label: 'state',
    sql: 'SELECT state AS label, count(*) FROM suspensions GROUP BY state',
  },
} as const;

/** What Prometheus reads. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  readonly #answers: Histogram;

  constructor(dataSource: DataSource, clock: Clock) {
    collectDefaultMetrics({ register: this.registry });
    this.#answers = new Histogram({
      name: 'plafond_http_request_duration_seconds',
      help: 'How long requests took, by route',
      labelNames: ['method', 'route', 'status'],
      registers: [this.registry],
    });
    for (const [name, { help, label, sql }] of Object.entries(COUNTS)) {
      let countedAt: Instant | undefined;
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [this.registry],
        collect: async () => {
          const now = clock.now();
          if (countedAt !== undefined && now - countedAt < COUNTED_ANEW_MS) return;
          const rows = await dataSource.query<{ label: string; count: string }[]>(sql);
          gauge.reset();
          for (const row of rows) gauge.set({ [label]: row.label }, Number(row.count));
          countedAt = now;
        },
      });
    }
  }

  answered(method: string, route: string, status: number, duration_ms: number): void {
    this.#answers.observe({ method, route, status }, duration_ms / 1000);
  }
}
