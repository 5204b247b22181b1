/** From JSON to rows: an object a line, or a document that is an array of them, or one. Pure. */
import { Refusal } from '../../kernel/refusal.ts';
import type { Reject } from '../usage-record.ts';
import { elementsOf, NamedTwice } from './exact-json.ts';
import { LINE_LENGTH_MAX, tooLong, unreadable, type Line } from './lines.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** How the objects of a format become rows. */
export interface JsonReading<Row> {
  /** @throws SyntaxError */
  parse: (text: string) => unknown;
  /** where a document has its list, if not in itself */
  listIn?: (document: unknown) => unknown;
  read: (fields: Fields, line: number, text: string) => Row;
}

type Rejected = { reject: Reject };

/**
 * Reads the lines of a delivery. A document that is sent as lines would be a single reject for all that it holds.
 * @throws Refusal not_ndjson, with the first line, where that begins an array
 */
export function jsonLineReader<Row>(reading: JsonReading<Row>): (line: Line) => Row | Rejected {
  let isFirst = true;
  return (line) => {
    if (isFirst && /^\s*\[/.test(line.text)) throw new Refusal('invalid', 'not_ndjson', AN_ARRAY);
    isFirst = false;
    return readJsonLine(line, reading);
  };
}

const AN_ARRAY =
  'the first line begins an array, where each line has to be an object: send it as application/json, or with a name that ends in .json';

export function readJsonLine<Row>({ text, line }: Line, reading: JsonReading<Row>): Row | Rejected {
  if (text.length > LINE_LENGTH_MAX) return unreadable(text, line, tooLong());
  let element: unknown;
  try {
    element = reading.parse(text);
  } catch (error) {
    return unreadable(text, line, error instanceof NamedTwice ? error.message : 'is no JSON');
  }
  return readElement(element, line, text, reading);
}

/** The elements of a document, counted from 1. @throws Refusal not_json */
export function* readJsonDocument<Row>(text: string, reading: JsonReading<Row>): Generator<Row | Rejected> {
  const { parse, listIn = (document) => document } = reading;
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    if (!(error instanceof NamedTwice)) throw new Refusal('unreadable', 'not_json', `the whole is no JSON: ${why}`);
    // What an element says twice costs that element alone; where the list stands within, it may be a list that is lost.
    if (!isItsOwnList(text, listIn)) throw new Refusal('unreadable', 'not_json', `the whole ${why}`);
    for (const [index, element] of elementsOf(text).entries())
      yield readJsonLine({ text: element.replaceAll(/[\r\n]+/g, ' '), line: index + 1 }, reading);
    return;
  }
  const list = listIn(document);
  for (const [index, element] of (Array.isArray(list) ? list : [list]).entries()) {
    const written = writtenOut(element);
    yield written === undefined || written.length > LINE_LENGTH_MAX
      ? unreadable(written ?? '', index + 1, written === undefined ? 'is nested too deep' : tooLong())
      : readElement(element, index + 1, written, reading);
  }
}

function isItsOwnList(text: string, listIn: (document: unknown) => unknown): boolean {
  const document: unknown = JSON.parse(text);
  return listIn(document) === document;
}

function readElement<Row>(element: unknown, line: number, text: string, { read }: JsonReading<Row>): Row | Rejected {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) {
    return unreadable(text, line, 'is no JSON object');
  }
  if (text.includes('\ufffd')) return unreadable(text, line, 'is not UTF-8');
  return read(element as Fields, line, text);
}

/** JSON.parse takes any depth, JSON.stringify does not: `undefined` where it is nested too deep. */
function writtenOut(element: unknown): string | undefined {
  try {
    return JSON.stringify(element);
  } catch {
    return undefined;
  }
}
