// Processes that meet in the structure of the work: blocking links and the hierarchy.
import { expect, it } from 'vitest';
import { describeEachDatabase } from './place.ts';
import { Server } from './server.ts';
import { expectCompleteFeed, expectNoBlockingCycle, expectSoundPaths } from './soundness.ts';
import { episodes } from '../torture/scale.ts';

const LONG_MS = 240_000;
const ROUNDS = episodes(4, 10);
const RING = 4;
const MOVERS = 6;
const MOVES_EACH = episodes(8, 20);
const FOLDERS = 5;

describeEachDatabase('processes that meet in the structure', (newPlace) => {
  it('refuses one of two opposite blocking links that are added at once', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const [left, right] = await twoServers(place);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [a, b] = [await left.create({ title: `a${round}` }), await left.create({ title: `b${round}` })];
      // The second says the opposite in other words in every other round.
      const opposite =
        round % 2 === 0
          ? { source_id: b, target_id: a, dependency_type: 'blocks' }
          : { source_id: a, target_id: b, dependency_type: 'depends_on' };
      const outcomes = await Promise.all([
        left.call('link_work_items', { source_id: a, target_id: b, dependency_type: 'blocks' }),
        right.call('link_work_items', opposite),
      ]);
      const refused = outcomes.flatMap(({ failure }) => failure ?? []);
      expect(refused.map(({ error }) => error)).toEqual(['ValidationError']);
      expect(refused[0]?.details['cycle']).toHaveLength(3);
    }
    expect(await expectNoBlockingCycle(place)).toBe(ROUNDS);
    await expectCompleteFeed(place, left, 3 * ROUNDS);
  });

  it('never lets a ring of links close, each added by another process', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const servers = await Server.startMany(place, RING);
    for (let round = 0; round < ROUNDS; round += 1) {
      const items = await Promise.all(servers.map((server) => server.create({ title: `ring ${round}` })));
      const outcomes = await Promise.all(
        servers.map((server, index) =>
          server.call('link_work_items', {
            source_id: items[index] ?? '',
            target_id: items[(index + 1) % RING] ?? '',
            dependency_type: 'blocks',
          }),
        ),
      );
      const refused = outcomes.flatMap(({ failure }) => failure ?? []);
      expect(refused.map(({ error }) => error)).toEqual(['ValidationError']);
    }
    expect(await expectNoBlockingCycle(place)).toBe(ROUNDS * (RING - 1));
  });

  it(
    'keeps every path right while items are moved and created below them',
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const servers = await Server.startMany(place, MOVERS);
      const [first] = servers as [Server];
      const folders: string[] = [];
      for (let index = 0; index < FOLDERS; index += 1)
        folders.push(await first.create({ title: `folder ${index}` }));
      const outcomes = await Promise.all(
        servers.map(async (server, mover) => {
          const done = { created: 0, moved: 0, refused: new Set<string>() };
          for (let turn = 0; turn < MOVES_EACH; turn += 1) {
            const from = folders[(mover + turn) % FOLDERS] ?? '';
            const to = folders[(mover * 2 + turn * 3) % FOLDERS] ?? '';
            const created = await server.call('create_work_item', {
              item_type: 'task',
              title: 'child',
              parent_id: from,
            });
            if (created.answer !== undefined) done.created += 1;
            else done.refused.add(created.failure.error);
            const { version } = await server.answer('query_work_item', { id: from, include_children: false });
            const parent_id = turn % 4 === 3 || from === to ? null : to;
            const moved = await server.call('update_work_item', { id: from, version, parent_id });
            if (moved.answer !== undefined) done.moved += 1;
            else done.refused.add(moved.failure.error);
          }
          return done;
        }),
      );
      const sum = (count: (done: (typeof outcomes)[number]) => number) =>
        outcomes.reduce((all, one) => all + count(one), 0);
      const [created, moved] = [sum((done) => done.created), sum((done) => done.moved)];
      expect(Math.min(created, moved)).toBeGreaterThan(MOVERS);
      // Too deep, below itself, or based on a version that another mover changed: all of it said as such.
      for (const { refused } of outcomes) {
        expect(
          [...refused].filter((error) => !['ValidationError', 'VersionConflictError'].includes(error)),
        ).toEqual([]);
      }
      expect(await expectSoundPaths(place)).toHaveLength(FOLDERS + created);
      await expectCompleteFeed(place, first, FOLDERS + created + moved);
    },
  );
});

async function twoServers(place: Parameters<typeof Server.start>[0]): Promise<[Server, Server]> {
  return [await Server.start(place), await Server.start(place)];
}
