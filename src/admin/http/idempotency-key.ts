import { ApiHeader } from '@nestjs/swagger';
import { Refusal } from '../../kernel/refusal.ts';

const NAME = /^[\x21-\x7e]{1,200}$/;

/** The name by which a request that is sent again is known (draft-ietf-httpapi-idempotency-key-header); `undefined` where it has none. */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || NAME.test(header)) return header;
  const detail = 'Idempotency-Key must be 1 to 200 visible ASCII characters, such as a UUID';
  throw new Refusal('unreadable', 'bad_idempotency_key', detail);
}

/** Documents the header on a route that takes it. */
export const ApiIdempotencyKey = (): MethodDecorator =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'a name of your own for the request, such as a UUID, by which it is known where it is sent again',
    schema: { type: 'string', minLength: 1, maxLength: 200, pattern: NAME.source },
  });
