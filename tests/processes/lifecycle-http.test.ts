// The end of `serve --http`: open streams and kept connections do not hold it up.
import http from 'node:http';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startProgram, type RunningProgram } from '../support/child-program.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { connect, type TestClient } from '../support/mcp-clients.ts';
import { startHttp } from '../support/program.ts';
import { expectInStatusFile, watchEnd, type Ended } from './endings.ts';
import { olderStore, stopMigrations, untilMigrating } from './older-store.ts';
import { describeEachDatabase } from './place.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

describeEachDatabase('an HTTP server', (newPlace) => {
  describe.each(SIGNALS)('ends on %s', (signal) => {
    it('with clients of all kinds connected, streams open and connections kept alive', async () => {
      const place = await newPlace();
      const server = await startHttp({ project: place.project, args: place.args });
      const clients = await Promise.all([
        connect({ transport: 'http', generation: 'current', url: server.url }),
        connect({ transport: 'http', generation: 'current-2026', url: server.url }),
        connect({ transport: 'http', generation: 'previous', url: server.url }),
        connect({ transport: 'sse', generation: 'current', url: server.url }),
        connect({ transport: 'sse', generation: 'previous', url: server.url }),
      ]);
      await Promise.all(clients.map((client, index) => create(client, `item ${index}`)));
      const [stream, kept] = [await openStream(`${server.url}/sse`), await keepAlive(`${server.url}/health`)];

      const ended = await expectEnd(server, signal);
      await Promise.all([stream.closed, kept.closed]);
      const stored = await place.rows('select title from work_items order by title');
      expect(stored.map(({ title }) => title)).toEqual(clients.map((_, index) => `item ${index}`));
      await expectInStatusFile(
        place.project,
        stored.map(({ title }) => String(title)),
        ended,
      );
    });
  });

  it('ends on SIGTERM while a write waits for the lock of another process', async () => {
    const place = await newPlace();
    const server = await startHttp({ project: place.project, args: place.args });
    const client = await connect({ transport: 'http', generation: 'current', url: server.url });
    const id = await create(client, 'acknowledged');
    await place.hold(`update work_items set priority = 5 where id = '${id}'`);
    const waiting = client.callTool('update_work_item', { id, version: 1, title: 'never acknowledged' });
    const ended = expect(waiting).rejects.toThrow();
    await client.callTool('get_project_configuration');
    const end = await expectEnd(server, 'SIGTERM');
    await client.close();
    await ended;
    await expectInStatusFile(place.project, ['acknowledged'], end);
  });

  it('ends on SIGTERM in the middle of its migrations, before it listens', async () => {
    const place = await newPlace({ bare: true });
    await olderStore(place);
    await stopMigrations(place);
    const command = ['serve', '--http', '--port', '0', '--project', place.project, ...place.args];
    const server = startProgram(command, { cwd: place.project });
    await untilMigrating(place);
    await expectEnd(server, 'SIGTERM');
  });
});

async function expectEnd(server: RunningProgram, signal: NodeJS.Signals): Promise<Ended> {
  const end = watchEnd(server.pid);
  server.kill(signal);
  const exit = await server.exited;
  const ended = end.expectInTime(`from ${signal} to the end\n${server.stderr()}`);
  expect(exit, server.stderr()).toEqual({ code: 0, signal: null });
  return ended;
}

async function create(client: TestClient, title: string): Promise<string> {
  const { structured, text } = await client.callTool('create_work_item', { item_type: 'task', title });
  expect(structured, text).toBeDefined();
  return String(structured?.['id']);
}

/** Opens a stream that is never read to its end; resolves with a promise of its being closed. */
async function openStream(url: string): Promise<{ closed: Promise<unknown> }> {
  const request = http.get(url);
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.on('error', () => undefined).resume();
  return { closed: once(response, 'close') };
}

/** Makes a request over a connection that stays open for further ones. */
async function keepAlive(url: string): Promise<{ closed: Promise<unknown> }> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  cleanUpLater(() => agent.destroy());
  const request = http.get(url, { agent });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const { socket } = response;
  await once(response.resume(), 'end');
  return { closed: once(socket, 'close') };
}
