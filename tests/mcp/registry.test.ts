// The declarations of the tools: what clients read, what contracts/ publishes, what each toolset offers and costs.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { TOOLSETS } from '../../src/domain/toolsets.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { contractFiles } from '../../src/mcp/contract.ts';
import { inputSchema, outputSchema } from '../../src/mcp/json-schema.ts';
import { TOOLS, toolsOf } from '../../src/mcp/registry.ts';
import { listTool } from '../../src/mcp/tool-calls.ts';
import { packageRoot } from '../../src/platform/package-root.ts';
import { type TestClient, connect } from '../support/mcp-clients.ts';
import { runCli, temporaryProject } from '../support/program.ts';
import { type Row, answerOf, rows, short } from './calls.ts';
import { CONTRACT_TOOLS } from './contract-tools.ts';
import { schemaKeywords } from './json-schemas.ts';
import { serveArguments } from './surfaces.ts';

const DESCRIPTION_MAX_CHARACTERS = 500;
const CORE_MAX_TOKENS = 4_500;
const ALL_MAX_TOKENS = 12_000;
const LIST_MAX_TOKENS = 1_000;
/** More would make the client's own transport warn. */
const CALLS_AT_ONCE = 10;

const contractsFolder = path.join(packageRoot(), 'contracts');

describe.each(TOOLS.map((tool) => ({ name: tool.name, tool })))('$name', ({ name, tool }) => {
  it('describes itself and each of its arguments', () => {
    expect(tool.title.length).toBeGreaterThan(3);
    const { properties } = listTool(tool).inputSchema as {
      properties: Record<string, { description?: string }>;
    };
    for (const [argument, { description }] of Object.entries(properties))
      expect(description, argument).toMatch(/^.{3,}$/);
  });

  it('requires nothing of an answer, so that a client can show its errors', () => {
    expect(listTool(tool).outputSchema).toEqual({ type: 'object' });
    expect(outputSchema(tool)).not.toHaveProperty('required');
  });

  it('has a snake_case name and a description of sane length', () => {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(tool.description.length).toBeGreaterThan(20);
    expect(tool.description.length).toBeLessThanOrEqual(DESCRIPTION_MAX_CHARACTERS);
    expect(tool.description).not.toMatch(/[\n\t]| {2}/);
  });

  it('ends its description with one example that its own input schema takes', () => {
    const [, ...examples] = tool.description.split('Example: ');
    expect(examples).toHaveLength(1);
    expect(() => parseInput(tool.input, JSON.parse(examples[0] ?? ''))).not.toThrow();
  });

  it('has a flat input schema whose properties all have one type', () => {
    const unions = ['oneOf', 'anyOf', 'allOf', 'not', 'if', '$ref', '$defs', '$schema', 'patternProperties'];
    for (const schema of [inputSchema(tool), listTool(tool).inputSchema]) {
      for (const union of unions) expect(schemaKeywords(schema)).not.toContain(union);
      for (const [property, { type }] of Object.entries((schema['properties'] ?? {}) as Record<string, Row>))
        expect(type, property).toBeTypeOf('string');
    }
    expect(inputSchema(tool)['additionalProperties']).toBe(false);
  });

  it('advertises no limit that its descriptions do not tell: many clients show a model nothing else', () => {
    const told = schemaKeywords(listTool(tool).inputSchema);
    for (const limit of [
      'maxLength',
      'maximum',
      'minimum',
      'pattern',
      'format',
      'default',
      'additionalProperties',
    ])
      expect(told).not.toContain(limit);
  });

  it('has annotations that do not contradict each other', () => {
    const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = tool.annotations;
    expect(openWorldHint).toBe(false);
    if (readOnlyHint)
      expect({ destructiveHint, idempotentHint }).toEqual({ destructiveHint: false, idempotentHint: true });
    expect(readOnlyHint).toBe(/^((query|list|get|generate)_|search$)/.test(name));
  });
});

