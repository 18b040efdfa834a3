// Archiving once a day: with a clock of its own, among several processes and machines, and while the primary is away.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ArchiveSchedule } from '../../src/use-cases/archive/archive-schedule.ts';
import type { ArchiveOutcome } from '../../src/use-cases/archive/archive.ts';
import type { Context } from '../../src/use-cases/support/context.ts';
import { Election } from '../../src/storage/tiers/election.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { describeEachBackend, openTracker } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';

const HOUR_MS = 3_600_000;

/** Sleepers wake when a test lets time pass. */
class Time {
  ms: number;
  #sleepers: { until: number; wake: () => void }[] = [];
  constructor(start: string) {
    this.ms = Date.parse(start);
  }
  now = (): number => this.ms;
  random = (): number => 0.5;
  sleep = (ms: number): Promise<void> =>
    new Promise((wake) => this.#sleepers.push({ until: this.ms + ms, wake }));
  pass(ms: number): void {
    this.ms += ms;
    const awake = this.#sleepers.filter(({ until }) => until <= this.ms);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.ms);
    for (const { wake } of awake) wake();
  }
}

function scheduleOf(tracker: Tracker, time: Time, folder = tracker.place.dataDir, context?: Context) {
  const runs: ArchiveOutcome[] = [];
  const logged: string[] = [];
  const election = new Election(folder);
  const schedule = new ArchiveSchedule({
    context: context ?? tracker.context,
    dataDir: folder,
    clock: time,
    elect: (role, work) => election.run(role, work),
    log: (message) => logged.push(message),
    onRun: (outcome) => runs.push(outcome),
  });
  cleanUpLater(async () => {
    await schedule.stop();
    election.close();
  });
  return { schedule, runs, logged };
}

async function closedItems(tracker: Tracker, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await tracker.create({ status: 'completed' });
}
const archived = async (tracker: Tracker) => (await tracker.list({ archived: true })).total_count;

describeEachBackend('archiving once a day', (backend) => {
  it('moves what has become old, and looks again only after a day', async () => {
    const tracker = await openTracker(backend);
    await closedItems(tracker, 3);
    const time = new Time(tracker.clock.iso);
    const { schedule, runs, logged } = scheduleOf(tracker, time);
    await schedule.runIfDue();
    expect(runs).toEqual([]);

    time.pass(366 * 24 * HOUR_MS);
    await schedule.runIfDue();
    expect(runs).toMatchObject([{ items_total: 3, subtrees_total: 3 }]);
    expect(logged).toEqual(['3 items in 3 closed subtrees were moved to the archive']);
    const { items } = await tracker.history({ limit: 1 });
    expect(items[0]).toMatchObject({ kind: 'archive', actor: 'worktrail' });

    tracker.clock.set('2020-01-01T00:00:00.000Z');
    await closedItems(tracker, 1);
    time.pass(23 * HOUR_MS);
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(3);
    time.pass(2 * HOUR_MS);
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(4);
  });

  it('goes on by itself while a server runs, and stops with it', async () => {
    const tracker = await openTracker(backend);
    const time = new Time('2028-01-01T00:00:00.000Z');
    const { schedule, runs } = scheduleOf(tracker, time);
    schedule.start();
    await closedItems(tracker, 2);
    await expect.poll(() => (time.pass(HOUR_MS), runs.length), { timeout: 20_000 }).toBe(1);
    await closedItems(tracker, 2);
    await expect.poll(() => (time.pass(HOUR_MS), runs.length), { timeout: 20_000, interval: 20 }).toBe(2);
    await schedule.stop();
    await closedItems(tracker, 1);
    time.pass(48 * HOUR_MS);
    expect(await archived(tracker)).toBe(4);
  });

  it('is done by one process of a folder, and undisturbed by other machines', async () => {
    const tracker = await openTracker(backend);
    await closedItems(tracker, 20);
    const time = new Time('2028-01-01T00:00:00.000Z');
    const machines = [
      scheduleOf(tracker, time),
      scheduleOf(tracker, time),
      scheduleOf(tracker, time, await temporaryProject()),
      scheduleOf(tracker, time, await temporaryProject()),
    ];
    await Promise.all(machines.map(({ schedule }) => schedule.runIfDue()));
    expect(machines.flatMap(({ logged }) => logged).filter((line) => line.includes('put off'))).toEqual([]);
    expect(await archived(tracker)).toBe(20);
    const { items } = await tracker.list({ archived: true });
    expect(new Set(items.map(({ version }) => version))).toEqual(new Set([2]));
  });

  it('leaves alone what was brought back', async () => {
    const tracker = await openTracker(backend);
    const item = await tracker.create({ status: 'completed' });
    tracker.clock.advance(400 * 86_400);
    const time = new Time(tracker.clock.iso);
    const { schedule } = scheduleOf(tracker, time);
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(1);
    await tracker.context.store.write([
      (await import('../storage/changes.ts')).restoring(item.id, { at: tracker.clock.iso }),
    ]);
    time.pass(25 * HOUR_MS);
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(0);
    time.pass(366 * 24 * HOUR_MS);
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(1);
  });

  it('waits while the primary is away, and tries again', async () => {
    const tracker = await openTracker(backend);
    await closedItems(tracker, 1);
    const time = new Time('2028-01-01T00:00:00.000Z');
    const { store } = tracker.context;
    let away = true;
    const degraded = {
      ...tracker.context,
      store: {
        read: async (work: never) => {
          const answer = await store.read(work);
          return away ? { ...answer, as_of: '2027-12-31T00:00:00.000Z' } : answer;
        },
        write: store.write.bind(store),
        pending: () => Promise.resolve([]),
      } as unknown as Context['store'],
    };
    const { schedule } = scheduleOf(tracker, time, tracker.place.dataDir, degraded);
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(0);
    away = false;
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(1);
  });

  it('is not put off by a clock that was set back, or a file that says nothing', async () => {
    const tracker = await openTracker(backend);
    await closedItems(tracker, 1);
    const file = path.join(tracker.place.dataDir, 'last-archive-run');
    const time = new Time('2028-01-01T00:00:00.000Z');
    const { schedule } = scheduleOf(tracker, time);
    await writeFile(file, '2031-01-01T00:00:00.000Z\n');
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(1);
    await closedItems(tracker, 1);
    await writeFile(file, 'rubbish');
    await schedule.runIfDue();
    expect(await archived(tracker)).toBe(2);
    expect(await readFile(file, 'utf8')).toBe('2028-01-01T00:00:00.000Z\n');
  });
});
