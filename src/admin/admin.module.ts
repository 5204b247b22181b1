import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline/pipeline.module.ts';
import { AccountsController } from './accounts/accounts.controller.ts';
import { AllowedNumbersController } from './accounts/allowed-numbers.controller.ts';
import { CapsController } from './caps/caps.controller.ts';
import { UpliftsController } from './caps/uplifts.controller.ts';
import { CasesController } from './deviations/cases.controller.ts';
import { DeviationPoliciesController } from './deviations/deviation-policies.controller.ts';
import { DeviationsController } from './deviations/deviations.controller.ts';
import { ChangesController } from './evidence/changes.controller.ts';
import { DecisionsController } from './evidence/decisions.controller.ts';
import { EvidenceController } from './evidence/evidence.controller.ts';
import { KnownRoutes } from './http/known-routes.ts';
import { Attempts } from './keys/attempts.ts';
import { FirstAdministrator } from './keys/first-administrator.ts';
import { Gate } from './keys/gate.ts';
import { KeyRing } from './keys/key-ring.ts';
import { KeysController } from './keys/keys.controller.ts';
import { ApiDescription, DocsController } from './operation/docs.controller.ts';
import { HealthController } from './operation/health.controller.ts';
import { MetricsController } from './operation/metrics.controller.ts';
import { Metrics } from './operation/metrics.ts';
import { AlarmsController } from './operators/alarms.controller.ts';
import { ReceiversController } from './operators/receivers.controller.ts';
import { SilencesController } from './operators/silences.controller.ts';
import { ExposureController } from './spend/exposure.controller.ts';
import { ForecastController } from './spend/forecast.controller.ts';
import { SpendRebuildController } from './spend/spend-rebuild.controller.ts';
import { SpendController } from './spend/spend.controller.ts';
import { ApprovalsController } from './suspensions/approvals.controller.ts';
import { GuardController } from './suspensions/guard.controller.ts';
import { LiveCallsController } from './suspensions/live-calls.controller.ts';
import { SuspensionsController } from './suspensions/suspensions.controller.ts';
import { SwitchesController } from './suspensions/switches.controller.ts';
import { FeedsController } from './usage/feeds.controller.ts';
import { ImportsController } from './usage/imports.controller.ts';
import { ReconciliationsController } from './usage/reconciliations.controller.ts';
import { UsageController } from './usage/usage.controller.ts';
import { AnswersController } from './warnings/answers.controller.ts';
import { ConsentPoliciesController } from './warnings/consent-policies.controller.ts';
import { ReceiptsController } from './warnings/receipts.controller.ts';
import { WarningsController } from './warnings/warnings.controller.ts';

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
  providers: [ApiDescription, KeyRing, FirstAdministrator, Attempts, Gate, KnownRoutes, Metrics],
})
export class AdminModule {}
