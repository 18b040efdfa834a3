/** Rows of lists: short by default; with `fields`, those that the caller names, or all. */
import * as z from 'zod';
import { isPlainObject, type JsonValue } from '../../domain/json.ts';
import { listText, shortId, spokenValue } from './text.ts';
import { isEmpty } from '../../use-cases/support/unknown-fields.ts';
import { shortValue, withoutEmpty } from './shown.ts';
import { unknownFieldsOf } from '../../use-cases/support/unknown-fields.ts';

const ALL = 'all';
/** Of few rows and for a larger budget, more. */
const LONG_CHARACTERS = 500;
const STEP = 100;

/** The argument of every tool that lists records: names of fields of its items; undefined for other tools. */
export function fieldsInput(output: z.ZodObject): { fields: z.ZodOptional<z.ZodArray> } | undefined {
  const { items } = output.shape;
  if (!(items instanceof z.ZodArray) || !(items.element instanceof z.ZodObject)) return undefined;
  const names = [...Object.keys(items.element.shape), ALL];
  const name = z.string().refine((value) => names.includes(value), `must be one of ${names.join(', ')}`);
  return { fields: z.array(name).min(1).optional() };
}

interface Listed<Item> {
  items: readonly Item[];
}

/** A page with rows as they are asked for. */
export function pageOf<Item extends object, Page extends Listed<Item>, Row extends object>(
  page: Page & Listed<Item>,
  { fields, max_tokens = 0 }: { fields?: unknown; max_tokens?: number },
  row: (item: Item) => Row,
): Omit<Page, 'items'> & { items: Row[] } {
  const names = Array.isArray(fields) ? (fields as string[]) : undefined;
  // In whole steps, as a text is recognised by that was cut off for showing.
  const share = Math.floor(max_tokens / (4 * STEP * page.items.length)) * STEP;
  const longest = Math.max(LONG_CHARACTERS, Math.min(share, max_tokens));
  const items = page.items.map((item) =>
    names === undefined ? row(item) : (picked(item, names, longest) as Row),
  );
  return { ...page, items };
}

/** The id comes first, the others in the order in which they were asked for. */
function picked(item: object, fields: readonly string[], longest: number): object {
  if (fields.includes(ALL)) {
    // Where an item stands is seen by the order of the rows.
    const all = Object.entries(withoutEmpty(item)).filter(([name]) => name !== 'position');
    return Object.fromEntries(all.map(([name, value]) => [name, shortValue(value as JsonValue, longest)]));
  }
  const names = [...new Set(['id', ...fields])];
  const unknown = unknownFieldsOf(item).filter((name) => names.includes(name));
  return {
    ...Object.fromEntries(
      names
        .filter((name) => Object.hasOwn(item, name) && !unknown.includes(name))
        .map((name) => [name, shortValue((item as Record<string, JsonValue>)[name] ?? null, longest)]),
    ),
    ...(unknown.length > 0 && { unknown_fields: unknown }),
  };
}

/** Said by the list, or of it below. */
const OF_LIST = new Set(['items', 'total_count', 'next_cursor', 'limit', 'offset', 'cut', 'unknown_fields']);

/** A line for each item: its short id and the other fields by name; then what the page says beside them. */
export function pickedText(shown: object): string {
  const beside = Object.entries(shown)
    .filter(([name, value]) => !OF_LIST.has(name) && !isEmpty(value))
    .map(([name, value]) => `${name} ${spokenValue(value)}`);
  return [
    listText(shown as never, 'record', pickedLine),
    ...(beside.length > 0 ? [beside.join('; ')] : []),
  ].join('\n');
}

/** Ids of version 7 begin with their time: eight characters are the same for a minute. */
const shortestId = (id: string): string => (id[14] === '7' ? id.slice(0, 13) : shortId(id));

function pickedLine(row: unknown): string {
  if (!isPlainObject(row)) return '';
  const { id, ...fields } = row;
  const told = Object.entries(fields).map(([name, value]) => `${name}: ${spokenValue(value)}`);
  return [...(typeof id === 'string' ? [shortestId(id)] : []), told.join('; ')].join(' ').trim();
}
