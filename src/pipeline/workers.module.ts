import { Module } from '@nestjs/common';
import { PipelineModule } from './pipeline.module.ts';
import { MessageUpkeep } from './telling/message-upkeep.ts';
import { PipelineHandlers } from './job-handlers.ts';
import { AtOnce } from '../queues/at-once.ts';
import { JOB_HANDLERS, assertNoGap } from '../queues/job-map.ts';
import { Relay } from '../queues/relay.ts';
import { WORKERS } from '../queues/workers.ts';

/** The role `worker`: carries the outbox to the queues, and does what is in them. */
@Module({
  imports: [PipelineModule],
  providers: [
    PipelineHandlers,
    MessageUpkeep,
    {
      provide: JOB_HANDLERS,
      inject: [PipelineHandlers],
      useFactory: ({ handlers }: PipelineHandlers) => {
        assertNoGap(handlers);
        return handlers;
      },
    },
    ...WORKERS,
    Relay,
    AtOnce,
  ],
})
export class WorkersModule {}
