/** JSON Schema as clients see it: flat, without what costs tokens and helps nobody to call the tool. */
import * as z from 'zod';
import type { Tool } from './definitions/define-tool.ts';

type JsonSchema = Record<string, unknown>;

/** The whole input schema, as it is written to the contract files; arguments are validated by the zod schema it comes from. */
export function inputSchema(tool: Tool): JsonSchema {
  const schema = z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const { properties, ...rest } = simplify({ ...schema, additionalProperties: false }) as JsonSchema & {
    properties: Record<string, JsonSchema>;
  };
  const described = Object.entries(properties).map(([name, property]) => [
    name,
    { description: tool.parameters[name], ...(withoutNull(property) as JsonSchema) },
  ]);
  return { ...rest, properties: Object.fromEntries(described) };
}

/** The input schema that `tools/list` advertises. Limits are told by the descriptions: many clients show models nothing else. */
export const advertisedInputSchema = (tool: Tool): JsonSchema =>
  withoutLimits(inputSchema(tool)) as JsonSchema;

const LIMITS = new Set([
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minimum', 'maximum', 'pattern', 'format', 'default'],
  // A client that refuses an unknown argument itself says less than the error that names the nearest one.
  'additionalProperties',
]);

function withoutLimits(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutLimits);
  if (typeof node !== 'object' || node === null) return node;
  const { properties, ...keywords } = node as JsonSchema;
  const kept = Object.entries(keywords).filter(([keyword]) => !LIMITS.has(keyword));
  return {
    ...Object.fromEntries(kept.map(([keyword, value]) => [keyword, withoutLimits(value)])),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties as object).map(([name, property]) => [name, withoutLimits(property)]),
      ),
    }),
  };
}

/**
 * The whole output schema, as it is written to the contract files. It requires nothing: what is null or empty is left
 * out of answers, rows have few of the fields, and an error is an answer too.
 */
export function outputSchema(tool: Tool): JsonSchema {
  const schema = z.toJSONSchema(tool.output, { io: 'output', unrepresentable: 'any' }) as JsonSchema;
  return open(simplify(schema)) as JsonSchema;
}

/**
 * The output schema that `tools/list` advertises: an object. What answers have is in the contract files; clients pay for this
 * in every conversation.
 */
export const ADVERTISED_OUTPUT = { type: 'object' } as const;

function simplify(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(simplify);
  if (typeof node !== 'object' || node === null) return node;
  const schema = node as JsonSchema;
  const nullable = withoutUnion(schema);
  if (nullable !== undefined) return simplify(nullable);
  const kept = Object.entries(schema).filter(([key, value]) => {
    if (key === '$schema' || key === 'pattern') return key === 'pattern' && schema['format'] === undefined;
    if (key === 'propertyNames') return false;
    if (key === 'additionalProperties') return value === false;
    if (key === 'minLength') return value !== 1;
    return !(key === 'maximum' && value === Number.MAX_SAFE_INTEGER);
  });
  return Object.fromEntries(kept.map(([key, value]) => [key, simplify(value)]));
}

/** `anyOf: [X, null]` becomes X with `null` among its types. */
function withoutUnion(schema: JsonSchema): JsonSchema | undefined {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return undefined;
  const [inner, other] = anyOf as JsonSchema[];
  if (other?.['type'] !== 'null' || typeof inner?.['type'] !== 'string') return undefined;
  const values = inner['enum'] as unknown[] | undefined;
  const type = [inner['type'], 'null'];
  return { ...inner, ...rest, type, ...(values !== undefined && { enum: [...values, null] }) };
}

/** Some hosts refuse several types for one argument. What null says is not set, or `clear` says it. */
function withoutNull(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutNull);
  if (typeof node !== 'object' || node === null) return node;
  const isNamed = (one: unknown) => one !== 'null' && one !== null;
  const converted = Object.entries(node).map(([keyword, value]: [string, unknown]): [string, unknown] => {
    if (keyword === 'type' && Array.isArray(value)) return [keyword, (value as unknown[]).find(isNamed)];
    if (keyword === 'enum' && Array.isArray(value)) return [keyword, value.filter(isNamed)];
    return [keyword, withoutNull(value)];
  });
  return Object.fromEntries(converted);
}

/** Answers may carry further fields: no object of an output schema is closed. */
function open(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(open);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== 'additionalProperties' && key !== 'required')
      .map(([key, value]) => [key, open(value)]),
  );
}
