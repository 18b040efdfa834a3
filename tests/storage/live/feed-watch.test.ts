// Following the feed: everything is told once, whoever made it, through cut connections, restarts and outages.
import { describe, expect, it } from 'vitest';
import postgres from 'postgres';
import { newRecordId } from '../../../src/domain/ids.ts';
import type { FeedEntry } from '../../../src/storage/queries/feed.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { postgresSkipReason, startPostgres } from '../../support/postgres.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { describeEachBackend, freshDatabase, inFolder, openTracker, openTrackerAt } from '../backends.ts';
import { creation } from '../changes.ts';
import type { Tracker } from '../tracker.ts';
import type { FeedNews } from '../../../src/storage/contract/feed-news.ts';

const PATIENCE_MS = 20_000;
const SILENCE_MS = 1_000;

class Ear {
  readonly entries: FeedEntry[] = [];
  partial = 0;

  readonly listener = (news: FeedNews): void => {
    this.entries.push(...news.entries);
    if (news.isPartial) this.partial += 1;
  };

  get ids(): string[] {
    return this.entries.map(({ entity_id }) => entity_id);
  }

  /** How often the record was told of, from the feed and while it waited. */
  told(record: { id: string }): { feed: number; waiting: number } {
    const own = this.entries.filter(({ entity_id }) => entity_id === record.id);
    const feed = own.filter(({ seq }) => seq !== null).length;
    return { feed, waiting: own.length - feed };
  }
}

async function listen(tracker: Tracker): Promise<Ear & { stop: () => void }> {
  const ear = new Ear();
  const stop = await tracker.context.store.watch(ear.listener);
  return Object.assign(ear, { stop });
}

async function eventually(check: () => Promise<boolean> | boolean): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; !(await check());) {
    if (Date.now() > until) throw new Error(`waited ${PATIENCE_MS} ms in vain`);
    await sleep(20);
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeEachBackend('following the feed', (backend) => {
  it('tells of the changes of all processes once, in their order', async () => {
    const here = await openTracker(backend);
    const there = await openTrackerAt(here.place);
    const before = await there.create({ title: 'Before' });
    const ear = await listen(here);
    const made: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      const both = await Promise.all([here.create({ title: `h${n}` }), there.create({ title: `t${n}` })]);
      made.push(...both.map(({ id }) => id));
    }
    await there.update(before, { status: 'completed' });
    await eventually(() => ear.entries.length >= made.length + 1);
    await sleep(SILENCE_MS);
    expect([...ear.ids].sort()).toEqual([...made, before.id].sort());
    const positions = ear.entries.map(({ seq }) => Number(seq));
    expect(positions).toEqual(Array.from(positions, (_, n) => Number(positions[0]) + n));
    expect(ear.entries.at(-1)).toMatchObject({
      kind: 'update',
      entity: 'work_item',
      actor: 'ada',
      version: 2,
    });
    expect(ear.partial).toBe(0);
  });

  it('names both ends of a link', async () => {
    const tracker = await openTracker(backend);
    const [a, b] = [await tracker.create(), await tracker.create()];
    const ear = await listen(tracker);
    await tracker.link(a, 'blocks', b);
    await eventually(() => ear.entries.length > 0);
    expect(ear.entries).toMatchObject([{ entity: 'dependency', entity_id: a.id, related_id: b.id }]);
  });

  it('tells nothing after it was stopped, and nothing of the meantime when it starts again', async () => {
    const here = await openTracker(backend);
    const first = await listen(here);
    const second = await listen(here);
    first.stop();
    const one = await here.create();
    await eventually(() => second.ids.includes(one.id));
    second.stop();
    second.stop();
    const two = await here.create();
    const third = await listen(here);
    const three = await here.create();
    await eventually(() => third.ids.includes(three.id));
    expect({ first: first.ids, second: second.ids, third: third.ids }).toEqual({
      first: [],
      second: [one.id],
      third: [three.id],
    });
    expect(third.ids).not.toContain(two.id);
  });

  it('goes on telling the others when one listener fails', async () => {
    const tracker = await openTracker(backend);
    await tracker.context.store.watch(() => {
      throw new Error('a broken listener');
    });
    const ear = await listen(tracker);
    const item = await tracker.create();
    await eventually(() => ear.ids.includes(item.id));
  });
});

