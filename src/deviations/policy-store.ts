import type { ClientBase } from 'pg';
import { toDate, type Instant } from '../kernel/clock.ts';
import { FIRST_POLICY, PolicyBook, type DeviationMode, type DeviationPolicy, type PolicyScope } from './policy.ts';

interface PolicyRow {
  scope_kind: PolicyScope['kind'];
  scope_value: string;
  version: number;
  mode: DeviationMode;
  false_budget: string;
}

function policyOf(row: PolicyRow): DeviationPolicy {
  return {
    scope: { kind: row.scope_kind, value: row.scope_value },
    version: row.version,
    mode: row.mode,
    falseBudget: Number(row.false_budget),
  };
}

export async function policyBook(client: ClientBase): Promise<PolicyBook> {
  const { rows } = await client.query<PolicyRow>('SELECT * FROM deviation_policies ORDER BY scope_kind, scope_value');
  return new PolicyBook(rows.map(policyOf));
}

/** The most false actions per 1,000 account-months that any policy puts up with. */
export async function falseBudgetMost(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ most: string | null }>(
    'SELECT max(false_budget) AS most FROM deviation_policies',
  );
  return Number(rows[0]!.most ?? FIRST_POLICY.falseBudget);
}

const PUT = `
  INSERT INTO deviation_policies AS p (scope_kind, scope_value, mode, false_budget, changed_at, changed_by)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (scope_kind, scope_value) DO UPDATE
     SET mode = excluded.mode, false_budget = excluded.false_budget, changed_at = excluded.changed_at,
         changed_by = excluded.changed_by, version = p.version + 1
  RETURNING *`;

export async function putPolicy(
  client: ClientBase,
  { scope, mode, falseBudget }: Omit<DeviationPolicy, 'version'>,
  actor: string,
  at: Instant,
): Promise<DeviationPolicy> {
  const values = [scope.kind, scope.value, mode, falseBudget, toDate(at), actor];
  const { rows } = await client.query<PolicyRow>(PUT, values);
  return policyOf(rows[0]!);
}

/** Answers whether there was one. */
export async function deletePolicy(client: ClientBase, scope: PolicyScope): Promise<boolean> {
  const { rowCount } = await client.query('DELETE FROM deviation_policies WHERE scope_kind = $1 AND scope_value = $2', [
    scope.kind,
    scope.value,
  ]);
  return rowCount === 1;
}
