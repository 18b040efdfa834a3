/**
 * What the record of a noun is described with, once: the type that the code uses, and the schema that tools, resources
 * and exports answer by. It says what is there, not what may be asked for or stored: inputs and `stored…` do.
 */
import * as z from 'zod';
import type { JsonObject } from './json.ts';

export const text = z.string();
export const nullableText = text.nullable();
export const whole = z.int();
/** Any JSON object. */
export const json = typed<JsonObject>(z.record(z.string(), z.unknown()));

/** A record as its shape describes it. */
export type RecordOf<Shape extends () => z.ZodRawShape> = z.output<z.ZodObject<ReturnType<Shape>>>;

/** A schema that says less to callers than the code knows of its values. */
export function typed<T>(schema: z.ZodType): z.ZodType<T> {
  return schema as z.ZodType<T>;
}

/** The shape with fields that an answer may leave out. */
export function mayLack<Shape extends z.ZodRawShape, Name extends keyof Shape & string>(
  shape: Shape,
  names: readonly Name[],
): { [Field in keyof Shape]: Field extends Name ? z.ZodOptional<Shape[Field]> : Shape[Field] } {
  const isLacking = (name: string) => (names as readonly string[]).includes(name);
  const fields = Object.entries(shape).map(([name, schema]) => [
    name,
    isLacking(name) ? z.optional(schema) : schema,
  ]);
  return Object.fromEntries(fields) as ReturnType<typeof mayLack<Shape, Name>>;
}
