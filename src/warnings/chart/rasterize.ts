/** SVG to PNG, for mail clients show no SVG. One font comes along, so that it looks the same on every machine. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

/** Pixels for each of CSS: sharp on a phone, and still some ten kilobytes. */
const ZOOM = 1.5;

const require = createRequire(import.meta.url);
let ready: Promise<{ font: Uint8Array }> | undefined;

async function load(): Promise<{ font: Uint8Array }> {
  await initWasm(await readFile(require.resolve('@resvg/resvg-wasm/index_bg.wasm')));
  return { font: await readFile(require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf')) };
}

export async function rasterize(svg: string): Promise<Buffer> {
  const { font } = await (ready ??= load());
  const resvg = new Resvg(svg, {
    font: { fontBuffers: [font], defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
    fitTo: { mode: 'zoom', value: ZOOM },
  });
  try {
    const image = resvg.render();
    try {
      return Buffer.from(image.asPng());
    } finally {
      image.free();
    }
  } finally {
    resvg.free();
  }
}
