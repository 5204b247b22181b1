import type { ChartDrawer } from '../../src/warnings/chart/drawer.ts';
import { rasterize } from '../../src/warnings/chart/rasterize.ts';
import { drawSpend, type ChartStyle, type SpendSeries } from '../../src/warnings/chart/spend-chart.ts';

/** Draws where it is asked to: for one mail at a time. */
export class DirectDrawer implements ChartDrawer {
  async draw(series: SpendSeries, style: ChartStyle): Promise<Buffer> {
    return rasterize(drawSpend(series, style));
  }

  async close(): Promise<void> {}
}
