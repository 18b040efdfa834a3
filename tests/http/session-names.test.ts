// Sessions over HTTP are told apart in the history by a name that opens none of them.
import { expect, it } from 'vitest';
import { runCli, startHttp, temporaryProject } from '../support/program.ts';
import { JSON_HEADERS, initializeBody, request } from './requests.ts';

it('changes record a name for the session, and not the id by which whoever knows it speaks in it', async () => {
  const project = await temporaryProject();
  const server = await startHttp({ project });
  const post = (body: string, headers: Record<string, string> = {}) =>
    request(`${server.url}/mcp`, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body });
  const ids: string[] = [];
  for (const title of ['one', 'two']) {
    const id = String((await post(initializeBody())).headers['mcp-session-id']);
    const params = { name: 'create_work_item', arguments: { title, item_type: 'task' } };
    const call = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params });
    const answer = await post(call, { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' });
    expect(answer.body).toContain(title);
    ids.push(id);
  }
  const { stdout } = await runCli(['history', '--json'], { project });
  const { items } = JSON.parse(stdout) as { items: { session: string }[] };
  expect(new Set(items.map(({ session }) => session)).size).toBe(2);
  for (const id of ids) expect(stdout).not.toContain(id);
});
