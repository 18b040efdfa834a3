// The scripted model without any client: what a client does is done here by hand, with the built program behind it.
import { expect, it } from 'vitest';
import type { JsonRpcProcess } from '../support/json-rpc-process.ts';
import { spawnServe, temporaryProject } from '../support/program.ts';
import { Conversation } from './conversation.ts';
import type { Json } from './dialects/dialect.ts';
import { ERRORS, readIn, SCENARIOS, type Scenario } from './scenarios.ts';
import { startScriptedModel } from './scripted-model.ts';
import { LONG_DESCRIPTION, LONG_TITLE } from './tracker.ts';

/** One round: what goes to the model, and what of its answer is to be done. */
interface Talk {
  path: string;
  request(tools: string[], done: readonly Done[]): object;
  callIn(answer: Json): { id: string; name: string; input: object } | undefined;
}

interface Done {
  id: string;
  name: string;
  shown: string;
}

const PREFIX = 'mcp__worktrail__';

const TALKS: Readonly<Record<string, Talk>> = {
  'Anthropic Messages': {
    path: '/v1/messages',
    request: (tools, done) => ({
      tools: tools.map((name) => ({ name })),
      messages: done.map(({ id, shown }) => ({
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: id, content: shown }],
      })),
    }),
    callIn: ({ content: [block] }) => (block.type === 'tool_use' ? block : undefined),
  },
  'OpenAI Responses': {
    path: '/v1/responses',
    request: (tools, done) => ({
      tools: [{ type: 'namespace', name: PREFIX, tools: tools.map((name) => ({ name })) }],
      input: done.map(({ id, shown }) => ({ type: 'function_call_output', call_id: id, output: shown })),
    }),
    callIn: ({ output: [item] }) =>
      item.type === 'function_call'
        ? { id: item.call_id, name: item.name, input: JSON.parse(item.arguments) as object }
        : undefined,
  },
  'OpenAI Chat Completions': {
    path: '/v1/chat/completions',
    request: (tools, done) => ({
      tools: tools.map((name) => ({ type: 'function', function: { name } })),
      messages: done.map(({ id, shown }) => ({ role: 'tool', tool_call_id: id, content: shown })),
    }),
    callIn: ({ choices: [{ message }] }) => {
      const [made] = message.tool_calls ?? [];
      if (made === undefined) return undefined;
      return { id: made.id, name: made.function.name, input: JSON.parse(made.function.arguments) as object };
    },
  },
  Gemini: {
    path: '/v1beta/models/scripted:generateContent',
    request: (tools, done) => ({
      tools: [{ functionDeclarations: tools.map((name) => ({ name })) }],
      contents: done.map(({ name, shown }) => ({
        role: 'user',
        parts: [{ functionResponse: { name, response: { output: shown } } }],
      })),
    }),
    callIn: ({ candidates: [{ content }] }) => {
      const made = content.parts[0].functionCall;
      return made === undefined ? undefined : { ...made, input: made.args };
    },
  },
};

it.each([
  ['Anthropic Messages', 'structured'],
  ['OpenAI Responses', 'structured'],
  ['OpenAI Chat Completions', 'text'],
  ['Gemini', 'text'],
])('plays all scenarios in %s with %s answers', async (name, form) => {
  const server = await serveSmallTracker();
  for (const scenario of SCENARIOS) {
    const conversation = await play(TALKS[name] as Talk, scenario, server, form === 'text');
    expect(conversation.outcome).toBe('done');
    const errors = conversation.exchanges.filter(({ label }) => label in ERRORS);
    for (const { label, shown = '' } of errors) expect(readIn(label, shown), shown).toBe('ours');
  }
  server.closeStdin();
});

it('searches for tools that a client hides, and repeats a call that was not answered', async () => {
  const [scenario] = SCENARIOS as [Scenario];
  const conversation = new Conversation(scenario.script(), scenario.tools);
  const offered = ['ToolSearch', `${PREFIX}get_brief`].map((name) => ({ name, shown: {} }));
  const results: { id: string; text: string }[] = [];
  const next = () => conversation.next(offered, results);
  expect(next()).toMatchObject({ tool: { name: `${PREFIX}get_brief` } });
  expect(next()).toEqual(next());
  results.push({ id: 'call_1', text: 'Items: 3 active' });
  expect(next()).toMatchObject({
    tool: { name: 'ToolSearch' },
    input: { query: expect.stringContaining('list_work_items') as string },
  });
  results.push({ id: 'call_2', text: 'found' });
  expect(next()).toMatchObject({ tool: { name: `${PREFIX}list_work_items` }, input: { ready: true } });
  results.push({ id: 'call_3', text: 'Nothing that a model could go on from.' });
  expect(next()).toMatchObject({ kind: 'say' });
  expect(conversation.outcome).toMatch(/no id with its version/);
});

async function serveSmallTracker(): Promise<JsonRpcProcess> {
  const server = spawnServe({ project: await temporaryProject() });
  await server.initialize();
  const long = { title: LONG_TITLE, description: LONG_DESCRIPTION, priority: 5 };
  for (const item of [{ title: 'Fix the report' }, long])
    await server.request('tools/call', {
      name: 'create_work_item',
      arguments: { item_type: 'task', ...item },
    });
  return server;
}

async function play(
  talk: Talk,
  scenario: Scenario,
  server: JsonRpcProcess,
  isText: boolean,
): Promise<Conversation> {
  const conversation = new Conversation(scenario.script(), scenario.tools);
  const model = await startScriptedModel(conversation);
  const tools = scenario.tools.map((tool) => `${PREFIX}${tool}`);
  const done: Done[] = [];
  try {
    for (;;) {
      const body = JSON.stringify(talk.request(tools, done));
      const response = await fetch(`${model.url}${talk.path}`, { method: 'POST', body });
      const call = talk.callIn((await response.json()) as Json);
      if (call === undefined) return conversation;
      const { id, name, input } = call;
      const { result } = await server.request('tools/call', {
        ...{ name: name.slice(PREFIX.length), arguments: input },
      });
      const { content, structuredContent } = result as Json;
      const isShownAsText = isText || structuredContent === undefined;
      done.push({ id, name, shown: isShownAsText ? content[0].text : JSON.stringify(structuredContent) });
    }
  } finally {
    await model.close();
  }
}
