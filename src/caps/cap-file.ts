/** A file of caps: JSON, an array or a single one. It is good as a whole or not at all. Pure. */
import { faultsOf, Refusal, type Fault } from '../kernel/refusal.ts';
import { capDefinition, type CapDefinition } from './cap.ts';
import { definitionKey } from './cap-book.ts';

export interface FiledCap {
  definition: CapDefinition;
  /** where the file is what a server shows: the cap's id there */
  id: string | undefined;
}

/**
 * The caps that a file holds. What a server adds to a definition is passed over, so that what `GET /v1/caps` shows can be
 * used elsewhere.
 * @throws Refusal not_json, or bad_caps with each wrong field; of several caps, numbered from 1
 */
export function readCapFile(text: string): FiledCap[] {
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const story = error instanceof Error ? error.message : '';
    throw new Refusal('unreadable', 'not_json', `not JSON: ${story}`);
  }
  const several = Array.isArray(content);
  const faults: Fault[] = [];
  const caps: FiledCap[] = [];
  const seen = new Map<string, number>();
  for (const [index, shown] of (several ? (content as unknown[]) : [content]).entries()) {
    const place = several ? `cap ${index + 1}: ` : '';
    const read = capDefinition.safeParse(withoutWhatServersAdd(shown));
    if (!read.success) {
      for (const { field, detail } of faultsOf(read.error.issues)) {
        faults.push({ field: `${place}${field || 'the cap'}`, detail });
      }
      continue;
    }
    const key = definitionKey(read.data);
    const twin = seen.get(key);
    if (twin !== undefined) {
      faults.push({ field: `${place}the cap`, detail: `has the scope, traffic, period and currency of cap ${twin}` });
    }
    seen.set(key, index + 1);
    const { id } = Object(shown) as { id?: unknown };
    caps.push({ definition: read.data, id: typeof id === 'string' ? id : undefined });
  }
  if (faults.length > 0) throw new Refusal('invalid', 'bad_caps', 'the caps are not as they must be', faults);
  return caps;
}

function withoutWhatServersAdd(shown: unknown): unknown {
  if (typeof shown !== 'object' || shown === null) return shown;
  const { id: _, version: __, created_at: ___, updated_at: ____, ...definition } = shown as Record<string, unknown>;
  return definition;
}
