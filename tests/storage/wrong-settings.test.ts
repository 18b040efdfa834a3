// A mistake in the setting of PostgreSQL is no outage: it is said at once, with what to change, and nothing stands in
// for a database that was never there. One that is made while a server runs is told of, and mended without a restart.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { newRecordId } from '../../src/domain/ids.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { openStore, type OpenOptions } from '../../src/storage/opening/open-store.ts';
import type { TieredStore } from '../../src/storage/tiers/tiered-store.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import {
  PASSWORD,
  SCHEMA,
  SLUG,
  readableUrl,
  startWrongSettings,
  type WrongSetting,
  type WrongSettings,
} from '../support/wrong-settings.ts';
import { UNHURRIED, inFolder } from './backends.ts';
import { creation } from './changes.ts';
import { refusalOf } from './refusal.ts';
import { Tracker } from './tracker.ts';

/** Far below the patience with an outage, and far above what a refusal takes. */
const AT_ONCE_MS = 8_000;
const RECOVERY_LIMIT_MS = 10_000;

const create = (title: string) => creation({ entity_id: newRecordId(), patch: { title } });

async function makeTracker(url: string): Promise<void> {
  await (await openPrimary({ ...inFolder(await temporaryProject(), url), timeouts: UNHURRIED })).close();
}

async function opened(place: OpenOptions): Promise<TieredStore> {
  const store = await openStore(place);
  cleanUpLater(() => store.close());
  return store;
}

/** A folder that has worked with a tracker of its own, so that a copy of it is there. */
async function knownFolder(url: string): Promise<OpenOptions> {
  const place = {
    ...inFolder(await temporaryProject(), url),
    timeouts: UNHURRIED,
    slug: { value: `own-${newRecordId().slice(0, 8)}`, explicit: true },
  };
  const store = await openStore(place);
  await store.write([create('Here before')]);
  await store.close();
  expect(existsSync(path.join(place.dataDir, 'cache.db'))).toBe(true);
  return place;
}

async function keptIn({ dataDir }: OpenOptions): Promise<string[]> {
  return (await readdir(dataDir, { recursive: true })).filter((name) => name.startsWith('pending'));
}

function expectSaid(
  error: { error: string; message: string; details: unknown; next: string },
  wrong: WrongSetting,
) {
  expect(error.error).toBe('DatabaseError');
  expect(error.details).toMatchObject({
    layer: 'postgres',
    reason: expect.stringMatching(wrong.reason) as string,
  });
  expect(error.next).toMatch(wrong.next);
  expect(JSON.stringify(error)).not.toContain(PASSWORD);
}

describeUnless(postgresSkipReason(), 'a wrong setting', () => {
  let scene: WrongSettings;
  beforeAll(async () => {
    scene = await startWrongSettings(makeTracker);
  });

  it('is said at once with what to change, and nothing is kept for later', async () => {
    const here = scene.cases.filter(({ env }) => env === undefined);
    expect(here.length).toBeGreaterThanOrEqual(20);
    for (const wrong of here) {
      const slug = { value: SLUG, explicit: true };
      const place = { ...inFolder(await temporaryProject(), wrong.url), slug };
      const began = performance.now();
      const refusal = await refusalOf(async () => {
        // Where the tracker as such can be opened, what is asked of it is refused.
        const store = await opened(place);
        await store.read((reader) => reader.countItems());
        await new Tracker(store, place).list();
      });
      console.info(`${wrong.name}: ${(performance.now() - began).toFixed()} ms, ${refusal.message}`);
      expectSaid(refusal, wrong);
      expect(performance.now() - began, wrong.name).toBeLessThan(AT_ONCE_MS);
      expect(await keptIn(place)).toEqual([]);
    }
  });

  it('is said in a folder that has a copy too: neither is it read nor a write kept', async () => {
    const place = await knownFolder(scene.rightUrl);
    for (const wrong of scene.cases.filter(
      ({ env, name }) => env === undefined && !/tracker|schema|UTF-8/.test(name),
    )) {
      const refusal = await refusalOf(() => opened({ ...place, databaseUrl: wrong.url }));
      expectSaid(refusal, wrong);
    }
    expect(await keptIn(place)).toEqual([]);
    const store = await opened(place);
    expect(await store.pending()).toEqual([]);
    expect((await store.read((reader) => reader.countItems())).source).toBe('postgres');
  });

  it("is said of a name that is not the folder's", async () => {
    const place = await knownFolder(scene.rightUrl);
    const other = await knownFolder(scene.rightUrl);
    for (const value of [other.slug.value, 'never-there']) {
      const refusal = await refusalOf(() => opened({ ...place, slug: { value, explicit: true } }));
      expect(refusal).toMatchObject({ error: 'DatabaseError' });
      expect(refusal.next).toContain(`Set project.slug in worktrail.config.json to "${place.slug.value}"`);
    }
  });

  it('refuses the writes of a user who may only read, and lets him read', async () => {
    const place = inFolder(await temporaryProject(), readableUrl(scene.server));
    const store = await opened({ ...place, slug: { value: 'test-project', explicit: true } });
    expect(await store.read((reader) => reader.countItems())).toMatchObject({
      source: 'postgres',
      warnings: [],
    });
    const refusal = await refusalOf(() => store.write([create('Mine')]));
    expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer: 'postgres' } });
    expect(refusal.next).toContain(`GRANT USAGE ON SCHEMA ${SCHEMA} TO reader`);
    expect(await store.pending()).toEqual([]);
  });
});

