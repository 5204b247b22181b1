/** Draws charts beside the process's own thread: so that a thousand mails at once hold up no suspension. */
import { parentPort } from 'node:worker_threads';
import { assert } from '../../kernel/assert.ts';
import { rasterize } from './rasterize.ts';
import { drawSpend, type ChartStyle, type SpendSeries } from './spend-chart.ts';

export interface DrawingOrder {
  number: number;
  series: SpendSeries;
  style: ChartStyle;
}

export interface Drawn {
  number: number;
  /** undefined where it could not be drawn */
  png: Uint8Array | undefined;
  reason: string;
}

assert(parentPort, 'a thread that draws was started as a program');
const port = parentPort;

port.on('message', ({ number, series, style }: DrawingOrder) => {
  rasterize(drawSpend(series, style)).then(
    (png) => port.postMessage({ number, png, reason: '' } satisfies Drawn),
    (error: unknown) => port.postMessage({ number, png: undefined, reason: String(error) } satisfies Drawn),
  );
});
