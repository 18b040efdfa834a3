// Resources, completion and prompts through real clients of every generation, and the registries they come from.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROMPTS } from '../../src/mcp/prompt-registry.ts';
import { TOOLS, toolsOf } from '../../src/mcp/registry.ts';
import { isTemplate, stemOf } from '../../src/mcp/definitions/define-resource.ts';
import { RESOURCES, resourceAt } from '../../src/mcp/resource-registry.ts';
import { clientGenerations } from '../support/mcp-clients.ts';
import { type HttpProgram, startHttp, temporaryProject } from '../support/program.ts';
import { type LiveClient, connectLive } from './live-clients.ts';
import { serveArguments } from './surfaces.ts';

const RESOURCE_MAX_TOKENS = 12_000;
const PROMPT_MAX_TOKENS = 1_500;

const meetings = clientGenerations.flatMap((generation) =>
  (['stdio', 'http', 'sse'] as const)
    .filter((transport) => generation !== 'current-2026' || transport !== 'sse')
    .map((transport) => ({ generation, transport })),
);

describe.each(meetings)('$generation over $transport', ({ generation, transport }) => {
  let project: string;
  let http: HttpProgram | undefined;
  let client: LiveClient;
  let item: Record<string, unknown>;

  beforeAll(async () => {
    project = await temporaryProject({ git: true });
    http = transport === 'stdio' ? undefined : await startHttp({ project, args: ['--toolsets', 'all'] });
    client = await connectLive(
      generation,
      http === undefined
        ? { args: serveArguments(project), cwd: project }
        : { url: http.url, transport: transport === 'sse' ? 'sse' : 'http' },
    );
    item = await client.call('create_work_item', {
      item_type: 'task',
      title: 'Read the invoices',
      description: 'All of **them**.',
      labels: ['scan'],
      status: 'planned',
    });
    await client.call('register_vendor', { name: 'Müller & Söhne/Nord', extractor_version: '1.0.0' });
    await client.call('register_vendor', { name: 'Meyer' });
  });
  afterAll(async () => {
    await client.close();
    await http?.stop();
  });

  it('lists what there is, and says that it can be subscribed to', async () => {
    expect(client.capabilities()).toMatchObject({
      resources: { subscribe: true },
      prompts: {},
      completions: {},
    });
    expect((await client.resources()).map(({ uri }) => uri)).toEqual([
      'worktrail://status',
      'worktrail://brief',
      'worktrail://deployments',
    ]);
    expect((await client.templates()).map(({ uriTemplate }) => uriTemplate)).toEqual([
      'worktrail://work-items/{id}',
      'worktrail://vendors/{name}',
    ]);
    expect((await client.prompts()).map(({ name }) => name)).toEqual(PROMPTS.map(({ name }) => name));
  });

  it('reads each of them, with where it is from', async () => {
    const status = await client.read('worktrail://status');
    expect(status).toMatchObject({ mimeType: 'text/markdown', _meta: { data_source: 'sqlite' } });
    expect(status.text).toContain('Müller & Söhne/Nord');
    expect(status.text).not.toContain('do not edit');
    expect((await client.read('worktrail://deployments')).text).toContain('None was recorded yet.');
    const id = String(item['id']);
    for (const form of [id, id.toUpperCase(), id.slice(0, 8), id.replaceAll('-', '')]) {
      const { text, uri } = await client.read(`worktrail://work-items/${form}`);
      expect(uri).toBe(`worktrail://work-items/${form}`);
      expect(text).toContain(`- id: ${id}\n- version: 1\n- task, planned, priority 3`);
      expect(text).toContain('All of **them**.');
    }
    for (const name of [encodeURIComponent('MÜLLER & söhne/Nord'), 'Müller & Söhne/Nord']) {
      const { text, mimeType } = await client.read(`worktrail://vendors/${name}`);
      expect(mimeType).toBe('application/json');
      expect(JSON.parse(text)).toMatchObject({ name: 'Müller & Söhne/Nord', data_source: 'sqlite' });
    }
  });

  it("says what there is to a URI that leads nowhere, by the protocol's own error", async () => {
    const wrong = {
      'worktrail://': /worktrail:\/\/status/,
      'worktrail://Status': /worktrail:\/\/status/,
      'worktrail://status/': /worktrail:\/\/status/,
      'worktrail://vendors/': /worktrail:\/\/status/,
      'file:///etc/passwd': /worktrail:\/\/status/,
      'worktrail://work-items/00000000-0000-4000-8000-000000000000': /no work item/,
      'worktrail://work-items/..%2f..%2fetc': /must be an id/,
      'worktrail://work-items/%': /must be an id/,
      'worktrail://work-items/abc': /at least 6 hex/,
      'worktrail://vendors/Mayer': /Did you mean Meyer/,
      'worktrail://vendors/%00': /NUL character/,
      [`worktrail://vendors/${'x'.repeat(5_000)}`]: /worktrail:\/\/status/,
    };
    for (const [uri, message] of Object.entries(wrong)) {
      const error = await client.read(uri).catch((thrown: unknown) => thrown as { code: number });
      expect(error, uri).toMatchObject({ code: -32602 });
      expect(String((error as unknown as Error).message), uri).toMatch(message);
    }
  });

  it('completes ids by their beginning or by title, and names in any case', async () => {
    const ref = { type: 'ref/resource', uri: 'worktrail://work-items/{id}' } as const;
    const id = String(item['id']);
    for (const typed of ['', id.slice(0, 1), id.slice(0, 10), 'INVOICES']) {
      const { values, titles } = await client.complete(ref, 'id', typed);
      expect(values, typed).toEqual([id]);
      expect(titles).toEqual({ [id]: 'Read the invoices' });
    }
    expect((await client.complete(ref, 'id', 'no such thing')).values).toEqual([]);
    const vendor = { type: 'ref/resource', uri: 'worktrail://vendors/{name}' } as const;
    expect((await client.complete(vendor, 'name', 'm')).values).toEqual(['Meyer', 'Müller & Söhne/Nord']);
    expect((await client.complete(vendor, 'name', 'MÜ')).values).toEqual(['Müller & Söhne/Nord']);
    const argument = { type: 'ref/prompt', name: 'hand_over' } as const;
    expect((await client.complete(argument, 'item_id', id.slice(0, 4))).values).toEqual([id]);
    expect((await client.complete(argument, 'to', 'a')).values).toEqual([]);
    await expect(client.complete({ type: 'ref/prompt', name: 'nothing' }, 'x', '')).rejects.toThrow(/triage/);
  });

  it('gives prompts that show the tracker as it is and name only tools it offers', async () => {
    const offered = new Set(TOOLS.map(({ name }) => name));
    const start = await client.prompt('start_session', { goal: 'Get "scanning" done' });
    expect(start).toContain('Get "scanning" done');
    expect(start).toMatch(/Ready to start \(1\):\n- [0-9a-f]{8} v1 task planned Read the invoices/);
    expect(start).toContain('Broken vendors (2): Meyer, Müller & Söhne/Nord');
    const over = await client.prompt('hand_over', { item_id: String(item['id']).slice(0, 8), to: 'Grace' });
    expect(over).toContain('to Grace');
    expect(over).toContain(`add_note for ${String(item['id'])}`);
    expect(over).toContain('claim_work_item with action "hand_over" and to "Grace"');
    const triage = await client.prompt('triage', { label: 'scan' });
    expect(triage).toContain('Planned, most urgent first (1)');
    expect(await client.prompt('triage', { label: 'other' })).toContain('nothing to triage');
    const close = await client.prompt('close_session');
    expect(close).toContain('No session is set as the current one');
    for (const text of [start, over, triage, close]) {
      const named =
        text.match(/\b(?:get|list|query|create|update|add|link|record|claim|release)_[a-z_]+/g) ?? [];
      expect(named.length).toBeGreaterThan(0);
      for (const tool of named) expect(offered, `${tool} in ${text}`).toContain(tool);
      expect(encode(text).length).toBeLessThan(PROMPT_MAX_TOKENS);
    }
  });

  it('follows the current session in close_session', async () => {
    const session = await client.call('create_work_item', { item_type: 'session', title: 'Today' });
    const below = { item_type: 'task', title: 'Still to do', parent_id: session['id'] };
    await client.call('create_work_item', below);
    const { version } = await client.call('get_project_configuration');
    await client.call('update_project_configuration', { version, current_session_id: session['id'] });
    const text = await client.prompt('close_session');
    expect(text).toMatch(/session active Today\n- open below it: [0-9a-f]{8} v1 task active Still to do/);
    expect(text).toContain(`"id":"${String(session['id'])}","version":1,"status":"completed"`);
    expect(await client.prompt('start_session')).toContain('session active Today');
  });

  it('says what is wrong with the arguments of a prompt', async () => {
    await expect(client.prompt('hand_over')).rejects.toThrow(/item_id/);
    await expect(client.prompt('hand_over', { item_id: 'zzz' })).rejects.toThrow(/item_id: must be an id/);
    await expect(client.prompt('hand_over', { item_id: '00000000' })).rejects.toThrow(/no work item/);
    await expect(client.prompt('triage', { lable: 'x' })).rejects.toThrow(/it is called "label"/);
    await expect(client.prompt('hand_off')).rejects.toThrow(/nearest is "hand_over"/);
  });

  it('cuts what is too long for a resource and says how to get it', async () => {
    const long = await client.call('create_work_item', {
      item_type: 'research',
      title: 'Long',
      description: 'A line of prose that goes on.\n'.repeat(2_000),
    });
    const { text } = await client.read(`worktrail://work-items/${String(long['id'])}`);
    expect(text).toContain('query_work_item');
    expect(encode(text).length).toBeLessThan(RESOURCE_MAX_TOKENS);
  });
});