describeUnless(postgresSkipReason(), 'a mistake that is made while a server runs', () => {
  let scene: WrongSettings;
  beforeAll(async () => {
    scene = await startWrongSettings(makeTracker, { onlyOneServer: true });
  });
  const MISTAKES = [
    {
      name: 'another password',
      make: "alter role ada password 'another'",
      mend: `alter role ada password '${PASSWORD}'`,
      says: /refused the user name or password|no such user/,
    },
    { name: 'a locked role', make: 'alter role ada nologin', mend: 'alter role ada login', says: /log in/ },
    {
      name: 'a renamed database',
      make: 'alter database team rename to elsewhere',
      mend: 'alter database elsewhere rename to team',
      says: /does not exist/,
    },
    {
      name: 'a closed database',
      make: 'alter database team allow_connections false',
      mend: 'alter database team allow_connections true',
      says: /accepts no connections/,
    },
  ];

  it.each(MISTAKES)(
    '$name is told of with every answer, refuses writes, and is mended without a restart',
    async ({ make, mend, says }) => {
      const { admin, rightUrl } = scene;
      let isMended = false;
      cleanUpLater(async () => void (isMended || (await admin.unsafe(mend))));
      const cut = () => admin`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ada'`;
      const place = await knownFolder(rightUrl);
      const store = await opened(place);
      expect((await store.read((reader) => reader.countItems())).source).toBe('postgres');

      // Whoever is connected stays so: the mistake shows with the next connection.
      await cut();
      await admin.unsafe(make).catch(async () => {
        await cut();
        await admin.unsafe(make);
      });
      await cut();
      // The cut itself is an outage, and a write of that moment would be kept: the mistake is what comes next.
      for (let tries = 0; store.state !== 'misconfigured'; tries += 1) {
        expect(tries).toBeLessThan(100);
        await store.read((reader) => reader.countItems());
        // A connection that was just being made has escaped.
        if (tries % 10 === 9) await cut();
        await sleep(100);
      }
      const refusal = await refusalOf(() => store.write([create('Lost')]));
      expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer: 'postgres' } });
      expect(refusal.message).toMatch(says);
      const { source, warnings } = await store.read((reader) => reader.countItems());
      expect(source).toBe('sqlite_cache');
      expect(warnings.map(({ code }) => code)).toEqual(['primary_misconfigured']);
      expect(warnings[0]?.message).toMatch(says);
      const again = await refusalOf(() => store.write([create('Lost too')]));
      expect(again.next).toBe(refusal.next);
      expect(await store.pending()).toEqual([]);
      // Until then another process may believe what was seen as the connections were cut.
      await sleep(2_000);
      await refusalOf(() => opened(place));

      await admin.unsafe(mend);
      isMended = true;
      const began = performance.now();
      for (;;) {
        const answer = await store.read((reader) => reader.countItems());
        if (answer.source === 'postgres') break;
        if (performance.now() - began > RECOVERY_LIMIT_MS) throw new Error('it was not used again');
        await sleep(200);
      }
      console.info(`used again after ${(performance.now() - began).toFixed()} ms`);
      expect(await store.write([create('After')])).toMatchObject({ durability: 'postgres' });
    },
  );
});

describeUnless(postgresSkipReason(), 'a host name that cannot be resolved', () => {
  it('is an outage where the folder has worked with that host: its network is away', async () => {
    const server = await startPostgres({ own: true });
    cleanUpLater(() => server.stop());
    const url = await server.createDatabase();
    const place = await knownFolder(url);
    const unresolved = place.databaseUrl?.replace('127.0.0.1', 'no-such-host.invalid') ?? '';
    await refusalOf(() => opened({ ...place, databaseUrl: unresolved }));
    const { TierMemory } = await import('../../src/storage/tiers/tier-memory.ts');
    const { addressMark } = await import('../../src/storage/tiers/address-mark.ts');
    const { LazyOutbox } = await import('../../src/storage/journals/lazy-outbox.ts');
    const { readFile } = await import('node:fs/promises');
    const device = (await readFile(path.join(place.dataDir, 'device'), 'utf8')).trim();
    const outbox = new LazyOutbox(path.join(place.dataDir, 'outbox.db'), Date.now);
    new TierMemory(() => outbox.open({ create: false })).noteReached(addressMark(unresolved, device).host);
    await outbox.close();
    const store = await opened({ ...place, databaseUrl: unresolved });
    expect(await store.write([create('On the train')])).toMatchObject({ durability: 'outbox' });
  });
});
