import { jest } from '@jest/globals';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { DataSource } from 'typeorm';
import { AdminModule } from '../../src/admin/admin.module.ts';
import { configureHttp, HTTP_OPTIONS, httpAdapter } from '../../src/admin/http.ts';
import { KeyRing } from '../../src/admin/keys/key-ring.ts';
import type { KeyRole } from '../../src/admin/keys/role.ts';
import { CONFIG, readConfig, type Config } from '../../src/config.ts';
import { Clock, DrivenClock, parseInstant } from '../../src/kernel/clock.ts';
import { NodesInService } from '../../src/suspensions/switches/nodes-in-service.ts';
import { BRAND } from '../../src/warnings/brand.ts';
import { CHART_DRAWER } from '../../src/warnings/chart/drawer.ts';
import { TEMPLATES } from '../../src/warnings/templates/folder.ts';
import { BUILT_IN, NO_BRAND } from '../harness/messages.ts';
import { EMAIL_CHANNEL, SMS_CHANNEL } from '../../src/warnings/deliveries.ts';
import { DirectDrawer } from '../harness/direct-drawer.ts';
import { FixedNodes } from '../harness/fixed-nodes.ts';
import { closedAtLast } from '../harness/closing.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

@Module({})
class TestSurroundings {
  static of(config: Config, clock: Clock, dataSource: DataSource, controllers: Type[]): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: Clock, useValue: clock },
      { provide: DataSource, useValue: dataSource },
      // Nothing is carried out here: what is decided stays queued.
      ...[EMAIL_CHANNEL, SMS_CHANNEL].map((provide) => ({ provide, useValue: {} })),
      { provide: NodesInService, useValue: new FixedNodes() },
      { provide: BRAND, useValue: NO_BRAND },
      { provide: TEMPLATES, useValue: BUILT_IN },
      { provide: CHART_DRAWER, useValue: new DirectDrawer() },
    ];
    return { module: TestSurroundings, global: true, controllers, providers, exports: providers };
  }
}

export const ADMIN_KEY = 'the-administrator-of-the-tests';

export interface AdminApp {
  app: NestFastifyApplication;
  clock: DrivenClock;
  database: TestDatabase;
  /** As the administrator, unless another key is given; `null`: as nobody. */
  call(method: InjectOptions['method'], url: string, options?: CallOptions): Promise<LightMyRequestResponse>;
  keyOf(role: KeyRole): Promise<string>;
  close(): Promise<void>;
}

export interface CallOptions {
  key?: string | null;
  body?: InjectOptions['payload'];
  headers?: Record<string, string>;
}

/** The admin API on a database of its own, its clock at 10 March 2010, without a socket; or on a database that another one has. */
export async function startAdmin(
  env: Record<string, string> = { PLAFOND_ADMIN_KEY: ADMIN_KEY },
  controllers: Type[] = [],
  shared?: TestDatabase,
): Promise<AdminApp> {
  const database = shared ?? (await createTestDatabase());
  const clock = new DrivenClock(parseInstant('2010-03-10T12:00:00+01:00')!);
  const surroundings = TestSurroundings.of(readConfig(env), clock, database.dataSource, controllers);
  const module = await Test.createTestingModule({ imports: [surroundings, AdminModule] }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(httpAdapter(), { ...HTTP_OPTIONS, logger: false });
  await configureHttp(app);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return {
    app,
    clock,
    database,
    call: (method, url, { key = ADMIN_KEY, body, headers = {} } = {}) =>
      app.inject({
        method,
        url,
        headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
        ...(body === undefined ? {} : { payload: body }),
      }),
    keyOf: async (role) => (await app.get(KeyRing).make(role, role, 'the tests')).key,
    close: closedAtLast('admin API', async () => {
      await app.close();
      if (!shared) await database.drop();
    }),
  };
}

/** A whole account, as it travels. */
export const ACCOUNT = {
  name: 'Bakkerij Jansen',
  segment: 'smb',
  currency: 'EUR',
  time_zone: 'Europe/Amsterdam',
  cycle_day: 1,
  locale: 'nl-NL',
  email: 'jansen@example.nl',
  msisdn: '+31612345678',
  home_country: 'NL',
  suspension_terms: 'clause 7.2',
  parent_id: '',
};

export const CAP = {
  name: 'International, small business',
  scope: { segment: 'smb' },
  traffic: 'international',
  period: 'month',
  limit: '100.00',
  currency: 'EUR',
  thresholds: [
    { percent: 50, actions: ['warn'] },
    { percent: 100, actions: ['warn', 'suspend:international'] },
  ],
};

/** So much later by the machine's stopwatch, whatever its clock says. */
export function later(ms: number): void {
  const at = performance.now() + ms;
  jest.spyOn(performance, 'now').mockReturnValue(at);
}
