// The dialects of JSON Schema that hosts convert tools to: OpenAI's strict mode and Gemini's function declarations.
import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../src/mcp/registry.ts';
import { listTool } from '../../src/mcp/tool-calls.ts';

interface Schema {
  type?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  [keyword: string]: unknown;
}

/** Of these an argument is an object of any content, which strict mode has no form for: hosts offer them without it. */
const FREE_FORM: Readonly<Record<string, string>> = {
  create_work_item: 'metadata keeps whatever a project wants to keep',
  update_work_item: 'metadata',
  record_deployment: 'metadata; test_summary names categories of the project’s own',
  register_vendor: 'metadata',
  update_vendor_status: 'metadata',
  resolve_conflict: 'fields are those of the record in question',
};

/** Strict mode: every object closed, every argument required, one that may be left out nullable. */
function strict({ type, properties, required = [], items, ...schema }: Schema): Schema {
  if (type === 'array') return { ...schema, type, items: strict(items ?? {}) };
  if (type !== 'object') return { ...schema, type };
  if (properties === undefined) throw new Error('an object of any content');
  const names = Object.keys(properties);
  const converted = Object.entries(properties).map(([name, property]): [string, Schema] => {
    const one = strict(property);
    return [name, required.includes(name) ? one : { ...one, type: [one.type, 'null'] }];
  });
  return {
    ...schema,
    ...{ type, properties: Object.fromEntries(converted), required: names, additionalProperties: false },
  };
}

/** The keywords of Gemini's `Schema`, whose `type` is one word and whose `enum` holds text. */
const OF_GEMINI = new Set(['type', 'description', 'properties', 'required', 'items', 'enum']);

function problemsForGemini(schema: Schema, path = ''): string[] {
  const { type, properties = {}, items, enum: values = [] } = schema;
  return [
    ...Object.keys(schema)
      .filter((keyword) => !OF_GEMINI.has(keyword))
      .map((keyword) => `${path}: ${keyword}`),
    ...(typeof type === 'string' ? [] : [`${path}: type ${JSON.stringify(type)}`]),
    ...(type === 'array' && items === undefined ? [`${path}: no items`] : []),
    ...values.filter((value) => typeof value !== 'string').map((value) => `${path}: enum ${String(value)}`),
    ...Object.entries(properties).flatMap(([name, one]) => problemsForGemini(one, `${path}/${name}`)),
    ...(items === undefined ? [] : problemsForGemini(items, `${path}/items`)),
  ];
}

describe.each(TOOLS.map((tool) => ({ name: tool.name, schema: listTool(tool).inputSchema as Schema })))(
  '$name',
  ({ name, schema }) => {
    it('converts to strict mode, or has a reason not to', () => {
      if (name in FREE_FORM) expect(() => strict(schema)).toThrow('an object of any content');
      else expect(strict(schema)).toMatchObject({ additionalProperties: false });
    });

    it('is a declaration for Gemini as it is', () => {
      expect(problemsForGemini(schema)).toEqual([]);
    });
  },
);
