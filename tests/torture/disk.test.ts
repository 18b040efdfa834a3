// Disks that are full, read-only or limited, with real limits of the kernel: a write is acknowledged only where it is
// durable, each tier takes over from the one above it, and once there is room again every acknowledged write is applied
// once, in the order in which it was acknowledged, and nothing that was refused is.
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it, type TestContext, vi } from 'vitest';
import { TrackerError } from '../../src/domain/errors.ts';
import { openStore, type OpenOptions } from '../../src/storage/opening/open-store.ts';
import type { Durability } from '../../src/storage/contract/store.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { TieredStore } from '../../src/storage/tiers/tiered-store.ts';
import { Server, type Answer } from '../processes/server.ts';
import { describeEachBackend, freshDatabase } from '../storage/backends.ts';
import { Tracker } from '../storage/tracker.ts';
import { defaultProgram } from '../support/child-program.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { counted, episodes, randomFor, report, TIMEOUT_MS } from './scale.ts';
import { isPrimary, newScene, until, untilCached, type Scene } from './scene.ts';

// Memory takes writes through a file that is open, however unalterable it is by then.
beforeAll(() => void vi.stubEnv('TMPDIR', process.env['WORKTRAIL_TEST_DISK']));
afterAll(() => void vi.unstubAllEnvs());

/** Pauses between probes are cut short: what is waited for is the same. */
const impatientClock = { ...systemClock, sleep: (ms: number) => systemClock.sleep(Math.min(ms, 60)) };
const DRIVER_TEXT =
  /SQLITE_|\bE(CONN|NOENT|ACCES|NOSPC|ROFS|PERM|FBIG|IO)\w*\b|fatal:|errno|syscall|\bundefined\b|Error:/;
const NOBODY = 65_534;

/** A file that takes up whatever room a disk has left. */
class Ballast {
  readonly #file: string;

  constructor(private readonly folder: string) {
    this.#file = path.join(folder, 'ballast');
  }

  /** Takes all room, to the last byte, and leaves none in the logs, where a small write or two would fit. */
  async fill(): Promise<void> {
    await until('the logs are empty', () => databasesIn(this.folder).every(emptyLog));
    this.#take(Number.POSITIVE_INFINITY);
  }

  /** Takes some bytes more, as far as there are any. */
  grow(bytes: number): void {
    this.#take(bytes);
  }

  free(): void {
    rmSync(this.#file, { force: true });
  }

  #take(bytes: number): void {
    const file = openSync(this.#file, 'a');
    try {
      let left = bytes;
      for (let size = 65_536; size >= 1 && left > 0;) {
        try {
          left -= writeSync(file, Buffer.alloc(Math.min(size, left), 1));
        } catch {
          size = Math.floor(size / 4);
        }
      }
    } finally {
      closeSync(file);
    }
  }
}

function databasesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.db'))
    .map((name) => path.join(folder, name));
}

/** False while somebody reads or writes. */
function emptyLog(file: string): boolean {
  const database = new Database(file, { timeout: 0 });
  try {
    const [{ busy } = { busy: 1 }] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return busy === 0;
  } finally {
    database.close();
  }
}

