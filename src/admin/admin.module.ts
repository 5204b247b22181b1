import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PipelineModule } from '../pipeline/pipeline.module.ts';
import { AccountsController } from './accounts.controller.ts';
import { AlarmsController } from './alarms.controller.ts';
import { AnswersController } from './answers.controller.ts';
import { AllowedNumbersController } from './allowed-numbers.controller.ts';
import { ApprovalsController } from './approvals.controller.ts';
import { Attempts } from './attempts.ts';
import { CapsController } from './caps.controller.ts';
import { CasesController } from './cases.controller.ts';
import { ChangesController } from './changes.controller.ts';
import { ConsentPoliciesController } from './consent-policies.controller.ts';
import { DecisionsController } from './decisions.controller.ts';
import { ApiDescription, DocsController } from './docs.controller.ts';
import { DeviationPoliciesController } from './deviation-policies.controller.ts';
import { DeviationsController } from './deviations.controller.ts';
import { EvidenceController } from './evidence.controller.ts';
import { ExposureController } from './exposure.controller.ts';
import { FeedsController } from './feeds.controller.ts';
import { ForecastController } from './forecast.controller.ts';
import { Gate } from './gate.ts';
import { GuardController } from './guard.controller.ts';
import { HealthController } from './health.controller.ts';
import { ImportsController } from './imports.controller.ts';
import { FirstAdministrator } from './keys/first-administrator.ts';
import { KeyRing } from './keys/key-ring.ts';
import { KeysController } from './keys.controller.ts';
import { KnownRoutes } from './known-routes.ts';
import { LiveCallsController } from './live-calls.controller.ts';
import { Metrics } from './metrics.ts';
import { MetricsController } from './metrics.controller.ts';
import { ReceiversController } from './receivers.controller.ts';
import { ReconciliationsController } from './reconciliations.controller.ts';
import { ReceiptsController } from './receipts.controller.ts';
import { RoleGuard } from './role.guard.ts';
import { SilencesController } from './silences.controller.ts';
import { SpendController } from './spend.controller.ts';
import { SpendRebuildController } from './spend-rebuild.controller.ts';
import { SuspensionsController } from './suspensions.controller.ts';
import { UpliftsController } from './uplifts.controller.ts';
import { SwitchesController } from './switches.controller.ts';
import { UsageController } from './usage.controller.ts';
import { WarningsController } from './warnings.controller.ts';

/** The admin API. Clock, data source and configuration come from around it. */
@Module({
  imports: [PipelineModule],
  controllers: [
    AccountsController,
    SpendController,
    ForecastController,
    EvidenceController,
    CapsController,
    UsageController,
    FeedsController,
    ImportsController,
    DecisionsController,
    DeviationsController,
    DeviationPoliciesController,
    CasesController,
    WarningsController,
    ReceiptsController,
    SuspensionsController,
    SwitchesController,
    LiveCallsController,
    GuardController,
    UpliftsController,
    ExposureController,
    ApprovalsController,
    AllowedNumbersController,
    ChangesController,
    AlarmsController,
    ReconciliationsController,
    SpendRebuildController,
    KeysController,
    HealthController,
    MetricsController,
    DocsController,
    AnswersController,
    ConsentPoliciesController,
    ReceiversController,
    SilencesController,
  ],
  providers: [
    ApiDescription,
    KeyRing,
    FirstAdministrator,
    Attempts,
    Gate,
    KnownRoutes,
    Metrics,
    { provide: APP_GUARD, useClass: RoleGuard },
  ],
})
export class AdminModule {}
