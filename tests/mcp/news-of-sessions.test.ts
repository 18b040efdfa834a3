// Whose news are kept: a session that calls seldom is not forgotten for scripts that call once.
import { expect, it } from 'vitest';
import { createToolCalls } from '../../src/mcp/tool-calls.ts';
import { backends, openTracker } from '../storage/backends.ts';

interface Told {
  id?: string;
  news?: string;
}

async function caller() {
  const sqlite = backends.find(({ source }) => source === 'sqlite');
  if (sqlite === undefined) throw new Error('no backend is sqlite');
  const { context } = await openTracker(sqlite);
  const calls = createToolCalls({ toolsets: ['core'], log: () => undefined, version: '0' } as never);
  const app = () => Promise.resolve({ context });
  return async (session: string, name: string, args: object = {}): Promise<Told> => {
    const from = { actor: 'client', client: 'client/1', person: session, session };
    const answer = await calls.call(app as never, { name, arguments: args }, from, () => undefined);
    const [first] = answer.content as { text: string }[];
    return (answer.structuredContent ?? JSON.parse(first?.text ?? '')) as Told;
  };
}

it('a session hears of its item after a thousand others called once', async () => {
  const call = await caller();
  await call('ana', 'get_project_configuration');
  const { id } = await call('ana', 'create_work_item', { item_type: 'task', title: 'Build' });
  for (let script = 0; script < 1_000; script += 1)
    await call(`script ${script}`, 'get_project_configuration');
  await call('ben', 'add_note', { id, text: 'Seen' });
  expect((await call('ana', 'get_project_configuration')).news).toMatch(/^ben added a note to "Build"/);
});

it.each([
  ['get_project_configuration', { nonsense: 1 }],
  ['no_such_tool', {}],
])('what is refused before anything is done tells news as well: %s %j', async (tool, args) => {
  const call = await caller();
  await call('ana', 'get_project_configuration');
  const { id } = await call('ana', 'create_work_item', { item_type: 'task', title: 'Build' });
  await call('ben', 'add_note', { id, text: 'Seen' });
  expect(await call('ana', tool, args)).toMatchObject({
    error: 'ValidationError',
    news: expect.stringMatching(/^ben added a note to "Build"/) as string,
  });
  expect(await call('ana', tool, args)).not.toHaveProperty('news');
});