describe('a server with the core toolset', () => {
  it('names no tool in its prompts that it does not offer', async () => {
    const project = await temporaryProject();
    const args = serveArguments(project, 'embedded', 'core');
    const client = await connectLive('current', { args, cwd: project });
    const item = await client.call('create_work_item', { item_type: 'task', title: 'One' });
    const core = new Set(toolsOf(['core']).map(({ name }) => name));
    for (const { name } of PROMPTS) {
      const text = await client.prompt(name, name === 'hand_over' ? { item_id: String(item['id']) } : {});
      for (const { name: tool } of TOOLS) if (!core.has(tool)) expect(text).not.toContain(tool);
    }
    await client.close();
  });
});

describe.each(RESOURCES.map((resource) => ({ uri: resource.uri, resource })))('$uri', ({ uri, resource }) => {
  it('is found under its URI and describes itself', () => {
    expect(uri).toMatch(/^worktrail:\/\/[a-z-]+(\/\{[a-z]+\})?$/);
    expect(resource.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(resource.description.length).toBeGreaterThan(20);
    expect(resource.description.length).toBeLessThan(250);
    const at = isTemplate(resource) ? `${stemOf(resource)}some%20one` : uri;
    expect(resourceAt(at)).toEqual({ resource, variable: isTemplate(resource) ? 'some one' : '' });
    expect(resource.suggest !== undefined).toBe(isTemplate(resource));
  });
});

describe.each(PROMPTS.map((prompt) => ({ name: prompt.name, prompt })))('$name', ({ name, prompt }) => {
  it('has a snake_case name and describes itself and its arguments', () => {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(prompt.description.length).toBeGreaterThan(20);
    for (const schema of Object.values(prompt.input.shape))
      expect(schema.description?.length).toBeGreaterThan(10);
    for (const argument of Object.keys(prompt.suggest)) expect(prompt.input.shape).toHaveProperty(argument);
  });
});
