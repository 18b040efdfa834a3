// Many processes that start at once on a store that is not up to date, and stores of other versions.
import { expect, it } from 'vitest';
import { programWithMigration, shippedTimes } from './installation.ts';
import { describeEachDatabase, type Place } from './place.ts';
import { olderStore } from './older-store.ts';
import { Server } from './server.ts';
import { slowMigration, untilSlowMigration } from './slow-migration.ts';
import { episodes } from '../torture/scale.ts';

const LONG_MS = 240_000;
const STARTERS = episodes(6, 12);
const EMPTY_ROUNDS = episodes(1, 3);

describeEachDatabase('migrations', (newPlace, source) => {
  it(`are made once when ${STARTERS} processes start on an empty store`, { timeout: LONG_MS }, async () => {
    for (let round = 0; round < EMPTY_ROUNDS; round += 1) {
      const place = await newPlace({ bare: true });
      const servers = await startAndWrite(place);
      expect(await recordedTimes(place)).toEqual(await shippedTimes(source));
      expect(await place.rows('select id from work_items')).toHaveLength(STARTERS);
      for (const table of ['meta', 'feed', 'project_configuration']) {
        expect(await place.rows(`select id from ${table}`), table).toHaveLength(1);
      }
      await Promise.all(servers.map((server) => server.rpc.program.stop()));
    }
  });

  it(
    `are made once when ${STARTERS} processes find a store one migration behind`,
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace({ bare: true });
      const before = await olderStore(place);
      const shipped = await shippedTimes(source);
      expect(await recordedTimes(place)).toEqual(shipped.slice(0, -1));

      const servers = await startAndWrite(place);
      expect(await recordedTimes(place)).toEqual(shipped);
      for (const item of before) {
        const view = await (servers.at(-1) as Server).answer('query_work_item', { id: item.id });
        expect(view).toMatchObject({
          id: item.id,
          version: item.version,
          title: item.title,
          path: item.path,
        });
      }
      expect(await place.rows('select id from work_items')).toHaveLength(before.length + STARTERS);
    },
  );

  it('that were cut off by kill -9 are completed by the next start', { timeout: LONG_MS }, async () => {
    const program = await programWithMigration(source, slowMigration(source));
    const place = await newPlace({ bare: true });
    const before = await olderStore(place);
    const killed = await Server.start(place, { program });
    await untilSlowMigration(place);
    killed.rpc.program.kill('SIGKILL');
    expect(await killed.rpc.program.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const shipped = await shippedTimes(source);
    expect(await recordedTimes(place)).toEqual(shipped.slice(0, -1));

    const next = await Server.start(place, { program });
    await next.create();
    expect(await recordedTimes(place)).toEqual([...shipped, (shipped.at(-1) ?? 0) + 1_000]);
    expect(await place.rows('select n from half_done')).toHaveLength(1);
    expect(await place.rows('select id from work_items')).toHaveLength(before.length + 1);
    if (source === 'sqlite')
      expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  it('let a call wait while another process makes them', { timeout: LONG_MS }, async () => {
    const program = await programWithMigration(source, slowMigration(source));
    const place = await newPlace({ bare: true });
    const first = await Server.start(place, { program });
    await untilSlowMigration(place);
    const second = await Server.start(place, { program });
    await Promise.all([
      second.create({ title: 'by the one that waited' }),
      first.create({ title: 'by the other' }),
    ]);
    expect(await place.rows('select n from half_done')).toHaveLength(1);
  });

  it('of a newer version are read, and nothing is written to that store', async () => {
    const place = await newPlace({ bare: true });
    const present = await Server.start(place);
    const id = await present.create({ title: 'kept' });
    await present.rpc.program.stop();
    const newest = (await shippedTimes(source)).at(-1) ?? 0;
    await place.rows(`insert into __drizzle_migrations (hash, created_at) values ('later', ${newest + 1})`);

    const older = await Server.start(place);
    expect(await older.answer('query_work_item', { id })).toMatchObject({ title: 'kept', version: 1 });
    expect(await older.answer('list_work_items')).toMatchObject({ total_count: 1 });
    const writes = [
      older.failure('create_work_item', { item_type: 'task', title: 'refused' }),
      older.failure('update_work_item', { id, version: 1, title: 'refused' }),
      older.failure('register_vendor', { name: 'refused', extractor_version: '1' }),
    ];
    for (const failure of await Promise.all(writes)) {
      expect(failure.error).toBe('DatabaseError');
      expect(failure.message).toMatch(/newer Worktrail/);
      expect(failure.next).toMatch(/Update Worktrail/);
    }
    expect(await place.rows('select title, version from work_items')).toEqual([
      { title: 'kept', version: 1 },
    ]);
    expect(await place.rows('select seq from changes')).toHaveLength(1);
  });
});

/** Servers from one moment; each has written an item when this resolves. */
async function startAndWrite(place: Place): Promise<Server[]> {
  const servers = await Server.startMany(place, STARTERS);
  await Promise.all(servers.map((server) => server.create({ title: `by ${server.name}` })));
  return servers;
}

async function recordedTimes(place: Place): Promise<number[]> {
  const rows = await place.rows('select created_at from __drizzle_migrations order by created_at');
  return rows.map(({ created_at }) => Number(created_at));
}
