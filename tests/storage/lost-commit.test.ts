// The reply to COMMIT is lost: the write may be stored or not, and the caller must be told the truth.
import net from 'node:net';
import { expect, it } from 'vitest';
import { openStore } from '../../src/storage/open-store.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { freshDatabase, inFolder } from './backends.ts';
import { refusalOf } from './refusal.ts';
import { Tracker } from './tracker.ts';

/** A simple query of the protocol: Q, length, text. */
const COMMIT = Buffer.from('commit\0');

interface Proxy {
  url: string;
  /** From now on: passes the next COMMIT on and drops the connection before the reply; then refuses if asked to. */
  cutNextCommit(options: { passOn: boolean; thenRefuse: boolean }): void;
}

async function proxyTo(url: string): Promise<Proxy> {
  const target = new URL(url);
  let cut: { passOn: boolean; thenRefuse: boolean } | undefined;
  let refusing = false;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    if (refusing) return void client.destroy();
    const upstream = net.connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    upstream.pipe(client);
    client.on('data', (chunk: Buffer) => {
      if (cut === undefined || !chunk.includes(COMMIT)) return void upstream.write(chunk);
      const { passOn, thenRefuse } = cut;
      cut = undefined;
      refusing = thenRefuse;
      upstream.unpipe(client);
      if (passOn) upstream.write(chunk, () => setTimeout(() => client.destroy(), 50));
      else {
        upstream.destroy();
        client.destroy();
      }
    });
    client.on('close', () => upstream.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpLater(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as net.AddressInfo;
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String(port);
  return { url: proxied.href, cutNextCommit: (options) => (cut = options) };
}

async function trackerBehindProxy() {
  const proxy = await proxyTo(await freshDatabase());
  const place = inFolder(await temporaryProject(), proxy.url);
  const store = await openStore(place);
  cleanUpLater(() => store.close());
  return { proxy, tracker: new Tracker(store, place) };
}

describeUnless(postgresSkipReason(), 'a write whose COMMIT was cut off', () => {
  it('is answered as saved, once, when the store tells that it was', async () => {
    const { proxy, tracker } = await trackerBehindProxy();
    proxy.cutNextCommit({ passOn: true, thenRefuse: false });
    const item = await tracker.create({ title: 'Saved after all' });
    expect(item).toMatchObject({ title: 'Saved after all', version: 1 });
    expect(item).not.toHaveProperty('repeated');
    expect(await tracker.titles()).toEqual(['Saved after all']);
  });

  it('is never said to be unsaved when that is not known', async () => {
    const { proxy, tracker } = await trackerBehindProxy();
    proxy.cutNextCommit({ passOn: true, thenRefuse: true });
    const refusal = await refusalOf(tracker.create({ title: 'Who knows' }));
    expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer: 'postgres' } });
    expect(refusal.message).toContain('it is not known whether this was saved');
    expect(refusal.next).toContain('Read the record before you repeat the call');
  });

  it('leaves nothing behind when the COMMIT never arrived', async () => {
    const { proxy, tracker } = await trackerBehindProxy();
    proxy.cutNextCommit({ passOn: false, thenRefuse: false });
    const refusal = await refusalOf(tracker.create({ title: 'Never there' }));
    expect(refusal.message).toContain('it is not known whether this was saved');
    expect(await tracker.titles()).toEqual([]);
  });
});
