/** Ids in a path: one that can't be an id of ours names nothing, and need not be looked up. */
import { Injectable, type PipeTransform } from '@nestjs/common';
import { Refusal } from '../../kernel/refusal.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const NUMBER = /^[1-9]\d{0,17}$/;

@Injectable()
export class UuidPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    return existing(id, UUID, 'UUIDs').toLowerCase();
  }
}

@Injectable()
export class NumberPipe implements PipeTransform<string, string> {
  transform(id: string): string {
    return existing(id, NUMBER, 'whole numbers');
  }
}

function existing(id: string, form: RegExp, forms: string): string {
  if (!form.test(id)) {
    throw new Refusal('not-found', 'not_found', `there is nothing with the id ${id}: ids here are ${forms}`);
  }
  return id;
}

export function notFound(id: string): Refusal {
  return new Refusal('not-found', 'not_found', `there is no ${id} here`);
}