/** Whether nobody may alter a folder and its files any more, root included; false where there is no such thing. */
function freeze(folder: string, flag: '+i' | '-i', which = (_name: string) => true): boolean {
  const files = readdirSync(folder)
    .filter(which)
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());
  try {
    execFileSync('chattr', [flag, ...files, folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** SQLite maps these into memory, and a program cannot be told of a failure there: see the test of a server. */
const isMapped = (name: string): boolean => name.endsWith('-shm');

/** A file system mounted over a folder until the test, or its end, takes it away; git may be at work in there. */
class Mount {
  #isOver = false;

  private constructor(private readonly at: string) {
    cleanUpLater(() => this.end());
  }

  /** An empty disk of the given size. */
  static small(context: TestContext, at: string, size: string): Mount {
    mkdirSync(at, { recursive: true });
    return Mount.#over(context, at, ['-t', 'tmpfs', '-o', `size=${size}`, 'worktrail-test', at]);
  }

  /** What is there, read-only. */
  static readOnly(context: TestContext, at: string): Mount {
    const mount = Mount.#over(context, at, ['--bind', at, at]);
    execFileSync('mount', ['-o', 'remount,ro,bind', at]);
    return mount;
  }

  static #over(context: TestContext, at: string, args: string[]): Mount {
    try {
      execFileSync('mount', args, { stdio: 'ignore' });
    } catch {
      context.skip('needs the right to mount a file system of its own (root, CAP_SYS_ADMIN)');
    }
    return new Mount(at);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    execFileSync('umount', ['--lazy', this.at]);
  }
}

/** What a test does to a tracker, in-process. */
class Desk {
  readonly log: string[] = [];
  readonly acknowledged: { id: string; title: string; durability: Durability }[] = [];
  readonly refused: { id: string | undefined; title: string }[] = [];
  #tracker: Tracker | undefined;

  constructor(readonly scene: Scene) {}

  get options(): OpenOptions {
    return { ...this.scene.store, clock: impatientClock, log: (line) => this.log.push(line) };
  }

  get tracker(): Tracker {
    if (this.#tracker === undefined) throw new Error('not open');
    return this.#tracker;
  }

  get store(): TieredStore {
    return this.tracker.store as TieredStore;
  }

  async open(): Promise<void> {
    this.#tracker = new Tracker(await openStore(this.options), this.options);
    cleanUpLater(() => this.close());
  }

  async close(): Promise<void> {
    await this.#tracker?.store.close();
    this.#tracker = undefined;
  }

  /** Makes an item; answers where it is durable, or `refused`. */
  async create(title: string): Promise<Durability | 'refused'> {
    try {
      const { data, durability } = await this.tracker.createAnswer({ title });
      if (durability === undefined) throw new Error('a write without a durability');
      this.acknowledged.push({ id: data.id, title, durability });
      return durability;
    } catch (error) {
      this.refused.push({ id: operationOf(error).entity_id, title });
      return 'refused';
    }
  }

  /** Everything acknowledged is there once, in order; nothing that was refused is, and nothing waits. */
  async expectHealed(): Promise<void> {
    await until('the store is online and nothing waits', async () => {
      return this.store.state === 'online' && (await this.store.pending()).length === 0;
    });
    const stored = await this.scene.rows('select id, title, version from work_items');
    for (const { id, title } of this.acknowledged) {
      expect(
        stored.filter((item) => item['title'] === title && item['id'] === id),
        title,
      ).toHaveLength(1);
    }
    const titles = new Set(stored.map(({ title }) => title));
    expect(this.refused.filter(({ title }) => titles.has(title))).toEqual([]);
    const feed = await this.scene.rows("select entity_id from changes where kind = 'create' order by seq");
    // What the primary takes itself does not wait for writes to other items.
    const journaled = this.acknowledged.filter(({ durability }) => !isPrimary(durability));
    const order = journaled.map(({ id }) => id);
    expect(feed.map(({ entity_id }) => entity_id).filter((id) => order.includes(String(id)))).toEqual(order);
    expect(await this.scene.rows('select id from conflicts')).toEqual([]);
    for (const line of this.log) expect(line).not.toMatch(DRIVER_TEXT);
  }
}

/** The echoed operation of a write that was refused because it could not be saved anywhere. */
function operationOf(error: unknown): { entity_id?: string; patch?: Answer } {
  if (!(error instanceof TrackerError)) throw error;
  const { error: code, message, next, details } = error.toBody();
  expect(code, message).toBe('NotSavedError');
  expect(`${message} ${next}`).not.toMatch(DRIVER_TEXT);
  expect(message).toMatch(/^Nothing was saved: primary: .+; outbox: .+; git: .+; markdown: .+\.$/);
  const operation = details['operation'] as { entity_id?: string; patch?: Answer };
  expect(operation.patch).toBeDefined();
  return operation;
}

describeEachBackend('a disk', ({ source }) => {
  const kind = source === 'postgres' ? 'postgres' : 'sqlite';

  async function newDesk(): Promise<Desk> {
    return new Desk(await newScene(kind === 'postgres' ? await freshDatabase() : undefined));
  }

  /** A tracker whose own folder is a small disk, and whose primary is away or on that disk. */
  async function onSmallDisk(context: TestContext, size = '3m'): Promise<{ desk: Desk; ballast: Ballast }> {
    const desk = await newDesk();
    const { dataDir } = desk.scene.store;
    Mount.small(context, dataDir, size);
    await desk.open();
    expect(await desk.create('While all is well')).toBe(kind);
    if (kind === 'postgres') await untilCached(desk.scene);
    return { desk, ballast: new Ballast(dataDir) };
  }

  const cutOff = async ({ scene }: Desk): Promise<void> => scene.proxy?.setMode('refuse');
  const reconnect = async ({ scene }: Desk): Promise<void> => scene.proxy?.setMode('pass');

  /** The embedded database is on the disk that fails: for that, it is away by itself. */
  const firstJournal: Durability = kind === 'postgres' ? 'outbox' : 'sqlite';

  it('that is full hands over to git, and everything is applied when there is room again', async (context) => {
    const { desk, ballast } = await onSmallDisk(context);
    await cutOff(desk);
    expect(await desk.create('Before it is full')).toBe(firstJournal);
    await ballast.fill();
    for (const n of [1, 2, 3]) expect(await desk.create(`On the full disk ${n}`)).toBe('git');
    const list = await desk.tracker.list();
    expect(list.items.map(({ title }) => title)).toContain('On the full disk 3');
    ballast.free();
    await reconnect(desk);
    await desk.expectHealed();
  });

  it('that is full beside a repository that is read-only refuses, echoes, and applies nothing later', async (context) => {
    const { desk, ballast } = await onSmallDisk(context);
    const repository = path.join(desk.scene.project, '.git');
    await cutOff(desk);
    await ballast.fill();
    expect(await desk.create('Saved in git')).toBe('git');
    const readOnly = Mount.readOnly(context, repository);
    for (const n of [1, 2]) expect(await desk.create(`Refused ${n}`)).toBe('refused');
    expect(desk.refused.map(({ id }) => typeof id)).toEqual(['string', 'string']);
    // What is refused is not shown either, and reads go on.
    const titles = (await desk.tracker.list()).items.map(({ title }) => title);
    expect(titles).toContain('Saved in git');
    expect(titles.filter((title) => title.startsWith('Refused'))).toEqual([]);
    // The same write may be made again when there is room.
    ballast.free();
    await desk.tracker.list();
    expect(await desk.create('Made when there was room')).not.toBe('refused');
    readOnly.end();
    await reconnect(desk);
    await desk.expectHealed();
  });

  it('that fails tier by tier keeps the order of writes to one item', async (context) => {
    const { desk, ballast } = await onSmallDisk(context);
    const { dataDir } = desk.scene.store;
    const repository = path.join(desk.scene.project, '.git');
    Mount.small(context, path.join(dataDir, 'pending'), '256k');
    let item = await desk.tracker.create({ title: 'Step 0' });
    const steps: string[] = [];
    const step = async (durability: Durability): Promise<void> => {
      const title = `Step ${steps.length + 1}`;
      const answer = await desk.tracker.updateAnswer(item, { title });
      expect({ title, durability: answer.durability }).toEqual({ title, durability });
      item = answer.data;
      steps.push(title);
    };
    await cutOff(desk);
    if (kind === 'postgres') await step('outbox');
    await ballast.fill();
    await step('git');
    await step('git');
    const readOnly = Mount.readOnly(context, repository);
    await step('markdown');
    await step('markdown');
    ballast.free();
    if (kind === 'postgres') await step('outbox');
    readOnly.end();
    // Another item is not held back by any of it.
    const other = await desk.create('Beside it');
    expect(['outbox', 'sqlite']).toContain(other);
    await reconnect(desk);
    await desk.expectHealed();
    const history = await desk.tracker.history({ id: item.id });
    const titles = history.items
      .toSorted((a, b) => a.seq - b.seq)
      .flatMap(({ kind: what, fields }) => (what === 'update' ? fields : []))
      .filter(({ field }) => field === 'title')
      .map(({ to }) => to);
    expect(titles).toEqual(steps);
    expect(await desk.tracker.query(item.id)).toMatchObject({
      title: steps.at(-1),
      version: steps.length + 1,
    });
  });

  it(
    'that fills up while it is written to loses none of what it acknowledged',
    { timeout: TIMEOUT_MS },
    async (context) => {
      const random = randomFor(`disk ${kind}`);
      const found = new Map<string, number>();
      for (let round = 0; round < episodes(1, 12); round += 1) {
        const { desk, ballast } = await onSmallDisk(context, random.pick(['1500k', '2m', '3m']));
        await cutOff(desk);
        const repository = path.join(desk.scene.project, '.git');
        const losesGit = random.chance(0.5);
        let readOnly: Mount | undefined;
        // In step with the writes, so that it becomes full at each point of one sooner or later.
        for (let n = 0; n < 40; n += 1) {
          if (n === 20) ballast.grow(Number.POSITIVE_INFINITY);
          if (n === 25 && losesGit) readOnly = Mount.readOnly(context, repository);
          if (n === 30) ballast.free();
          else if (n < 20) ballast.grow(random.int(200_000));
          const outcome = await desk.create(`Round ${round}, write ${n}`);
          found.set(outcome, (found.get(outcome) ?? 0) + 1);
          if (n === 35) readOnly?.end();
        }
        await reconnect(desk);
        await desk.expectHealed();
        await desk.close();
      }
      const figures = [...found].map(([outcome, count]) => `${counted(count)} ${outcome}`).join(', ');
      report(`a disk that fills up under ${kind}`, `${figures}; none lost, none of the refused applied`);
    },
  );

  it('that is small is not filled by the logs of the tracker itself', async (context) => {
    const { desk } = await onSmallDisk(context, '1500k');
    await cutOff(desk);
    for (let n = 0; n < 60; n += 1) expect(await desk.create(`On the small disk ${n}`)).toBe(firstJournal);
    await reconnect(desk);
    await desk.expectHealed();
  });

  it('that is read-only from the start still answers, and writes go to git', async (context) => {
    const desk = await newDesk();
    await desk.open();
    expect(await desk.create('While all is well')).toBe(kind);
    if (kind === 'postgres') await untilCached(desk.scene);
    await desk.close();
    await cutOff(desk);
    const { dataDir } = desk.scene.store;
    const readOnly = Mount.readOnly(context, dataDir);
    await desk.open();
    const { data, source: from, warnings } = await readList(desk);
    expect(data.items.map(({ title }) => title)).toEqual(['While all is well']);
    expect(from).toBe(kind === 'postgres' ? 'sqlite_cache' : 'sqlite');
    expect(warnings.length).toBeGreaterThan(0);
    expect(await desk.create('On the read-only disk')).toBe('git');
    await desk.close();
    readOnly.end();
    await reconnect(desk);
    await desk.open();
    await desk.expectHealed();
  });

  it('whose files may not be altered any more hands over to git', async (context) => {
    const desk = await newDesk();
    await desk.open();
    expect(await desk.create('While all is well')).toBe(kind);
    if (kind === 'postgres') await untilCached(desk.scene);
    await cutOff(desk);
    expect(await desk.create('Before')).toBe(firstJournal);
    const { dataDir } = desk.scene.store;
    if (!freeze(dataDir, '+i', (name) => !isMapped(name)))
      context.skip('needs a file system with immutable files, and root');
    cleanUpLater(() => void freeze(dataDir, '-i'));
    expect(await desk.create('Nothing may be altered')).toBe('git');
    expect((await readList(desk)).data.items.map(({ title }) => title)).toContain('Nothing may be altered');
    freeze(dataDir, '-i');
    await reconnect(desk);
    await desk.expectHealed();
  });

  it(
    'whose mapped files may not be altered any more costs a server its life at most',
    { timeout: TIMEOUT_MS },
    async (context) => {
      const { scene } = await newDesk();
      const { dataDir } = scene.store;
      const server = await Server.start(scene);
      const ids = [await server.create({ title: 'While all is well' })];
      if (kind === 'postgres') await untilCached(scene);
      await scene.proxy?.setMode('refuse');
      ids.push(await server.create({ title: 'Before' }));
      if (!freeze(dataDir, '+i')) context.skip('needs a file system with immutable files, and root');
      cleanUpLater(() => void freeze(dataDir, '-i'));
      // The kernel ends a program that writes into such a file where it is mapped, as soon as it sees it.
      const create = (by: Server, title: string) => by.call('create_work_item', { item_type: 'task', title });
      const during = await create(server, 'During').catch(async () => {
        expect(await server.rpc.program.exited).toEqual({ code: null, signal: 'SIGBUS' });
        return undefined;
      });
      if (during?.answer !== undefined) ids.push(String(during.answer['id']));
      await server.rpc.program.stop();

      const successor = await Server.start(scene);
      const { answer: after } = await create(successor, 'After');
      expect(after?.['durability']).toBe('git');
      ids.push(String(after?.['id']));
      const { items } = await successor.list({ sort: 'created' });
      const shown = items.map(({ id }) => String(id));
      expect(ids.filter((id) => !shown.includes(id))).toEqual([]);
      freeze(dataDir, '-i');
      await scene.proxy?.setMode('pass');
      await until('everything is applied', async () => {
        const stored = (await scene.rows('select id from work_items')).map(({ id }) => String(id));
        return ids.every((id) => stored.filter((one) => one === id).length === 1);
      });
    },
  );

  it(
    'with a limit on the size of files takes what a server acknowledges, in a real process',
    { timeout: TIMEOUT_MS },
    async (context) => {
      const { scene } = await newDesk();
      const server = await Server.start(scene);
      const first = await server.create({ title: 'While all is well' });
      if (kind === 'postgres') await untilCached(scene);
      await scene.proxy?.setMode('refuse');
      const limit = (bytes: number | 'unlimited'): void => {
        execFileSync('prlimit', [`--pid=${server.rpc.program.pid}`, `--fsize=${bytes}:unlimited`]);
      };
      try {
        limit('unlimited');
      } catch {
        context.skip('needs prlimit (util-linux)');
      }
      // Below the size of every database, above that of an object of git.
      limit(16_384);
      const outcomes: string[] = [];
      const ids: string[] = [first];
      for (let n = 0; n < 12; n += 1) {
        const { answer, failure } = await server.call('create_work_item', {
          item_type: 'task',
          title: `Limited ${n}`,
        });
        if (answer !== undefined) ids.push(String(answer['id']));
        else expect(failure.error, failure.message).toBe('NotSavedError');
        outcomes.push(String(answer?.['durability'] ?? failure?.error));
      }
      expect(outcomes).toContain('git');
      expect((await server.answer('query_work_item', { id: ids.at(-1) ?? '' }))['title']).toBe('Limited 11');
      limit('unlimited');
      await scene.proxy?.setMode('pass');
      await until('everything is applied', async () => {
        const stored = new Set((await scene.rows('select id from work_items')).map(({ id }) => id));
        return ids.every((id) => stored.has(id));
      });
      await until('the server is whole', async () => {
        const { data_source, warnings } = await server.answer('list_work_items', { limit: 1 });
        return data_source === kind && warnings === undefined;
      });
      expect(await scene.rows('select id from work_items')).toHaveLength(ids.length);
      expect(server.rpc.program.stderr()).not.toMatch(DRIVER_TEXT);
    },
  );

  it('that belongs to somebody else is read, and what cannot be saved is refused', async (context) => {
    if (process.getuid?.() !== 0) context.skip('needs root, to run a server as a user who may not write');
    const desk = await newDesk();
    await desk.open();
    expect(await desk.create('Made by the owner')).toBe(kind);
    if (kind === 'postgres') await untilCached(desk.scene);
    await desk.close();
    await cutOff(desk);
    chmodSync(desk.scene.project, 0o755);
    // As with WORKTRAIL_SHARED_FOLDER: the folder is its owner's alone otherwise.
    openToReaders(desk.scene.store.dataDir);
    // Root may write whatever the permissions say: the server gives its rights away before it does anything.
    const become = `data:text/javascript,process.setgroups([]);process.setgid(${NOBODY});process.setuid(${NOBODY})`;
    const server = await Server.start(desk.scene, { program: ['--import', become, ...defaultProgram()] });
    const list = await server.list();
    expect(list.items.map(({ title }) => title)).toEqual(['Made by the owner']);
    expect(list['data_source']).toBe(kind === 'postgres' ? 'sqlite_cache' : 'sqlite');
    const failure = await server.failure('create_work_item', { item_type: 'task', title: 'Made by nobody' });
    expect(failure).toMatchObject({
      error: 'NotSavedError',
      details: { operation: { patch: { title: 'Made by nobody' } } },
    });
    expect(`${failure.message} ${failure.next}`).not.toMatch(DRIVER_TEXT);
    await server.rpc.program.stop();
    await reconnect(desk);
    await desk.open();
    await desk.expectHealed();
    expect(await desk.tracker.titles()).toEqual(['Made by the owner']);
  });
});

async function readList({ tracker }: Desk) {
  return await tracker.context.store.read((reader) =>
    reader.listWorkItems({ sort: 'created', limit: 100, archived: false } as Parameters<
      typeof reader.listWorkItems
    >[0]),
  );
}

function openToReaders(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) openToReaders(file);
    else chmodSync(file, 0o644);
  }
}
