import { readFileSync } from 'node:fs';
import { Inject, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { AdminModule } from './admin/admin.module.ts';
import { BadEnvironment, CONFIG, type Config } from './config.ts';
import { DatabaseModule, type Database } from './database/database.module.ts';
import { Clock } from './kernel/clock.ts';
import { ConfiguredNodes } from './pipeline/suspending/configured-nodes.ts';
import { PipelineModule } from './pipeline/pipeline.module.ts';
import type { QueueConnection } from './queues/queue-connection.ts';
import { QueuesModule } from './queues/queues.module.ts';
import { SchedulesModule } from './queues/schedules.module.ts';
import { WorkersModule } from './pipeline/workers.module.ts';
import { NodesInService } from './suspensions/switches/nodes-in-service.ts';
import { BadBrand, BRAND, readBrand, type Brand } from './warnings/brand.ts';
import { emailChannel, smsChannel, type Channel, type MailSettings } from './warnings/channels/channel.ts';
import { CHART_DRAWER, ThreadDrawer, type ChartDrawer } from './warnings/chart/drawer.ts';
import { EMAIL_CHANNEL, SMS_CHANNEL } from './warnings/deliveries.ts';
import { readTemplates, TEMPLATES } from './warnings/templates/folder.ts';

/** What was opened before the roles start, and is closed after they have ended. */
export interface Surroundings {
  clock: Clock;
  database: Database;
  queueConnection: QueueConnection;
}

/** Which modules a role is made of. */
@Module({})
export class AppModule {
  static forRoles(config: Config, { clock, database, queueConnection }: Surroundings): DynamicModule {
    const plays = (...roles: Config['roles']): boolean => roles.some((role) => config.roles.includes(role));
    return {
      module: AppModule,
      imports: [
        SurroundingsModule.of(config, clock),
        DatabaseModule.of(database),
        ...(plays('worker', 'scheduler') ? [QueuesModule.on(queueConnection)] : []),
        ...(plays('api') ? [PipelineModule, AdminModule] : []),
        ...(plays('worker') ? [WorkersModule] : []),
        ...(plays('scheduler') ? [SchedulesModule] : []),
      ],
    };
  }
}

/** The environment, the clock, and the ways out: gateways and switch, or what stands in for one that is not set. */
@Module({})
class SurroundingsModule implements OnApplicationShutdown {
  readonly #log = new Logger('plafond');

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(EMAIL_CHANNEL) private readonly email: Channel,
    @Inject(SMS_CHANNEL) private readonly sms: Channel,
    @Inject(CHART_DRAWER) private readonly drawer: ChartDrawer,
  ) {
    this.#log.log(email.description);
    this.#log.log(sms.description);
    if (config.switchUrl === undefined) {
      this.#log.log(
        `unless a switch is configured by API, bars are kept in ${config.localSwitchDir}: SWITCH_URL is not set`,
      );
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.email.close(), this.sms.close(), this.drawer.close()]);
  }

  static of(config: Config, clock: Clock): DynamicModule {
    const brand = onDisk(() => readBrand(config.brandFile, config.mailFrom));
    const templates = onDisk(() => readTemplates(config.templatesDir, brand));
    const mail = onDisk(() => mailSettings(config, brand));
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: Clock, useValue: clock },
      { provide: BRAND, useValue: brand },
      { provide: TEMPLATES, useValue: templates },
      { provide: CHART_DRAWER, useFactory: () => new ThreadDrawer() },
      { provide: EMAIL_CHANNEL, useFactory: () => emailChannel(config.smtpUrl, config.localInboxDir, mail) },
      { provide: SMS_CHANNEL, useFactory: () => smsChannel(config.smsUrl, config.localInboxDir) },
      { provide: NodesInService, useClass: ConfiguredNodes },
    ];
    return { module: SurroundingsModule, global: true, providers, exports: providers };
  }
}

function mailSettings({ mailBounces, dkim }: Config, { sender, replyTo }: Brand): MailSettings {
  const [keySelector, , ...domain] = dkim?.name.split('.') ?? [];
  return {
    from: sender,
    replyTo,
    bounceAddress: mailBounces,
    dkim: dkim && {
      domainName: domain.join('.'),
      keySelector: keySelector!,
      privateKey: readFileSync(dkim.keyFile, 'utf8'),
    },
  };
}

/** What the environment names on disk is a part of it: where it can't be read or is wrong, that is said in one line. */
function onDisk<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadBrand) throw new BadEnvironment(error.message, { cause: error });
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined || path === undefined) throw error;
    throw new BadEnvironment(`bad environment: ${path} can't be read: ${code}`, { cause: error });
  }
}
