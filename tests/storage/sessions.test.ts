// What a session is promised when layers change: its own writes are there or said to be missing, and no answer is older
// than one before it without saying so.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CACHE_FILE } from '../../src/storage/opening/open-store.ts';
import { SessionStore } from '../../src/storage/contract/session-store.ts';
import { lookIntoCache } from '../../src/storage/replicas/cache-position.ts';
import type { Answer, CopyMoment, TrackerStore } from '../../src/storage/contract/store.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { git } from '../support/program.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { freshDatabase, inFolder, openTrackerAt } from './backends.ts';
import { Tracker } from './tracker.ts';

const TIMEOUT_MS = 120_000;
const PATIENCE_MS = 60_000;

async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; !(await check()); await sleep(50)) {
    expect(Date.now()).toBeLessThan(until);
  }
}

const wentBack = ({ warnings }: Answer<unknown>): string | undefined =>
  warnings.find(({ code }) => code === 'went_back')?.message;

/** A folder of a PostgreSQL tracker, with the network between them, and the first of its sessions. */
async function scene() {
  const url = await freshDatabase();
  const proxy = await startProxy(url);
  cleanUpLater(() => proxy.stop());
  const project = await temporaryProject({ git: true });
  const { store, place } = await openTrackerAt(inFolder(project, proxy.url));
  const cache = path.join(place.dataDir, CACHE_FILE);
  const copied = () => lookIntoCache(cache)?.identity.seq ?? 0;
  const session = () => new Tracker(SessionStore.begin(store as TrackerStore), place);
  const clone = await temporaryProject();
  await git(clone, 'clone', '--quiet', project, '.');
  const other = await openTrackerAt(inFolder(clone, url));
  return { proxy, project, cache, copied, session, other };
}

const read = (tracker: Tracker, id: string) => tracker.store.read((reader) => reader.findWorkItem(id));

describeUnless(postgresSkipReason(), 'a session whose database goes away', () => {
  it(
    'is told that a copy is older than what it was shown, other sessions are not',
    { timeout: TIMEOUT_MS },
    async () => {
      const { proxy, project, cache, copied, session, other } = await scene();
      const [mine, theirs] = [session(), session()];
      const item = await mine.create({ title: 'Shared' });
      const snapshot = () => git(project, 'for-each-ref', 'refs/worktrail/snapshot');
      await eventually(async () => copied() >= 1 && (await snapshot()) !== '');
      const next = await other.update(item, { title: 'Seen here' });
      const atWork = await read(mine, item.id);
      expect([atWork.source, wentBack(atWork)]).toEqual(['postgres', undefined]);
      await eventually(() => copied() >= 2);

      await proxy.setMode('refuse');
      await other.update(next, { title: 'Changed elsewhere' });
      // It lacks what nobody here was shown.
      const whole = await read(mine, item.id);
      expect(whole).toMatchObject({ source: 'sqlite_cache', data: { title: 'Seen here' } });
      expect(whole.warnings.map(({ code }) => code)).toEqual(['primary_unavailable']);
      for (const suffix of ['', '-wal', '-shm']) await rm(cache + suffix, { force: true });
      const before = await read(mine, item.id);
      expect(before).toMatchObject({ source: 'git_history', data: { title: 'Shared' } });
      expect(wentBack(before)).toMatch(/older than an earlier answer \(from 20.*Z\): what others changed/);
      const first = await read(theirs, item.id);
      expect([first.source, wentBack(first)]).toEqual(['git_history', undefined]);
      expect(wentBack(await read(theirs, item.id))).toBeUndefined();
      // A write says where it is kept, and no more.
      expect(wentBack(await mine.createAnswer({ title: 'Kept' }))).toBeUndefined();

      await proxy.setMode('pass');
      await eventually(async () => (await read(mine, item.id)).source === 'postgres');
      const after = await read(mine, item.id);
      expect([after.data?.title, wentBack(after)]).toEqual(['Changed elsewhere', undefined]);
    },
  );

  it('sees its own writes on the cache, whichever layer took them', { timeout: TIMEOUT_MS }, async () => {
    const { proxy, copied, session } = await scene();
    const mine = session();
    await mine.create({ title: 'Fills the cache' });
    await eventually(() => copied() >= 1);
    const item = await mine.create({ title: 'Just before' });
    await proxy.setMode('refuse');
    const kept = await mine.update(item, { title: 'Just after' });
    const found = await read(mine, item.id);
    expect(found).toMatchObject({ source: 'sqlite_cache', data: { title: 'Just after' } });
    expect(wentBack(found)).not.toContain('made here');
    // And what it writes next is built on what it saw.
    await mine.update({ ...item, version: kept.version }, { description: 'More' });
    await proxy.setMode('pass');
    await eventually(async () => (await (mine.store as TrackerStore).pending()).length === 0);
    await eventually(async () => (await read(mine, item.id)).source === 'postgres');
    expect((await read(mine, item.id)).data).toMatchObject({ title: 'Just after', description: 'More' });
    const history = await mine.history({ id: item.id });
    expect(history.items.map(({ version }) => version)).toEqual([3, 2, 1]);
  });

  it('is told which of its own writes a lower layer lacks', { timeout: TIMEOUT_MS }, async () => {
    const { proxy, project, cache, copied, session } = await scene();
    const mine = session();
    const item = await mine.create({ title: 'In the snapshot' });
    const snapshot = () => git(project, 'for-each-ref', 'refs/worktrail/snapshot');
    await eventually(async () => copied() >= 1 && (await snapshot()) !== '');
    await mine.update(item, { title: 'Later' });
    await mine.create({ title: 'Later still' });
    await proxy.setMode('refuse');
    const whole = await read(mine, item.id);
    expect(whole).toMatchObject({ source: 'sqlite_cache', data: { title: 'Later' } });
    for (const suffix of ['', '-wal', '-shm']) await rm(cache + suffix, { force: true });
    const fromGit = await read(mine, item.id);
    expect(fromGit).toMatchObject({ source: 'git_history', data: { title: 'In the snapshot' } });
    expect(wentBack(fromGit)).toContain('2 changes made here are missing.');
    // What waits lies on top of every copy.
    await mine.create({ title: 'Kept' });
    const again = await mine.store.read((reader) => reader.countItems());
    expect(wentBack(again)).toContain('2 changes made here are missing.');
  });
});

