/** Lists that answer only some fields of each item, for callers that know what they want. */
import * as z from 'zod';
import { unknownFieldsOf, withoutUnknown } from '../../use-cases/support/unknown-fields.ts';
import { listText, shortId, spokenValue } from './text.ts';

interface ListData {
  items: Record<string, unknown>[];
  total_count: number;
  next_cursor: string | null;
}

/** The argument of every tool that lists records: names of fields of its items; undefined for other tools. */
export function fieldsInput(output: z.ZodObject): { fields: z.ZodOptional<z.ZodArray> } | undefined {
  const { items } = output.shape;
  if (!(items instanceof z.ZodArray) || !(items.element instanceof z.ZodObject)) return undefined;
  const names = Object.keys(items.element.shape);
  const name = z.string().refine((value) => names.includes(value), `must be one of ${names.join(', ')}`);
  return { fields: z.array(name).min(1).optional() };
}

/** The list with these fields of its items, in the order in which they were asked for; the id always comes first. */
export function pickFields(data: object, fields: readonly string[]): ListData {
  const { items, ...page } = data as ListData;
  const names = [...new Set(['id', ...fields])];
  const pick = (whole: Record<string, unknown>) => {
    const item = withoutUnknown(whole);
    const unknown = unknownFieldsOf(whole).filter((name) => names.includes(name));
    return {
      ...Object.fromEntries(
        names.filter((name) => Object.hasOwn(item, name)).map((name) => [name, item[name]]),
      ),
      ...(unknown.length > 0 && { unknown_fields: unknown }),
    };
  };
  return { ...page, items: items.map(pick) };
}

/** A line for each item: its short id and the other fields by name. */
export function pickedText(data: object, maxTokens: number | undefined): string {
  return listText(data as ListData, 'found', pickedLine, maxTokens);
}

function pickedLine({ id, ...fields }: Record<string, unknown>): string {
  const told = Object.entries(fields).map(([name, value]) => `${name}: ${spokenValue(value)}`);
  return [...(typeof id === 'string' ? [shortId(id)] : []), told.join('; ')].join(' ').trim();
}
