// What the server says of itself before a tool is called: to people, and to models that see nothing but this and names.
import { describe, expect, it } from 'vitest';
import { takesTextOnly } from '../../src/mcp/known-clients.ts';
import { TOOLS, toolsOf } from '../../src/mcp/registry.ts';
import { instructionsFor } from '../../src/mcp/self-description.ts';
import { type ClientGeneration, clientGenerations, connect } from '../support/mcp-clients.ts';
import { spawnServe, temporaryProject } from '../support/program.ts';

/** Some clients pass on so many, some models see the beginning alone. */
const INSTRUCTIONS_MAX_CHARACTERS = 2_000;
const BEGINNING_CHARACTERS = 300;

const namedIn = (text: string) => TOOLS.map(({ name }) => name).filter((name) => text.includes(name));

describe('instructions', () => {
  it('say within their first characters what to search for and what to call first', () => {
    const text = instructionsFor(['core']);
    expect(text.length).toBeLessThanOrEqual(INSTRUCTIONS_MAX_CHARACTERS);
    const beginning = text.slice(0, BEGINNING_CHARACTERS);
    for (const word of [
      'search for "worktrail"',
      'get_brief first',
      'after a context compaction',
      'claim_work_item',
    ])
      expect(beginning).toContain(word);
  });

  it.each([[['core']], [['all']], [['history', 'vendors']]] as const)(
    'name tools of %j alone',
    (toolsets) => {
      const offered = toolsOf(toolsets).map(({ name }) => name);
      for (const name of namedIn(instructionsFor(toolsets))) expect(offered).toContain(name);
    },
  );
});

describe.each(clientGenerations)('a client of %s', (generation) => {
  it('is told what the server is and how to work with it', async () => {
    const client = await connect({ generation, transport: 'stdio', cwd: await temporaryProject() });
    const { server, instructions } = client.about();
    expect(server).toMatchObject({ name: 'worktrail', title: 'Worktrail' });
    expect(server?.['websiteUrl']).toMatch(/^https:/);
    expect(server?.['description']).toMatch(/tracker/);
    expect(server?.['icons']).toMatchObject([{ mimeType: 'image/svg+xml' }]);
    expect(instructions).toBe(instructionsFor(['core']));
  });
});

describe('a client that loads tools on demand', () => {
  const metaFor = async (clientName: string, generation: ClientGeneration) => {
    const cwd = await temporaryProject();
    const client = await connect({ generation, transport: 'stdio', cwd, clientName });
    return new Map((await client.listTools()).map(({ name, _meta }) => [name, _meta]));
  };

  it.each(['current', 'current-2026'] as const)(
    'is told which to load first, and words to find them by: %s',
    async (generation) => {
      const meta = await metaFor('claude-code', generation);
      expect(meta.get('get_brief')).toMatchObject({ 'anthropic/alwaysLoad': true });
      expect(meta.get('claim_work_item')?.['anthropic/searchHint']).toMatch(/claim task/);
      expect([...meta.values()].filter((one) => one?.['anthropic/alwaysLoad'] === true)).toHaveLength(5);
    },
  );

  it('is the only one that pays for it', async () => {
    const meta = await metaFor('test-client', 'current');
    expect([...meta.values()].every((one) => one === undefined)).toBe(true);
  });
});

describe('a client that shows a model the structured content', () => {
  const meet = async (clientName: string, generation: ClientGeneration) => {
    const cwd = await temporaryProject();
    const client = await connect({ generation, transport: 'stdio', cwd, clientName });
    const [listed] = await client.listTools();
    const made = await client.callTool('create_work_item', { item_type: 'task', title: 'Told once' });
    return { listed, made };
  };

  it.each(clientGenerations)('is sent the text alone: %s', async (generation) => {
    const { listed, made } = await meet('copilot-cli', generation);
    expect(listed).not.toHaveProperty('outputSchema');
    expect(made.structured).toBeUndefined();
    expect(made.text).toMatch(/^Created [0-9a-f]{8} v1 task active Told once/);
  });

  it('is known by its name and version', async () => {
    const { listed, made } = await meet('copilot-client', 'current');
    expect(listed?.outputSchema).toEqual({ type: 'object' });
    expect(made.structured).toMatchObject({ version: 1, title: 'Told once' });
    expect(['claude-code/2.1.332', 'codex-mcp-client/0.171.0'].every(takesTextOnly)).toBe(true);
    expect(['claude-code', 'claude-code/3.0.0', 'codex-mcp-client'].some(takesTextOnly)).toBe(false);
  });
});

it('tells a client that takes JSON for structured content of an error in a text that is not JSON', async () => {
  const refused = async (name: string) => {
    const server = spawnServe({ project: await temporaryProject() });
    const clientInfo = { name, version: '0.61.0' };
    await server.request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
    const { result } = await server.request('tools/call', { name: 'query_work_item', arguments: {} });
    const [{ text }] = result?.['content'] as [{ text: string }];
    return text;
  };
  const body = await refused('another-client');
  expect(JSON.parse(body)).toMatchObject({ error: 'ValidationError', details: { field: 'id' } });
  expect(await refused('gemini-cli-mcp-client')).toBe(`Error: ${body}`);
});