/** A store that answers as it is told to. */
function answering(answers: (CopyMoment | 'primary')[]): TrackerStore {
  const read = () => {
    const copy = answers.shift();
    const isCopy = copy !== undefined && copy !== 'primary';
    return Promise.resolve({
      ...{ data: undefined, warnings: [] },
      ...(isCopy ? { source: 'sqlite_cache', as_of: copy.as_of, copy } : { source: 'postgres' }),
    });
  };
  return { read } as unknown as TrackerStore;
}

describe('an answer of a copy', () => {
  const copy = (as_of: string, seq: number | null, hasAllSeen = false): CopyMoment => ({
    ...{ as_of, seq, hasAllSeen },
    shows: () => true,
  });
  const [EARLY, NOW, NEXT, LATE] = [
    '2026-01-05T09:00:00.000Z',
    '2026-01-05T10:00:00.000Z',
    '2026-01-05T10:00:00.001Z',
    '2026-01-05T11:00:00.000Z',
  ];
  /** The first is answered now, each further one a millisecond later. */
  const told = async (...answers: (CopyMoment | 'primary')[]) => {
    let now = Date.parse(NOW);
    const session = SessionStore.begin(answering([...answers]), () => now);
    const found: boolean[] = [];
    for (const _ of answers) {
      found.push(wentBack(await session.read(() => Promise.resolve())) !== undefined);
      now += 1;
    }
    return found;
  };

  it.each<[string, (CopyMoment | 'primary')[], boolean[]]>([
    ['a first one tells of nothing', [copy(EARLY, 3)], [false]],
    ['as old as the last one', [copy(EARLY, 3), copy(EARLY, 3)], [false, false]],
    ['newer than the last one', [copy(EARLY, 3), copy(NOW, 4)], [false, false]],
    ['confirmed after the primary answered', ['primary', copy(NEXT, 4)], [false, false]],
    ['confirmed in the millisecond in which it answered', ['primary', copy(NOW, 4)], [false, true]],
    ['from before the primary answered', ['primary', copy(EARLY, 4)], [false, true]],
    ['from before that, and has all of it', ['primary', copy(EARLY, 4, true)], [false, false]],
    ['from an earlier moment than another copy', [copy(NOW, 4), copy(EARLY, 4)], [false, true]],
    ['at an earlier position, whatever its clock says', [copy(EARLY, 4), copy(NOW, 3)], [false, true]],
    ['from the future, which a clock set back leaves behind', ['primary', copy(LATE, 4)], [false, true]],
    [
      'of a layer that knows no position, after one that does',
      [copy(EARLY, 4), copy(NOW, null)],
      [false, true],
    ],
    ['of such a layer alone', [copy(EARLY, null), copy(NOW, null)], [false, false]],
  ])('that is %s', async (_, answers, expected) => {
    expect(await told(...answers)).toEqual(expected);
  });
});
