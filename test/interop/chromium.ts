/** A real Chromium, headless, that reaches nothing but this machine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { closedAtLast } from '../harness/closing.ts';
import { findProgram } from './find-program.ts';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Window {
  width: number;
  height: number;
  /** whether pages may run scripts; ours must not need to */
  scripts: boolean;
}

export class Browser {
  /** what pages have asked for */
  readonly requested: string[] = [];

  private constructor(
    private readonly context: BrowserContext,
    private readonly folder: string,
    readonly page: Page,
  ) {}

  static async open({ width, height, scripts }: Window): Promise<Browser> {
    const folder = await mkdtemp(join(tmpdir(), 'plafond-chromium-'));
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: findProgram('chromium')!,
      args: FLAGS,
      viewport: { width, height },
      javaScriptEnabled: scripts,
    });
    closedAtLast('Chromium', () => context.close());
    const page = context.pages()[0] ?? (await context.newPage());
    const browser = new Browser(context, folder, page);
    page.on('request', (request) => browser.requested.push(request.url()));
    return browser;
  }

  /** Keeps a picture of the whole page where `SCREENSHOTS` names a folder, for a person to look at. */
  async picture(name: string): Promise<void> {
    const folder = process.env['SCREENSHOTS'];
    if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
