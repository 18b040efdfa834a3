// 2025 sessions over HTTP at their edges: who hangs up early, who comes all at once, who ends while others call.
import { createHmac } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Server } from '@modelcontextprotocol/server';
import { expect, it } from 'vitest';
import { createMcpHttp, type Exchange, type McpHttp } from '../../src/mcp/http.ts';
import type { ServerFactory } from '../../src/mcp/server.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { JSON_HEADERS, PING, initializeBody } from '../http/requests.ts';

const seal = (data: string) => createHmac('sha256', 'key').update(data).digest('hex');

function start(total: number): McpHttp {
  const server = () => new Server({ name: 'test', version: '1' }, { capabilities: {} });
  const factory = Object.assign(server, {
    forSession: server,
    subscriptions: () => Promise.reject(new Error('nobody subscribes')),
  }) satisfies ServerFactory;
  const http = createMcpHttp(factory, {
    log: () => undefined,
    sessions: { total, perAddress: total },
    sseSessions: { total, perAddress: total },
    sealing: { of: seal, isOwn: (data, given) => seal(data) === given },
    place: '/tracker',
    takeStream: () => () => undefined,
  });
  cleanUpLater(() => http.close());
  return http;
}

function exchange(
  closed = false,
): Exchange & { response: ServerResponse & { emit(event: 'close'): boolean } } {
  const response = Object.assign(new EventEmitter(), { closed, destroyed: closed });
  return { address: '127.0.0.1', response: response as never };
}

async function send(
  http: McpHttp,
  body: string | undefined,
  id?: string,
  of = exchange(),
): Promise<Response> {
  const headers = { ...JSON_HEADERS, ...(id !== undefined && { 'mcp-session-id': id }) };
  const request = new Request('http://localhost/mcp', {
    method: body === undefined ? 'DELETE' : 'POST',
    headers,
  });
  const response = await http.streamable(request, body === undefined ? undefined : JSON.parse(body), of);
  if (!of.response.closed) of.response.emit('close');
  return response;
}

const begin = async (http: McpHttp) =>
  (await send(http, initializeBody())).headers.get('mcp-session-id') ?? '';

it('whoever hung up before its session was up again keeps nobody out', async () => {
  const id = await begin(start(1));
  const http = start(1);
  expect((await send(http, PING, id, exchange(true))).status).toBe(200);
  expect((await send(http, initializeBody())).status).toBe(200);
});

it('however many begin at once, there are as many as may be', async () => {
  const http = start(3);
  const ids = await Promise.all(Array.from({ length: 10 }, () => begin(http)));
  const open = ids.map((id) => {
    const of = exchange();
    return http.streamable(
      new Request('http://localhost/mcp', { headers: { accept: 'text/event-stream', 'mcp-session-id': id } }),
      undefined,
      of,
    );
  });
  const statuses = (await Promise.all(open)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(3);
});

it('each of several that find no room is told so', async () => {
  const id = await begin(start(1));
  const http = start(0);
  const answers = await Promise.all(Array.from({ length: 4 }, () => send(http, PING, id)));
  for (const answer of answers) {
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('as many sessions');
  }
});

it('one that its client ended stays ended, whatever came in beside', async () => {
  const http = start(10);
  for (let round = 0; round < 20; round += 1) {
    const id = await begin(http);
    await Promise.all(
      [
        send(http, PING, id),
        send(http, undefined, id),
        send(http, PING, id),
        send(http, PING, id),
        send(http, undefined, id),
        send(http, PING, id),
      ].map((p) => p.catch(() => undefined)),
    );
    expect((await send(http, PING, id)).status).toBe(404);
  }
});

it('what is refused opens nothing, and a batch none either', async () => {
  const http = start(2);
  const first = await begin(http);
  for (const body of [`[${initializeBody()}]`, `[${initializeBody()},${PING}]`, '[]']) {
    expect((await send(http, body)).status).toBe(400);
  }
  expect((await send(http, PING, first)).status).toBe(200);
  const again = await send(start(2), `[${PING},${PING}]`, first);
  expect(again.status).toBe(200);
});