describe('contracts/', () => {
  it('holds exactly what the declarations give: run `npm run contracts` after a change', () => {
    const files = contractFiles();
    const present = readdirSync(contractsFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        path.relative(contractsFolder, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'),
      );
    expect(present.sort()).toEqual(Object.keys(files).sort());
    for (const [name, content] of Object.entries(files)) {
      expect(readFileSync(path.join(contractsFolder, name), 'utf8'), name).toBe(content);
    }
  });
});

describe('toolsets', () => {
  const listed = async (...more: string[]): Promise<string[]> => {
    const cwd = await temporaryProject();
    const client = await connect({
      generation: 'current',
      transport: 'stdio',
      cwd,
      args: ['serve', ...more],
    });
    const names = (await client.listTools()).map(({ name }) => name);
    await client.close();
    return names;
  };

  it('offers what the whole loop needs and the eight contract tools by default', async () => {
    const loop = [
      ...['get_brief', 'search', 'claim_work_item', 'link_work_items', 'add_note', 'apply_plan'],
      ...['query_history', 'undo'],
    ];
    expect((await listed()).sort()).toEqual([...loop, ...CONTRACT_TOOLS.map(({ name }) => name)].sort());
  });

  it('offers every tool with all, and with a list what is on it', async () => {
    expect(await listed('--toolsets', 'all')).toEqual(TOOLS.map(({ name }) => name));
    expect(await listed('--toolsets', ' history, links ')).toEqual([
      'link_work_items',
      'query_history',
      'undo',
    ]);
    const each = TOOLSETS.filter((toolset) => toolset !== 'all').map((toolset) => toolsOf([toolset]));
    expect(each.every((tools) => tools.length > 0)).toBe(true);
    expect(new Set(each.flat()).size).toBe(TOOLS.length);
  });

  it('refuses a toolset that does not exist, naming those that do', async () => {
    const project = await temporaryProject();
    const { code, stdout, stderr } = await runCli(['serve', '--toolsets', 'core,everything'], { project });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const toolset of TOOLSETS) expect(stderr).toContain(`"${toolset}"`);
  });

  it('costs a client few tokens', async () => {
    const cost = async (toolsets: string): Promise<number> => {
      const cwd = await temporaryProject();
      const args = serveArguments(cwd, 'embedded', toolsets);
      const client = await connect({ generation: 'current', transport: 'stdio', cwd, args });
      const tools = await client.listTools();
      await client.close();
      return encode(JSON.stringify({ tools })).length;
    };
    expect(await cost('core')).toBeLessThanOrEqual(CORE_MAX_TOKENS);
    expect(await cost('all')).toBeLessThanOrEqual(ALL_MAX_TOKENS);
  });
});

describe('a default list over 1,000 items', () => {
  const titlesOfKind: Record<string, (n: number) => string> = {
    'short titles': (n) => `Item ${n}`,
    'long titles': (n) =>
      `Refactor the extraction of vendor ${n} so that scanned pages are recognised reliably and fast`,
    'long German titles': (n) =>
      `Überarbeitung der Lieferantenschnittstelle für Größenänderungen im Bestellprozess ${n}`,
    'long Japanese titles': (n) =>
      `業者抽出処理を作り直してスキャンされたページを確実に認識できるようにする。その${n}。`.repeat(2),
    'titles of emoji': (n) => `${'🚀🧪👩‍💻'.repeat(20)} ${n}`,
    'titles full of ids': (n) => `${n} 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d 0123456789abcdef0123456789abcdef`,
  };

  it.each(Object.keys(titlesOfKind))('costs at most 1,000 tokens in either form: %s', async (kind) => {
    const cwd = await temporaryProject();
    const client = await connect({ generation: 'current', transport: 'stdio', cwd });
    await createItems(client, 1_000, titlesOfKind[kind] ?? String);
    const result = await client.callTool('list_work_items');
    const answer = answerOf(result);
    const shown = rows(answer['items']);
    expect(answer['total_count']).toBe(1_000);
    expect(shown.length).toBeGreaterThan(0);
    expect(encode(result.text).length).toBeLessThanOrEqual(LIST_MAX_TOKENS);
    expect(encode(JSON.stringify(answer)).length).toBeLessThanOrEqual(LIST_MAX_TOKENS);

    const [head = '', ...lines] = result.text.split('\n');
    expect(head).toBe(`1000 work items, ${shown.length} shown; next_cursor ${String(answer['next_cursor'])}`);
    expect(lines.map((line) => line.slice(0, 8))).toEqual(shown.map(({ id }) => id));
    const more = { limit: shown.length + 1, fields: ['title'], max_tokens: 20_000 };
    const [, ...expected] = rows(answerOf(await client.callTool('list_work_items', more))['items']);
    const next = await client.callTool('list_work_items', { cursor: answer['next_cursor'], limit: 1 });
    expect(rows(answerOf(next)['items'])).toMatchObject([{ id: short(expected.at(-1)?.['id']) }]);
    const again = await client.callTool('list_work_items');
    expect(again.text).toBe(result.text);
    await client.close();
  });
});

async function createItems(client: TestClient, count: number, title: (n: number) => string): Promise<void> {
  for (let made = 0; made < count; made += CALLS_AT_ONCE) {
    const calls = Array.from({ length: CALLS_AT_ONCE }, (_, n) =>
      client.callTool('create_work_item', {
        item_type: 'task',
        title: title(made + n),
        priority: 1 + (n % 5),
      }),
    );
    for (const result of await Promise.all(calls)) answerOf(result);
  }
}
