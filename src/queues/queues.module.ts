import { BullModule } from '@nestjs/bullmq';
import { Module, type DynamicModule } from '@nestjs/common';
import { QUEUES } from './job-map.ts';
import type { QueueConnection } from './queue-connection.ts';
import { Queues } from './queues.ts';

/** The queues on the connection that was opened for them. */
@Module({})
export class QueuesModule {
  static on({ options, prefix }: QueueConnection): DynamicModule {
    return {
      module: QueuesModule,
      global: true,
      imports: [
        BullModule.forRoot({ connection: options, prefix }),
        BullModule.registerQueue(...QUEUES.map((name) => ({ name }))),
      ],
      providers: [Queues],
      exports: [Queues],
    };
  }
}
