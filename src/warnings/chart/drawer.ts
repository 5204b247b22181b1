/** Draws the charts of mails as pictures. A mail never waits for its chart longer than a moment, and goes without it. */
import { Worker } from 'node:worker_threads';
import type { DrawingOrder, Drawn } from './drawing-thread.ts';
import type { ChartStyle, SpendSeries } from './spend-chart.ts';

/** For injection. */
export const CHART_DRAWER = Symbol('CHART_DRAWER');

const DRAW_MS_MAX = 15_000;

export interface ChartDrawer {
  /** The chart as PNG. Rejects where it can't be drawn. */
  draw(series: SpendSeries, style: ChartStyle): Promise<Buffer>;
  close(): Promise<void>;
}

/** Draws in a thread of its own, started with the first chart, and again after it broke. */
export class ThreadDrawer implements ChartDrawer {
  readonly #waiting = new Map<number, { resolve: (png: Buffer) => void; reject: (reason: Error) => void }>();
  #thread: Worker | undefined;
  #number = 0;

  async draw(series: SpendSeries, style: ChartStyle): Promise<Buffer> {
    const thread = (this.#thread ??= this.#start());
    const number = ++this.#number;
    return new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(number, new Error('it took too long')), DRAW_MS_MAX);
      const ended =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          end(value);
        };
      this.#waiting.set(number, { resolve: ended(resolve), reject: ended(reject) });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window: it has no origin
      thread.postMessage({ number, series, style } satisfies DrawingOrder);
    });
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  #start(): Worker {
    const thread = new Worker(new URL('drawing-thread.js', import.meta.url));
    // Nobody waits for a chart alone.
    thread.unref();
    thread.on('message', ({ number, png, reason }: Drawn) => {
      this.#settle(number, png ? Buffer.from(png) : new Error(reason));
    });
    const broke = (why: string) => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const number of this.#waiting.keys()) this.#settle(number, new Error(why));
    };
    thread.on('error', (error) => broke(String(error)));
    thread.on('exit', () => broke('the thread has ended'));
    return thread;
  }

  #settle(number: number, drawn: Buffer | Error): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (drawn instanceof Error) waiting?.reject(drawn);
    else waiting?.resolve(drawn);
  }
}
