// A subscription outlives what lies between a client and the tracker: a restarted database, a cut network, a lost stream.
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless, describeWithPostgres } from '../support/describe-with.ts';
import { clientGenerations } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { startHttp, temporaryProject } from '../support/program.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { connectLive } from './live-clients.ts';
import { serveArguments } from './surfaces.ts';

const meetings = clientGenerations.flatMap((generation) =>
  (['stdio', 'http'] as const).map((transport) => ({ generation, transport })),
);
const STATUS = 'worktrail://status';

describeUnless(postgresSkipReason(), 'a subscription', () => {
  it.each(meetings)(
    'goes on after a restart of PostgreSQL and a cut connection: $generation over $transport',
    async ({ generation, transport }) => {
      const server = await startPostgres({ own: true });
      cleanUpLater(() => server.stop());
      const url = await server.createDatabase();
      const proxy = await startProxy(url);
      cleanUpLater(() => proxy.stop());
      const project = await temporaryProject({ git: true });
      const writer = await connectLive('current', { args: serveArguments(project, url), cwd: project });
      const item = await writer.call('create_work_item', { item_type: 'task', title: 'Watched' });
      const uri = `worktrail://work-items/${String(item['id'])}`;

      const args = serveArguments(project, proxy.url);
      const http = transport === 'http' ? await startHttp({ project, args: args.slice(3) }) : undefined;
      if (http !== undefined) cleanUpLater(async () => void (await http.stop()));
      const client = await connectLive(
        generation,
        http === undefined ? { args, cwd: project } : { url: http.url, transport: 'http' },
      );
      await client.subscribe(uri, STATUS);
      let version = 1;
      const change = async () => {
        const answer = await writer.call('update_work_item', {
          id: item['id'],
          version,
          title: `Changed ${version}`,
        });
        expect(answer['durability']).toBe('postgres');
        version = Number(answer['version']);
      };

      await server.restart('immediate');
      const restarted = performance.now();
      await untilPrimary(writer);
      await change();
      await client.hears(uri, restarted);

      await proxy.setMode('refuse');
      const cut = performance.now();
      await change();
      // What the client itself does meanwhile is told although the database is away.
      await client.call('create_work_item', { item_type: 'task', title: 'Made offline' });
      await client.hears(STATUS, cut);
      await proxy.setMode('pass');
      await client.hears(uri, cut);
      expect((await client.read(uri)).text).toContain(`Changed ${version - 1}`);
      const calm = performance.now();
      await change();
      await client.hears(uri, calm);
      await client.close();
      await writer.close();
    },
  );
});

describeWithPostgres('a client over HTTP that vanishes', (server) => {
  it('is forgotten: nobody follows the feed for it any more', async () => {
    const url = await server.createDatabase();
    const project = await temporaryProject();
    const http = await startHttp({ project, args: ['--database', url] });
    cleanUpLater(async () => void (await http.stop()));
    const ending = new AbortController();
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const params = { _meta, notifications: { resourceSubscriptions: [STATUS] } };
    const response = await fetch(`${http.url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'subscriptions/listen',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'one', method: 'subscriptions/listen', params }),
      signal: ending.signal,
    });
    const reader = response.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value as Uint8Array);
    expect(first).toContain('notifications/subscriptions/acknowledged');
    await untilFollowers(url, 1);
    ending.abort();
    await reader?.cancel().catch(() => undefined);
    await untilFollowers(url, 0);
  });
});

async function untilFollowers(url: string, wanted: number): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    for (const until = Date.now() + 10_000; ;) {
      const rows = await sql`select 1 from pg_stat_activity where datname = current_database()
        and pid <> pg_backend_pid() and (query ilike 'listen %' or query = 'select 1')`;
      if (rows.length === wanted) return;
      if (Date.now() > until) throw new Error(`${rows.length} connections listen`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await sql.end();
  }
}

/** A write to a database that has just been restarted may be kept locally first. */
/** By a write: a read may go over another connection than the one that finds out that it was cut. */
async function untilPrimary(writer: Awaited<ReturnType<typeof connectLive>>): Promise<void> {
  for (const until = Date.now() + 20_000; ;) {
    const probe = { item_type: 'task', title: 'Is it there?' };
    const { durability } = await writer.call('create_work_item', probe);
    const { warnings } = await writer.call('list_work_items');
    if (durability === 'postgres' && warnings === undefined) return;
    if (Date.now() > until) throw new Error('the database did not come back');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a 2025 session over HTTP', () => {
  it('tells on its next stream, each resource once, what changed while it had none', async () => {
    const project = await temporaryProject();
    const http = await startHttp({ project });
    cleanUpLater(async () => void (await http.stop()));
    const writer = await connectLive('current', { args: ['serve'], cwd: project });
    const post = async (body: object, session?: string) => {
      const response = await fetch(`${http.url}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(session !== undefined && { 'mcp-session-id': session }),
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      });
      await response.text();
      return response.headers.get('mcp-session-id') ?? '';
    };
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    };
    const session = await post({ id: 1, method: 'initialize', params });
    await post({ method: 'notifications/initialized' }, session);
    await post({ id: 2, method: 'resources/subscribe', params: { uri: STATUS } }, session);

    const stream = async (wanted: number): Promise<string> => {
      const ending = new AbortController();
      const response = await fetch(`${http.url}/mcp`, {
        headers: { accept: 'text/event-stream', 'mcp-session-id': session },
        signal: ending.signal,
      });
      let text = '';
      const deadline = setTimeout(() => ending.abort(), 10_000);
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        if (text.split('resources/updated').length > wanted) break;
      }
      clearTimeout(deadline);
      ending.abort();
      return text;
    };
    const make = (title: string) => writer.call('create_work_item', { item_type: 'task', title });
    await make('One');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await make('Two');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const first = await stream(1);
    expect(first.split(STATUS)).toHaveLength(2);

    // Cut again: the server notices that nobody listens any more.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await make('Three');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await stream(1)).split(STATUS)).toHaveLength(2);
    await writer.close();
  });
});
