import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { Schedules } from './schedules.ts';

/** The role `scheduler`. */
@Module({ imports: [ScheduleModule.forRoot()], providers: [Schedules] })
export class SchedulesModule {}