describe('a change of very many records', () => {
  it('is told as one that cannot be listed', async () => {
    const tracker = await openTrackerAt(inFolder(await temporaryProject(), undefined));
    const ear = await listen(tracker);
    const changes = Array.from({ length: 5_001 }, () => creation({ entity_id: newRecordId() }));
    await tracker.store.write(changes);
    await eventually(() => ear.partial > 0);
    expect(ear.entries).toEqual([]);
    const item = await tracker.create();
    await eventually(() => ear.ids.includes(item.id));
    expect(ear.partial).toBe(1);
  });
});

describeUnless(postgresSkipReason(), 'following the feed of a PostgreSQL', () => {
  /** Two machines: folders of their own, one of them behind a network that can fail. */
  const machines = async () => {
    const url = await freshDatabase();
    const proxy = await startProxy(url);
    cleanUpLater(() => proxy.stop());
    const place = async (at: string) => ({
      ...inFolder(await temporaryProject(), at),
      slug: { value: 'shared', explicit: true },
    });
    const far = await openTrackerAt(await place(url));
    const near = await openTrackerAt(await place(proxy.url));
    return { url, proxy, near, far };
  };

  const listeners = async (url: string): Promise<number> => {
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    const rows = await sql`select 1 from pg_stat_activity where datname = current_database()
      and (query ilike 'listen %' or query = 'select 1')`;
    await sql.end();
    return rows.length;
  };

  it('holds a connection for it only while somebody listens', async () => {
    const { url, near, far } = await machines();
    await near.create();
    await far.create();
    expect(await listeners(url)).toBe(0);
    const [one, two] = [await listen(near), await listen(near)];
    await eventually(async () => (await listeners(url)) === 1);
    one.stop();
    // A connection of something else may have said `select 1` last.
    await eventually(async () => (await listeners(url)) === 1);
    two.stop();
    await eventually(async () => (await listeners(url)) === 0);
  });

  for (const failing of ['reset', 'refuse', 'blackhole'] as const) {
    it(`tells once, afterwards, what changed while the network was in the mode ${failing}`, async () => {
      const { proxy, near, far } = await machines();
      const ear = await listen(near);
      const before = await far.create();
      await eventually(() => ear.ids.includes(before.id));

      await proxy.setMode(failing);
      const meanwhile = [await far.create(), await far.create()];
      await far.update(before, { title: 'Changed meanwhile' });
      const own = await near.create({ title: 'Made offline' });
      await eventually(() => ear.told(own).waiting === 1);
      expect(ear.told(before)).toEqual({ feed: 1, waiting: 0 });

      await proxy.setMode('pass');
      await eventually(() => ear.told(own).feed === 1);
      const after = await far.create();
      await eventually(() => ear.ids.includes(after.id));
      await sleep(SILENCE_MS);
      expect(ear.told(before)).toEqual({ feed: 2, waiting: 0 });
      for (const item of [...meanwhile, after]) expect(ear.told(item)).toEqual({ feed: 1, waiting: 0 });
      expect(ear.told(own)).toEqual({ feed: 1, waiting: 1 });
      expect(ear.partial).toBe(0);
    });
  }

  it('tells of what another process of the folder wrote while the database was away', async () => {
    const { proxy, near } = await machines();
    const beside = await openTrackerAt(near.place);
    const ear = await listen(near);
    await near.list();
    await sleep(SILENCE_MS);
    await proxy.setMode('refuse');
    const item = await beside.create({ title: 'Kept locally' });
    await near.list();
    await eventually(() => ear.told(item).waiting === 1);
    await proxy.setMode('pass');
    await eventually(() => ear.told(item).feed === 1);
  });

  it('begins during an outage too', async () => {
    const { proxy, near, far } = await machines();
    await near.list();
    await sleep(SILENCE_MS);
    await proxy.setMode('refuse');
    await near.list();
    const ear = await listen(near);
    const item = await far.create();
    const own = await near.create();
    await eventually(() => ear.told(own).waiting === 1);
    await proxy.setMode('pass');
    await eventually(() => ear.told(item).feed === 1 && ear.told(own).feed === 1);
  });

  it('goes on after a restart of the server', async () => {
    const server = await startPostgres({ own: true });
    cleanUpLater(() => server.stop());
    const url = await server.createDatabase();
    const place = { ...inFolder(await temporaryProject(), url), slug: { value: 'shared', explicit: true } };
    const far = await openTrackerAt({ ...inFolder(await temporaryProject(), url), slug: place.slug });
    const near = await openTrackerAt(place);
    const ear = await listen(near);
    for (const mode of ['fast', 'immediate'] as const) {
      await server.restart(mode);
      const item = await far.create({ title: `After ${mode}` });
      await eventually(() => ear.told(item).feed === 1);
    }
  });
});
