import { Controller, Get, Header } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Metrics } from './metrics.ts';
import { Route, textAs } from '../http/route.ts';

@ApiTags('health')
@Controller('metrics')
export class MetricsController {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @Route({ needs: 'viewer', summary: 'What Prometheus reads', answers: 'Metrics', content: textAs('text/plain') })
  metrics(): Promise<string> {
    return this.#metrics.registry.metrics();
  }
}
