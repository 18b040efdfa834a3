// Whose news are kept: a session that calls seldom is not forgotten for scripts that call once.
import { expect, it } from 'vitest';
import { createToolCalls } from '../../src/mcp/tool-calls.ts';
import { backends, openTracker } from '../storage/backends.ts';

it('a session hears of its item after a thousand others called once', async () => {
  const sqlite = backends.find(({ source }) => source === 'sqlite');
  if (sqlite === undefined) throw new Error('no backend is sqlite');
  const { context } = await openTracker(sqlite);
  const calls = createToolCalls({ toolsets: ['core'], log: () => undefined, version: '0' } as never);
  const call = async (session: string, name: string, args: object = {}) => {
    const caller = { actor: 'client', client: 'client/1', person: session, session };
    const app = () => Promise.resolve({ context });
    const { structuredContent = {} } = await calls.call(
      app as never,
      { name, arguments: args },
      caller,
      () => undefined,
    );
    return structuredContent as { id?: string; news?: string };
  };
  await call('ana', 'get_project_configuration');
  const { id } = await call('ana', 'create_work_item', { item_type: 'task', title: 'Build' });
  for (let script = 0; script < 1_000; script += 1)
    await call(`script ${script}`, 'get_project_configuration');
  await call('ben', 'add_note', { id, text: 'Seen' });
  expect((await call('ana', 'get_project_configuration')).news).toMatch(/^ben added a note to "Build"/);
});
