/** Receivers, silences and what customers may consent to are made and changed here, each change on record. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ConsentPolicy } from '../../answers/consent.ts';
import { inTransaction } from '../../database/transaction.ts';
import { Clock, toDate } from '../../kernel/clock.ts';
import { formatAmount } from '../../kernel/money.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { Receiver } from '../../operators/receiver.ts';
import { silenceSpan, type SilenceForm } from '../../operators/silence.ts';
import { putReceiver, receiverNamed, receiverOf, removeReceiver, type ReceiverRow } from '../../operators/store.ts';
import { recordChanges } from '../recorded-change.ts';

const INSERT_SILENCE = `
  INSERT INTO silences (silence_id, kind, subject, reason, author, created_at, starts_at, ends_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;

const END_SILENCE = `
  UPDATE silences SET ends_at = greatest($2, starts_at), ended_by = $3 WHERE silence_id = $1 AND ends_at > $2
  RETURNING silence_id`;

const PUT_POLICY = `
  INSERT INTO consent_policies (scope_kind, scope_value, currency, maximum_micros, updated_at) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (scope_kind, scope_value, currency)
  DO UPDATE SET maximum_micros = excluded.maximum_micros, updated_at = excluded.updated_at
  RETURNING old.maximum_micros AS before`;

const REMOVE_POLICY = `
  DELETE FROM consent_policies WHERE scope_kind = $1 AND scope_value = $2 AND currency = $3 RETURNING maximum_micros`;

@Injectable()
export class ChangeOperators {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Makes a receiver, or changes the version of it that `ifMatch` names. @throws Refusal changed-meanwhile */
  async putReceiver(
    receiver: Receiver,
    ifMatch: number | undefined,
    actor: string,
  ): Promise<{ row: ReceiverRow; created: boolean }> {
    return inTransaction(
      this.dataSource,
      async ({ client }) => {
        const { name } = receiver;
        const before = await receiverNamed(client, name);
        if (before?.version !== ifMatch) {
          const found = before ? `is at version ${before.version}` : 'does not exist';
          throw new Refusal('changed-meanwhile', 'changed_meanwhile', `the receiver ${name} ${found}; read it again`);
        }
        const at = this.clock.now();
        const row = await putReceiver(client, receiver, at);
        const change = { actor, subject: 'receiver', subjectId: name, after: receiver } as const;
        const recorded = before
          ? ({ ...change, change: 'changed', before: receiverOf(before) } as const)
          : ({ ...change, change: 'created' } as const);
        await recordChanges(client, [recorded], at);
        return { row, created: !before };
      },
      { retryOnUniqueViolation: true },
    );
  }

  /** What was still to be sent to it is given up. @throws Refusal not-found */
  async removeReceiver(name: string, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const before = await receiverNamed(client, name);
      if (!before) throw new Refusal('not-found', 'unknown_receiver', `there is no receiver ${name}`);
      const at = this.clock.now();
      await removeReceiver(client, name, at);
      const change = { actor, subject: 'receiver', subjectId: name, change: 'removed' } as const;
      await recordChanges(client, [{ ...change, before: receiverOf(before) }], at);
    });
  }

  /** @throws Refusal invalid */
  async silence(form: SilenceForm, author: string): Promise<string> {
    const at = this.clock.now();
    const span = silenceSpan(form, at);
    if ('detail' in span) throw new Refusal('invalid', 'invalid', `wrong: ${span.field}`, [span]);
    const id = randomUUID();
    await inTransaction(this.dataSource, async ({ client }) => {
      const { kind = null, subject = null, reason } = form;
      const instants = [at, span.from, span.to].map(toDate);
      await client.query(INSERT_SILENCE, [id, kind, subject, reason, author, ...instants]);
      const change = { actor: author, subject: 'silence', subjectId: id, change: 'created', after: form } as const;
      await recordChanges(client, [change], at);
    });
    return id;
  }

  /** Ends a silence now; one that is over stays as it was. */
  async endSilence(id: string, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const { rows } = await client.query(END_SILENCE, [id, toDate(at), actor]);
      if (rows.length === 0) return;
      await recordChanges(client, [{ actor, subject: 'silence', subjectId: id, change: 'removed' }], at);
    });
  }

  /** Says up to which amount customers may consent by themselves; nothing: not at all. */
  async putPolicy(policy: ConsentPolicy, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const at = this.clock.now();
      const { scope, value, currency, maximum } = policy;
      const { rows } = await client.query<{ before: string | null }>(PUT_POLICY, [
        scope,
        value,
        currency,
        maximum.toString(),
        toDate(at),
      ]);
      const before = rows[0]?.before ?? null;
      const change = { actor, subject: 'consent-policy', subjectId: nameOf(policy) } as const;
      const after = { maximum: formatAmount(maximum) };
      await recordChanges(
        client,
        [
          before === null
            ? { ...change, change: 'created', after }
            : { ...change, change: 'changed', before: { maximum: formatAmount(BigInt(before)) }, after },
        ],
        at,
      );
    });
  }

  /** What holds for more accounts holds for these again. @throws Refusal not-found */
  async removePolicy(policy: Omit<ConsentPolicy, 'maximum'>, actor: string): Promise<void> {
    await inTransaction(this.dataSource, async ({ client }) => {
      const { scope, value, currency } = policy;
      const { rows } = await client.query<{ maximum_micros: string }>(REMOVE_POLICY, [scope, value, currency]);
      const name = nameOf(policy);
      if (!rows[0]) throw new Refusal('not-found', 'unknown_policy', `there is no policy ${name}`);
      const before = { maximum: formatAmount(BigInt(rows[0].maximum_micros)) };
      const change = { actor, subject: 'consent-policy', subjectId: name, change: 'removed', before } as const;
      await recordChanges(client, [change], this.clock.now());
    });
  }
}

/** `everyone EUR`, `segment smb EUR`, `account 1001 EUR` */
function nameOf({ scope, value, currency }: Omit<ConsentPolicy, 'maximum'>): string {
  return [scope, value, currency].filter((part) => part !== '').join(' ');
}
