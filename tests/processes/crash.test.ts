// kill -9 in the middle of writing: what was acknowledged is there, once, and the store is sound.
import { expect, it } from 'vitest';
import { describeEachDatabase, type Place } from './place.ts';
import { Server, outcomeOf } from './server.ts';
import { expectCompleteFeed, expectSoundPaths } from './soundness.ts';
import { episodes } from '../torture/scale.ts';

const LONG_MS = 240_000;
const ROUNDS = episodes(4, 20);
/** Requests under way at any time, so that the kill always meets some. */
const UNDER_WAY = 8;
const STARTERS_AFTER_CRASH = 4;

describeEachDatabase('kill -9 in the middle of a burst of writes', (newPlace, source) => {
  it('loses nothing that was acknowledged, time and again', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      acknowledged.push(...(await writeUntilKilled(place, 1 + round * 2)));
      // Several at once, because each may find the other's crash to clean up after.
      const servers = await Server.startMany(place, round % 5 === 4 ? STARTERS_AFTER_CRASH : 1);
      for (const server of servers) {
        const view = await server.answer('query_work_item', { id: acknowledged.at(-1) ?? '' });
        expect(view).toMatchObject({ id: acknowledged.at(-1), version: 1 });
      }
      await Promise.all(servers.map((server) => server.rpc.program.stop()));
      await expectStored(place, acknowledged);
    }
    const items = await expectSoundPaths(place);
    const server = await Server.start(place);
    await expectCompleteFeed(place, server, items.length);
    console.info(
      `${source}: ${acknowledged.length} acknowledged, ${items.length - acknowledged.length} stored beyond that`,
    );
  });
});

/** Writes without pause and kills the server when it has acknowledged `count` items; answers their ids. */
async function writeUntilKilled(place: Place, count: number): Promise<string[]> {
  const server = await Server.start(place);
  const parent_id = await server.create({ title: 'parent' });
  const ids = [parent_id];
  const writer = async (): Promise<void> => {
    for (;;) {
      const args = { item_type: 'task', title: 'child', parent_id };
      const response = await server.rpc.request('tools/call', { name: 'create_work_item', arguments: args });
      ids.push(String(outcomeOf(response).answer?.['id']));
      if (ids.length >= count) server.rpc.program.kill('SIGKILL');
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: UNDER_WAY }, writer));
  for (const end of ends)
    expect(String((end as PromiseRejectedResult).reason)).toMatch(/ended \(exit SIGKILL\)/);
  return ids;
}

async function expectStored(place: Place, ids: readonly string[]): Promise<void> {
  const stored = new Set((await place.rows('select id from work_items')).map(({ id }) => id));
  expect(ids.filter((id) => !stored.has(id))).toEqual([]);
  if (place.source === 'postgres') return;
  expect(await place.rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  expect(await place.rows('pragma foreign_key_check')).toEqual([]);
}
