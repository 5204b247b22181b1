import { Inject, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { AdminModule } from './admin/admin.module.ts';
import { CONFIG, type Config } from './config.ts';
import { DatabaseModule, type Database } from './database/database.module.ts';
import { Clock } from './kernel/clock.ts';
import { PipelineModule } from './pipeline/pipeline.module.ts';
import type { QueueConnection } from './queues/queue-connection.ts';
import { QueuesModule } from './queues/queues.module.ts';
import { SchedulesModule } from './queues/schedules.module.ts';
import { WorkersModule } from './pipeline/workers.module.ts';
import { LocalSwitch } from './suspensions/switches/local-switch.ts';
import { SWITCH } from './suspensions/switches/switch.ts';
import { emailChannel, smsChannel, type Channel } from './warnings/channels/channel.ts';
import { EMAIL_CHANNEL, SMS_CHANNEL } from './warnings/deliveries.ts';

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
  ) {
    this.#log.log(email.description);
    this.#log.log(sms.description);
    this.#log.log(`bars are set on no switch but kept in ${config.localSwitchDir}, for SWITCH_URL is not set`);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.email.close(), this.sms.close()]);
  }

  static of(config: Config, clock: Clock): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: Clock, useValue: clock },
      {
        provide: EMAIL_CHANNEL,
        useFactory: () => emailChannel(config.smtpUrl, config.localInboxDir, config.mailFrom),
      },
      { provide: SMS_CHANNEL, useFactory: () => smsChannel(config.smsUrl, config.localInboxDir) },
      { provide: SWITCH, useFactory: () => new LocalSwitch(config.localSwitchDir, clock) },
    ];
    return { module: SurroundingsModule, global: true, providers, exports: providers };
  }
}
