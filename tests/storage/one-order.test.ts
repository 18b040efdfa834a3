// Brief, list and claim offer the same work in the same order, whatever was written before.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { updateWorkItems } from '../../src/use-cases/records/bulk-updates.ts';
import { getBrief } from '../../src/use-cases/brief/brief.ts';
import { openMemorySqlite } from '../../src/storage/primary/memory-session.ts';
import { SqlStore } from '../../src/storage/primary/sql-store.ts';
import { counted, episodes, report, seed } from '../torture/scale.ts';
import { describeEachBackend, inFolder, openTracker } from './backends.ts';
import { Runner, steps } from './random-work.ts';
import { found } from './tiers/filled-session.ts';
import { Tracker } from './tracker.ts';

/** Everything that is ready, as each of the three tells it. Claims all of it. */
async function expectOneOrder(tracker: Tracker): Promise<string[]> {
  const listed = (await tracker.list({ ready: true, limit: 100 })).items.map(({ id }) => id);
  const brief = await tracker.call(getBrief, {});
  expect(brief.ready.items.map(({ id }) => id)).toEqual(listed);
  expect(brief.ready.total).toBe(listed.length);
  const claimed: string[] = [];
  for (;;) {
    const { data } = await tracker.claimAnswer();
    if ('nothing_ready' in data) break;
    claimed.push(data.id);
  }
  expect(claimed).toEqual(listed);
  return listed;
}

it('is the same in random trackers', { timeout: 1_200_000 }, async () => {
  const trackers = episodes(60, 1_000);
  let offered = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { session } = openMemorySqlite();
      try {
        await session.write((c) => found(c));
        const tracker = new Tracker(
          new SqlStore(session, 'current', 'memory'),
          inFolder('/nowhere', undefined),
        );
        const runner = new Runner(tracker);
        for (const one of all) await runner.run(one);
        for (let at = 0; at < 6; at += 1) {
          tracker.clock.advance(at % 2);
          const parent_id = runner.ids[at] ?? null;
          await tracker.create({ title: `more ${at}`, priority: 1 + (at % 3) });
          await tracker
            .create({ title: `below ${at}`, priority: 3 - (at % 3), parent_id })
            .catch(() => undefined);
        }
        offered += (await expectOneOrder(tracker)).length;
      } finally {
        await session.close();
      }
    }),
    { numRuns: trackers, seed: Number.parseInt(seed, 16) | 0 },
  );
  expect(offered).toBeGreaterThan(6 * trackers);
  report('one order', `${counted(trackers)} trackers, ${counted(offered)} ready items, one order`);
});

describeEachBackend('ready work', (backend) => {
  it('is no container before its work is done, and nothing below what is stopped', async () => {
    const tracker = await openTracker(backend);
    const create = (title: string, args = {}) => {
      tracker.clock.advance(1);
      return tracker.create({ title, ...args });
    };
    const ready = async () => (await tracker.list({ ready: true })).items.map(({ title }) => title);
    const reasons = async (title: string) => {
      const { items } = await tracker.list({ ready: false, explain: true });
      return items.find((one) => one.title === title)?.not_ready;
    };
    const project = await create('Project', { item_type: 'project' });
    const session = await create('Session', { item_type: 'session', parent_id: project.id });
    const task = await create('Task', { parent_id: session.id });
    const blocker = await create('Blocker', { priority: 5 });
    expect(await ready()).toEqual(['Task', 'Blocker']);
    expect(await reasons('Project')).toEqual({
      open_children: [{ id: session.id, title: 'Session', status: 'active' }],
    });

    // Whatever stops the project stops all below it, and nothing else.
    await tracker.link(project, 'depends_on', blocker);
    expect(await ready()).toEqual(['Blocker']);
    expect(await reasons('Task')).toEqual({
      below: {
        ...{ id: project.id, title: 'Project', status: 'active' },
        blocker: { id: blocker.id, title: 'Blocker', status: 'active' },
      },
    });
    const { blocked } = await tracker.call(getBrief, {});
    expect(blocked.items.map(({ title, below }) => [title, below?.title])).toEqual([
      ['Project', undefined],
      ['Session', 'Project'],
      ['Task', 'Project'],
    ]);
    await tracker.update(blocker, { status: 'completed' });
    expect(await ready()).toEqual(['Task']);
    for (const status of ['blocked', 'cancelled', 'completed']) {
      const stopped = await tracker.updateAnswer(await tracker.query(project.id), { status });
      expect(await ready(), status).toEqual([]);
      expect(await reasons('Task'), status).toEqual({ below: { id: project.id, title: 'Project', status } });
      if (status !== 'blocked') {
        expect(stopped.warnings).toEqual([
          {
            code: 'open_children',
            message: `"Project" is ${status} and has an open child: "Session" (${session.id.slice(0, 8)}). Nothing below "Project" is ready while it is ${status}.`,
          },
        ]);
      }
      await tracker.update(await tracker.query(project.id), { status: 'active' });
    }
    // The last child closes: then its container is ready to be closed.
    await tracker.update(task, { status: 'completed' });
    expect(await ready()).toEqual(['Session']);
    expect(await tracker.claim()).toMatchObject({ title: 'Session' });
    await tracker.update(await tracker.query(session.id), { status: 'completed' });
    expect(await ready()).toEqual(['Project']);
    // Another child is put below it, taken away, deleted and brought back.
    const other = await create('Other', { parent_id: project.id });
    expect(await ready()).toEqual(['Other']);
    const alone = await tracker.update(other, { parent_id: null });
    expect(await ready()).toEqual(['Project', 'Other']);
    const back = await tracker.update(alone, { parent_id: project.id });
    expect(await ready()).toEqual(['Other']);
    const deleted = await tracker.update(back, { deleted_at: tracker.clock.iso });
    expect(await ready()).toEqual(['Project']);
    await tracker.update(deleted, { deleted_at: null });
    expect(await ready()).toEqual(['Other']);
  });

  it('below what several changes close at once is told as it is in the end', async () => {
    const tracker = await openTracker(backend);
    const project = await tracker.create({ title: 'Project', item_type: 'project' });
    const [a, b] = [
      await tracker.create({ title: 'a', parent_id: project.id }),
      await tracker.create({ title: 'b', parent_id: project.id }),
    ];
    const updates = [project, a].map(({ id, version }) => ({ id, version, status: 'completed' }));
    const { warnings } = await tracker.answer(updateWorkItems, { updates });
    expect(warnings.map(({ message }) => message)).toEqual([
      `"Project" is completed and has an open child: "b" (${b.id.slice(0, 8)}). Nothing below "Project" is ready while it is completed.`,
    ]);
  });

  it('names five of many open children, and counts the others', async () => {
    const tracker = await openTracker(backend);
    const project = await tracker.create({ title: 'Project', item_type: 'project' });
    for (const title of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      tracker.clock.advance(1);
      await tracker.create({ title, parent_id: project.id });
    }
    const { items } = await tracker.list({ ready: false, explain: true });
    expect(items[0]?.not_ready).toMatchObject({ more_children: 2 });
    expect(items[0]?.not_ready?.open_children?.map(({ title }) => title)).toEqual(['a', 'b', 'c', 'd', 'e']);
    const { warnings } = await tracker.updateAnswer(project, { status: 'completed' });
    expect(warnings[0]?.message).toMatch(
      /^"Project" is completed and has open children: "a" .*"e" \(\w+\) and 2 more\./,
    );
  });
});
