/** JSON Schema as clients see it: flat, without what costs tokens and helps nobody to call the tool. */
import * as z from 'zod';
import type { Tool } from './definitions/define-tool.ts';

type JsonSchema = Record<string, unknown>;

/** The input schema that `tools/list` advertises; arguments are validated by the zod schema it comes from. */
export function inputSchema(tool: Tool): JsonSchema {
  const schema = z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const { properties, ...rest } = simplify({ ...schema, additionalProperties: false }) as JsonSchema & {
    properties: Record<string, JsonSchema>;
  };
  const described = Object.entries(properties).map(([name, property]) => [
    name,
    { description: tool.parameters[name], ...property },
  ]);
  return { ...rest, properties: Object.fromEntries(described) };
}

/**
 * The whole output schema, as it is written to the contract files. It requires nothing: what is null or empty is left
 * out of answers, rows have few of the fields, and an error is an answer too.
 */
export function outputSchema(tool: Tool): JsonSchema {
  const schema = z.toJSONSchema(tool.output, { io: 'output', unrepresentable: 'any' }) as JsonSchema;
  return open(simplify(schema)) as JsonSchema;
}

/** What clients are told of an answer in advance; the contract files name the rest. */
const ALWAYS = new Set(['id', 'version', 'items', 'total_count', 'source_id', 'target_id', 'data_source']);

/**
 * The output schema that `tools/list` advertises: the fields that a further call needs, a small part of the
 * contract file's, because clients pay for it in every conversation. It is never closed.
 */
export function advertisedOutputSchema(tool: Tool): JsonSchema {
  const { properties = {} } = outputSchema(tool) as { properties?: Record<string, JsonSchema> };
  const types = Object.entries(properties)
    .filter(([name, { type }]) => ALWAYS.has(name) && typeof type === 'string')
    .map(([name, { type }]) => [name, { type }]);
  return { type: 'object', properties: Object.fromEntries(types) };
}

function simplify(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(simplify);
  if (typeof node !== 'object' || node === null) return node;
  const schema = node as JsonSchema;
  const nullable = withoutNull(schema);
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

/** `anyOf: [X, null]` becomes X with `null` among its types: some hosts refuse unions. */
function withoutNull(schema: JsonSchema): JsonSchema | undefined {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return undefined;
  const [inner, other] = anyOf as JsonSchema[];
  if (other?.['type'] !== 'null' || typeof inner?.['type'] !== 'string') return undefined;
  const values = inner['enum'] as unknown[] | undefined;
  const type = [inner['type'], 'null'];
  return { ...inner, ...rest, type, ...(values !== undefined && { enum: [...values, null] }) };
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
