// Damage to every file of a tracker and to the database itself, before a start and under a running server, with
// acknowledged writes waiting. Nothing that was acknowledged is lost, nothing local overwrites the primary, every
// answer says where it is from, and once the right things are back in their places all is as it should be.
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseInput } from '../../src/domain/validate.ts';
import { listWorkItemsInput, queryWorkItemInput } from '../../src/domain/work-item.ts';
import { TrackerError } from '../../src/errors.ts';
import { readStatus } from '../../src/services/status-report.ts';
import { writeStatusFile } from '../../src/services/status-file.ts';
import * as workItems from '../../src/services/work-items.ts';
import { SNAPSHOT_REF, writeSnapshot } from '../../src/storage/git/snapshot.ts';
import { GitJournal } from '../../src/storage/git/journal.ts';
import { MarkdownJournal } from '../../src/storage/markdown/journal.ts';
import { openPrimary, schemaName } from '../../src/storage/open-primary.ts';
import { openStore, type OpenOptions } from '../../src/storage/open-store.ts';
import { openSqlite } from '../../src/storage/sql/sqlite.ts';
import type { Connection } from '../../src/storage/sql/connection.ts';
import { TABLE_NAMES, readTable, type Row } from '../../src/storage/sql/table-copy.ts';
import type { Answer, Durability } from '../../src/storage/store.ts';
import { systemClock, type Clock } from '../../src/storage/tiers/clock.ts';
import { inReplayOrder, type Journal } from '../../src/storage/tiers/journal.ts';
import { openOutbox } from '../../src/storage/tiers/outbox.ts';
import type { TierState } from '../../src/storage/tiers/state.ts';
import type { TieredStore } from '../../src/storage/tiers/tiered-store.ts';
import { inFolder } from '../storage/backends.ts';
import { Tracker } from '../storage/tracker.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { attachPostgres, postgresSkipReason, type PostgresServer } from '../support/postgres.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { isProvisional } from '../../src/domain/provisional-version.ts';

type Kind = 'postgres' | 'embedded';

/** Pauses between probes are cut short: what is waited for is the same. */
const impatientClock: Clock = { ...systemClock, sleep: (ms) => systemClock.sleep(Math.min(ms, 60)) };
const PATIENCE_MS = 20_000;
/** Texts of drivers and of the operating system, which nobody but the log may see. */
const DRIVER_TEXT =
  /SQLITE_|\bE(CONN|NOENT|ACCES|NOSPC|ROFS|PERM|IO)\w*\b|fatal:|errno|syscall|\bundefined\b|Error:|relation "|\n\s+at /;

// ---------------------------------------------------------------------------------------------------------------
// A tracker with a history, made once for each kind and copied for each case.

interface Template {
  kind: Kind;
  /** A project folder with twelve items, a snapshot, a status file, and four writes that wait. */
  folder: string;
  /** The `.worktrail` folder and the status file as they were when the project had eight items. */
  older: string;
  /** Databases to copy from; undefined for an embedded tracker. */
  databases: { now: string; older: string; foreign: string } | undefined;
  /** Another project's folder, made the same way. */
  foreign: string;
  /** The ids of the waiting writes, in order. */
  waiting: string[];
  items: { id: string; version: number; title: string }[];
}

let server: PostgresServer;

interface Made {
  project: string;
  database: string | undefined;
  older: string;
  olderDatabase: string | undefined;
  waiting: string[];
  items: Template['items'];
}

async function makeTemplate(kind: Kind): Promise<Template> {
  const now = await makeProject(kind, 'test-project');
  const foreign = await makeProject(kind, 'other-project');
  const databases =
    now.database === undefined
      ? undefined
      : {
          now: nameOf(now.database),
          older: nameOf(now.olderDatabase ?? ''),
          foreign: nameOf(foreign.database ?? ''),
        };
  return { ...now, kind, folder: now.project, databases, foreign: foreign.project };
}

async function makeProject(kind: Kind, slug: string): Promise<Made> {
  const project = await temporaryProject({ git: true });
  const database = kind === 'postgres' ? await server.createDatabase() : undefined;
  const proxy = database === undefined ? undefined : await startProxy(database);
  const place: OpenOptions = {
    ...inFolder(project, proxy?.url),
    slug: { value: slug, explicit: false },
    clock: impatientClock,
  };
  const asAway = async (work: (tracker: Tracker) => Promise<void>): Promise<void> => {
    const file = path.join(place.dataDir, 'worktrail.db');
    await proxy?.setMode('refuse');
    if (proxy === undefined) renameSync(file, `${file}.kept`);
    await withTracker(place, work);
    if (proxy === undefined) renameSync(`${file}.kept`, file);
    await proxy?.setMode('pass');
  };
  const items: Template['items'] = [];
  await withTracker(place, async (tracker) => {
    for (let n = 1; n <= 8; n += 1) {
      items.push(await tracker.create({ title: `${slug} item ${n}` }));
      tracker.clock.advance(60);
    }
    await tracker.register({ name: 'Vendor A', extractor_version: '1.0.0' });
    await writeStatusFile(tracker.context, place.dataDir);
  });
  await takeSnapshot(place);
  await asAway(async (tracker) => {
    items[0] = await tracker.update(items[0] as Template['items'][0], {
      description: 'An early offline edit',
    });
  });
  const older = path.join(await temporaryProject(), 'older');
  cpSync(place.dataDir, path.join(older, '.worktrail'), { recursive: true });
  cpSync(path.join(project, '.project_status.md'), path.join(older, '.project_status.md'));
  const olderDatabase = database && (await server.createDatabase(undefined, { template: nameOf(database) }));
  await withTracker(place, async (tracker) => {
    await settled(tracker);
    for (let n = 9; n <= 12; n += 1) {
      tracker.clock.advance(60);
      items.push(await tracker.create({ title: `${slug} item ${n}` }));
    }
    await tracker.deploy();
    items[0] = await tracker.query((items[0] as { id: string }).id);
    await writeStatusFile(tracker.context, place.dataDir);
    await copiesAreFresh(tracker);
  });
  await takeSnapshot(place);
  let waiting: string[] = [];
  await asAway(async (tracker) => {
    const [first, second] = items as [Template['items'][0], Template['items'][0]];
    const renamed = await tracker.update(first, { title: RENAMED });
    await tracker.create({ title: CHILD, parent_id: first.id });
    await tracker.update(renamed, { status: 'blocked' });
    await tracker.update(second, { priority: 1 });
    await writeStatusFile(tracker.context, place.dataDir);
    waiting = (await tracker.context.store.pending()).map(({ id }) => id);
  });
  expect(waiting).toHaveLength(4);
  await proxy?.stop();
  return { project, database, older, olderDatabase, waiting, items };
}

const RENAMED = 'Renamed offline';
const CHILD = 'Child made offline';

async function takeSnapshot(place: OpenOptions): Promise<void> {
  const primary = await openPrimary(place);
  try {
    const text = readFileSync(path.join(place.projectDir, '.project_status.md'), 'utf8');
    const outcome = await writeSnapshot(place.projectDir, (work) => primary.inSnapshot(work), {
      statusFile: text,
    });
    expect(outcome.written || outcome.reason === 'unchanged', JSON.stringify(outcome)).toBe(true);
  } finally {
    await primary.close();
  }
}

async function withTracker(place: OpenOptions, work: (tracker: Tracker) => Promise<void>): Promise<void> {
  const store = await openStore(place);
  try {
    await work(new Tracker(store, place));
  } finally {
    await store.close();
  }
}

async function copiesAreFresh(tracker: Tracker): Promise<void> {
  const store = tracker.store as TieredStore;
  const { cache } = store.parts;
  if (cache === undefined) return;
  const seq = await tracker.seq();
  await eventually('the cache to be filled', async () => (await cache.known()).seq === seq);
}

async function settled(tracker: Tracker): Promise<void> {
  const store = tracker.store as TieredStore;
  await eventually('the store to be online', async () => {
    await store.settle(200);
    return store.state === 'online';
  });
}

async function eventually(
  what: string,
  check: () => Promise<boolean> | boolean,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  for (const until = Date.now() + patienceMs; !(await check());) {
    if (Date.now() > until) throw new Error(`waited ${patienceMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

// ---------------------------------------------------------------------------------------------------------------
// One case's own copy of it.

class Scene {
  readonly log: string[] = [];
  /** What clients were told beside the records: warnings and errors. */
  readonly told: string[] = [];
  readonly created: { id: string; title: string; durability: Durability }[] = [];
  #tracker: Tracker | undefined;

  constructor(
    readonly template: Template,
    readonly place: OpenOptions,
    /** The address of the database past the proxy; undefined for an embedded tracker. */
    readonly direct: string | undefined,
    private readonly proxy: TcpProxy | undefined,
  ) {}

  file(name: string): string {
    return name.startsWith('.')
      ? path.join(this.place.projectDir, name)
      : path.join(this.place.dataDir, name);
  }

  async away(): Promise<void> {
    await this.proxy?.setMode('refuse');
    const file = this.file('worktrail.db');
    if (this.proxy === undefined && existsSync(file)) renameSync(file, `${file}.kept`);
  }

  async back(): Promise<void> {
    await this.proxy?.setMode('pass');
    const file = this.file('worktrail.db');
    if (existsSync(`${file}.kept`)) renameSync(`${file}.kept`, file);
  }

  get tracker(): Tracker {
    if (this.#tracker === undefined) throw new Error('not open');
    return this.#tracker;
  }

  get store(): TieredStore {
    return this.tracker.store as TieredStore;
  }

  async open(): Promise<void> {
    this.#tracker = new Tracker(await openStore(this.place), this.place);
  }

  async close(): Promise<void> {
    await this.#tracker?.store.close();
    this.#tracker = undefined;
  }

  /** The list of items, with everything it says about itself. */
  async list() {
    const answer = await workItems.listWorkItems(
      this.tracker.context,
      parseInput(listWorkItemsInput, { limit: 100 }),
    );
    this.#hear(answer);
    return answer;
  }

  async query(id: string) {
    const answer = await workItems.queryWorkItem(
      this.tracker.context,
      parseInput(queryWorkItemInput, { id }),
    );
    this.#hear(answer);
    return answer;
  }

  /** Makes an item; answers where it is durable, or the code of the refusal. */
  async write(title: string): Promise<Durability | string> {
    try {
      const answer = await this.tracker.createAnswer({ title });
      this.#hear(answer);
      expect(answer.durability).toBeDefined();
      const durability = answer.durability as Durability;
      this.created.push({ id: answer.data.id, title, durability });
      return durability;
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      this.told.push(error.message, error.next);
      expect(['NotSavedError', 'DatabaseError']).toContain(error.code);
      return error.code;
    }
  }

  forgetSavedIn(layer: Durability): void {
    const left = this.created.filter(({ durability }) => durability !== layer);
    this.created.splice(0, this.created.length, ...left);
  }

  #hear({ warnings, source, as_of }: Answer<unknown>): void {
    this.told.push(...warnings.map(({ message }) => message));
    const isPrimary =
      source === (this.template.kind === 'postgres' ? 'postgres' : 'sqlite') && as_of === undefined;
    if (!isPrimary) expect(warnings.length, `an answer from ${source} says why`).toBeGreaterThan(0);
  }

  /** Everything said so far. */
  async said(): Promise<string> {
    const report = await this.store.layers();
    const problems = [...report.layers, ...report.journals].flatMap(({ problem }) => problem ?? []);
    const said = [...this.told, ...report.damage, ...problems, report.reason ?? ''];
    for (const text of said) expect(text).not.toMatch(DRIVER_TEXT);
    for (const line of this.log) expect(line).not.toMatch(DRIVER_TEXT);
    return [...said, ...this.log].join('\n');
  }

  /** Looks into the primary past every other layer. */
  async inPrimary<T>(work: (c: Connection) => Promise<T>): Promise<T> {
    const primary = await openPrimary({ ...this.place, databaseUrl: this.direct });
    try {
      return await primary.inSnapshot(work);
    } finally {
      await primary.close();
    }
  }

  /** Ends every connection, so that each is made anew. */
  async cut(): Promise<void> {
    await this.proxy?.setMode('refuse');
    await this.proxy?.setMode('pass');
  }

  async sql(statement: string): Promise<void> {
    if (this.direct === undefined) throw new Error('no PostgreSQL here');
    const connection = postgres(this.direct, {
      max: 1,
      onnotice: () => undefined,
      connection: { search_path: schemaName('test-project') },
    });
    try {
      await connection.unsafe(statement);
    } finally {
      await connection.end();
    }
  }

  /** Another database takes the place of the project's; what was there is kept under the answered name. */
  async swapIn(database: string): Promise<string> {
    const mine = nameOf(this.direct ?? '');
    const kept = `${mine}_kept_${randomBytes(3).toString('hex')}`;
    await this.proxy?.setMode('refuse');
    await administer(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname in ('${mine}', '${database}')`,
      `alter database "${mine}" rename to "${kept}"`,
      `alter database "${database}" rename to "${mine}"`,
    );
    cleanUpLater(() => administer(`drop database if exists "${kept}" with (force)`));
    await this.proxy?.setMode('pass');
    return kept;
  }
}

async function administer(...statements: string[]): Promise<void> {
  const connection = postgres(server.url(), { max: 1, onnotice: () => undefined });
  try {
    for (const statement of statements) await connection.unsafe(statement);
  } finally {
    await connection.end();
  }
}

async function sceneFrom(template: Template): Promise<Scene> {
  const projectDir = await temporaryProject();
  cpSync(template.folder, projectDir, { recursive: true });
  const { databases } = template;
  const direct = databases && (await server.createDatabase(undefined, { template: databases.now }));
  const proxy = direct === undefined ? undefined : await startProxy(direct);
  if (proxy !== undefined) cleanUpLater(() => proxy.stop());
  const log: string[] = [];
  const place: OpenOptions = {
    ...inFolder(projectDir, proxy?.url),
    clock: impatientClock,
    log: (line) => log.push(line),
  };
  const scene = new Scene(template, place, direct, proxy);
  place.log = (line) => scene.log.push(line);
  cleanUpLater(() => scene.close());
  return scene;
}

// ---------------------------------------------------------------------------------------------------------------
// Damage.

const DAMAGES = ['empty', 'half', 'garbage', 'flipped', 'deleted', 'foreign', 'older'] as const;
type Damage = (typeof DAMAGES)[number];

const IN_WORDS: Readonly<Record<Damage, string>> = {
  empty: 'cut to nothing',
  half: 'cut to half',
  garbage: 'overwritten with noise',
  flipped: 'with one byte flipped',
  deleted: 'deleted',
  foreign: "replaced by another project's",
  older: 'replaced by an old copy',
};

/** Objects of git are read-only for others than root. */
function damageFile(file: string, damage: Damage, copies: { foreign?: string; older?: string } = {}): void {
  const size = statSync(file).size;
  switch (damage) {
    case 'empty':
      return writeFileSync(file, '');
    case 'half':
      return truncateSync(file, Math.floor(size / 2));
    case 'garbage':
      return writeFileSync(file, randomBytes(size));
    case 'flipped':
      return flipByte(file, placeToFlip(file));
    case 'deleted':
      return removeDatabase(file);
    case 'foreign':
    case 'older': {
      const copy = copies[damage];
      if (copy === undefined) throw new Error(`there is no ${damage} copy of ${file}`);
      removeDatabase(file);
      return cpSync(copy, file);
    }
  }
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}

function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
}

/** Where a flipped byte does harm: in a record of the outbox, in the page of a table, else in the middle. */
function placeToFlip(file: string): number {
  const bytes = readFileSync(file);
  if (path.basename(file) === 'outbox.db') return bytes.lastIndexOf('"changes":[{"id"') + 20;
  if (!file.endsWith('.db')) return Math.floor(bytes.length / 2);
  // "Write-ahead log", which a database in memory does not have.
  bytes[18] = bytes[19] = 1;
  const database = new Database(bytes);
  const find = database.prepare("select rootpage from sqlite_master where name = 'work_items'").pluck();
  const page = Number(find.get());
  database.close();
  return (page - 1) * 4096;
}

/** Puts some of the waiting writes where they would be if the outbox could not have been written then. */
async function moveWaiting(scene: Scene, ids: readonly string[], to: 'git' | 'markdown'): Promise<void> {
  const device = readFileSync(scene.file('device'), 'utf8').trim();
  const outbox = openOutbox(scene.file('outbox.db'));
  const journal: Journal =
    to === 'git'
      ? new GitJournal(scene.place.projectDir, device)
      : new MarkdownJournal(scene.file('pending'), device);
  const entries = (await outbox.list()).filter(({ id }) => ids.includes(id)).sort(inReplayOrder);
  for (const entry of entries) await journal.append(entry);
  await outbox.remove(ids);
  await journal.close();
  await outbox.close();
}

/** The file of an object of git, which is not packed in these repositories. */
function objectFile(scene: Scene, id: string): string {
  return scene.file(path.join('.git', 'objects', id.slice(0, 2), id.slice(2)));
}

async function objectId(scene: Scene, name: string): Promise<string> {
  return (await git(scene.place.projectDir, 'rev-parse', '--verify', name)).trim();
}

// ---------------------------------------------------------------------------------------------------------------
// The cases of files.

interface FileCase {
  file: string;
  damage: Damage;
  on: Kind;
  when: 'before the start' | 'in use';
  /** Whether the primary can be reached meanwhile. Default: away. */
  primary?: 'there' | 'away';
  prepare?: (scene: Scene) => Promise<void> | void;
  /** Before a file in use is harmed. */
  atRest?: (scene: Scene) => Promise<void>;
  harm?: (scene: Scene) => Promise<void> | void;
  /** Where reads may come from meanwhile; empty where nothing can answer. */
  reads: readonly Answer<unknown>['source'][];
  /** The title of an item that is still known; by default one that all copies have. */
  knows?: string;
  /** Where a write may be saved then; empty where the program cannot even start. */
  writes: readonly (Durability | 'NotSavedError' | 'DatabaseError')[];
  /** What is said about it; undefined where nobody could notice. */
  says?: RegExp;
  /** Of the four waiting writes those whose only copy is destroyed, so that they may be missing afterwards. */
  mayLose?: readonly number[];
  /** Puts back what only a person can put back. */
  mend?: (scene: Scene) => Promise<void> | void;
  /** New writes stay in the journal after all is mended, and this is said of them. */
  strands?: RegExp;
  /** Looked at before anything is mended. */
  untouched?: (scene: Scene) => string;
}

const before = 'before the start';
const inUse = 'in use';
const fileCases: FileCase[] = [];
const add = (found: FileCase): void => void fileCases.push(found);

// The cache can be made again, so nothing but a moment's comfort is lost with it.
for (const damage of DAMAGES) {
  const isFine = damage === 'older';
  add({
    file: 'cache.db',
    damage,
    on: 'postgres',
    when: before,
    reads: isFine ? ['sqlite_cache'] : ['git_history'],
    writes: ['outbox'],
    ...(['garbage', 'half', 'foreign'].includes(damage) && { says: /local cache was put aside/ }),
  });
}
for (const damage of ['garbage', 'deleted', 'foreign', 'half'] as const) {
  add({
    file: 'cache.db',
    damage,
    on: 'postgres',
    when: inUse,
    reads: ['sqlite_cache', 'git_history'],
    writes: ['outbox'],
  });
}

// The outbox holds what exists nowhere else.
const outboxLosses: Readonly<Record<Damage, readonly number[]>> = {
  empty: [0, 1, 2, 3],
  half: [0, 1, 2, 3],
  garbage: [0, 1, 2, 3],
  flipped: [0, 1, 2, 3],
  deleted: [0, 1, 2, 3],
  foreign: [0, 1, 2, 3],
  older: [0, 1, 2, 3],
};
for (const on of ['postgres', 'embedded'] as const) {
  for (const damage of DAMAGES) {
    add({
      file: 'outbox.db',
      damage,
      on,
      when: before,
      reads: on === 'postgres' ? ['sqlite_cache'] : ['git_history'],
      writes: ['outbox'],
      mayLose: outboxLosses[damage],
      ...(['half', 'garbage', 'flipped'].includes(damage) && {
        says: /outbox .* was damaged\. \d+ of the writes/,
      }),
      ...(damage === 'foreign' && { says: /belong to another project/ }),
    });
  }
}
for (const damage of ['empty', 'garbage', 'flipped', 'deleted', 'foreign'] as const) {
  add({
    file: 'outbox.db',
    damage,
    on: 'postgres',
    when: inUse,
    reads: ['sqlite_cache'],
    writes: ['outbox'],
    mayLose: damage === 'deleted' || damage === 'foreign' ? [] : outboxLosses[damage],
  });
}

// The embedded database is the truth: damaged, it is left as it is, and its intact copy takes all that waits.
for (const damage of ['empty', 'half', 'garbage', 'flipped', 'deleted', 'foreign'] as const) {
  add({
    file: 'worktrail.db',
    damage,
    on: 'embedded',
    when: before,
    primary: 'there',
    prepare: (scene) => cpSync(scene.file('worktrail.db'), scene.file('worktrail.backup')),
    reads: damage === 'flipped' ? ['sqlite', 'git_history'] : ['git_history'],
    writes: damage === 'flipped' ? ['outbox', 'sqlite'] : ['outbox'],
    ...(damage !== 'flipped' && { says: /embedded database (is not used|cannot be used)/ }),
    untouched: (scene) =>
      existsSync(scene.file('worktrail.db'))
        ? readFileSync(scene.file('worktrail.db')).toString('base64')
        : 'deleted',
    mend: (scene) => {
      removeDatabase(scene.file('worktrail.db'));
      renameSync(scene.file('worktrail.backup'), scene.file('worktrail.db'));
    },
  });
}

for (const damage of ['empty', 'half', 'garbage', 'deleted', 'foreign', 'older'] as const) {
  // What is written over under the hands of a process may still be whole in its memory for a while; a file that is
  // not the one in its place any more must not be written to.
  const isReplaced = ['deleted', 'foreign', 'older'].includes(damage);
  add({
    file: 'worktrail.db',
    damage,
    on: 'embedded',
    when: inUse,
    primary: 'there',
    atRest: async (scene) => {
      await settled(scene.tracker);
      const database = new Database(scene.file('worktrail.db'));
      database.prepare('vacuum into ?').run(scene.file('worktrail.backup'));
      database.close();
    },
    reads: ['sqlite', 'git_history'],
    writes: isReplaced ? ['outbox'] : ['outbox', 'sqlite'],
    mend: (scene) => {
      removeDatabase(scene.file('worktrail.db'));
      renameSync(scene.file('worktrail.backup'), scene.file('worktrail.db'));
    },
  });
}

// Snapshots are asked when what is above them is gone.
const withoutCache = (scene: Scene): void => removeDatabase(scene.file('cache.db'));
for (const on of ['postgres', 'embedded'] as const) {
  for (const damage of ['empty', 'garbage', 'deleted'] as const) {
    add({
      file: 'git snapshot object',
      damage,
      on,
      when: before,
      prepare: withoutCache,
      harm: async (scene) => {
        const names = damage === 'deleted' ? ['', '^{tree}', ':work_items.jsonl'] : [':work_items.jsonl'];
        const ids = await Promise.all(names.map((name) => objectId(scene, `${SNAPSHOT_REF}${name}`)));
        for (const id of ids) damageFile(objectFile(scene, id), damage);
      },
      reads: ['git_history', 'markdown_file'],
      writes: ['outbox'],
    });
  }
}
for (const damage of ['empty', 'garbage', 'deleted', 'foreign', 'older'] as const) {
  add({
    file: 'git snapshot ref',
    damage,
    on: 'postgres',
    when: before,
    prepare: withoutCache,
    harm: async (scene) => {
      const { projectDir } = scene.place;
      if (damage === 'older') await git(projectDir, 'update-ref', SNAPSHOT_REF, `${SNAPSHOT_REF}~1`);
      else if (damage === 'foreign') {
        await git(projectDir, 'fetch', '--quiet', scene.template.foreign, `+${SNAPSHOT_REF}:${SNAPSHOT_REF}`);
      } else damageFile(scene.file(path.join('.git', SNAPSHOT_REF)), damage);
    },
    reads: damage === 'older' ? ['git_history'] : ['markdown_file', 'git_history'],
    writes: ['outbox'],
  });
}

// Writes in the lower journals.
for (const damage of ['empty', 'garbage', 'deleted'] as const) {
  let kept: { file: string; bytes: Buffer } | undefined;
  add({
    file: 'git journal blob',
    damage,
    on: 'postgres',
    when: before,
    prepare: (scene) => moveWaiting(scene, scene.template.waiting.slice(2), 'git'),
    harm: async (scene) => {
      const [ref] = (
        await git(scene.place.projectDir, 'for-each-ref', '--format=%(refname)', 'refs/worktrail/journal')
      ).split('\n');
      const file = objectFile(scene, await objectId(scene, `${ref}:${scene.template.waiting[3]}.json`));
      kept = { file, bytes: readFileSync(file) };
      damageFile(file, damage);
    },
    reads: ['sqlite_cache'],
    writes: ['outbox'],
    says: /waiting in the git repository is damaged/,
    // The damaged write stays where it is, and is applied when its object is whole again.
    mend: () => writeFileSync(kept?.file ?? '', kept?.bytes ?? ''),
  });
}
const pendingFile = (scene: Scene): string => {
  const [name] = readdirSync(scene.file('pending')).filter((one) => one.endsWith('.md'));
  return path.join(scene.file('pending'), name ?? '');
};
for (const damage of ['empty', 'half', 'garbage', 'flipped', 'deleted', 'foreign'] as const) {
  add({
    file: 'pending markdown file',
    damage,
    on: damage === 'half' ? 'embedded' : 'postgres',
    when: before,
    prepare: (scene) => moveWaiting(scene, scene.template.waiting.slice(2), 'markdown'),
    harm: (scene) => {
      const file = pendingFile(scene);
      if (damage !== 'foreign') return damageFile(file, damage);
      // Another journal's text, which does not hold a record.
      writeFileSync(file, '# Notes\n\nNothing of Worktrail in here.\n');
    },
    reads: damage === 'half' ? ['git_history'] : ['sqlite_cache'],
    writes: ['outbox'],
    mayLose: [2, 3],
    // What looks like a write that was cut off before it was acknowledged says nothing.
    ...(['garbage', 'flipped'].includes(damage) && { says: /waiting write .* ?(is|was) damaged/ }),
  });
}

// The last layer of all. The established format does not say whose it is.
for (const damage of DAMAGES.filter((one) => one !== 'foreign')) {
  add({
    file: '.project_status.md',
    damage,
    on: damage === 'half' ? 'embedded' : 'postgres',
    when: before,
    prepare: async (scene) => {
      withoutCache(scene);
      await git(scene.place.projectDir, 'update-ref', '-d', SNAPSHOT_REF);
    },
    reads: ['empty', 'garbage', 'deleted'].includes(damage) ? [] : ['markdown_file'],
    ...(damage === 'half' && { knows: 'test-project item 3' }),
    // Without any copy to check it against, a write is still saved.
    writes: ['outbox'],
  });
}

// What the folder remembers of itself.
for (const damage of ['empty', 'half', 'garbage', 'deleted'] as const) {
  for (const primary of ['there', 'away'] as const) {
    add({
      file: 'project.json',
      damage,
      on: 'postgres',
      when: before,
      primary,
      prepare: (scene) => {
        // Nothing but the first commit vouches for the database then: it must be this repository's.
        expect(existsSync(scene.file('.git'))).toBe(true);
      },
      reads: primary === 'there' ? ['postgres', 'sqlite_cache'] : [],
      writes: primary === 'there' ? ['postgres', 'outbox'] : [],
    });
  }
}
for (const damage of ['garbage', 'deleted'] as const) {
  add({
    file: 'project.json',
    damage,
    on: 'postgres',
    when: inUse,
    reads: ['sqlite_cache'],
    writes: ['outbox'],
  });
  add({
    file: 'project.json',
    damage,
    on: 'embedded',
    when: before,
    primary: 'there',
    reads: ['sqlite'],
    writes: ['sqlite', 'outbox'],
  });
}
for (const when of [before, inUse] as const) {
  add({
    file: 'project.json',
    damage: 'foreign',
    on: 'postgres',
    when,
    primary: 'there',
    prepare: (scene) => cpSync(scene.file('project.json'), scene.file('project.kept')),
    // Nothing that lies there is of the project that the folder is told it belongs to.
    reads: when === before ? [] : ['postgres', 'sqlite_cache', 'git_history', 'markdown_file'],
    writes: ['postgres', 'outbox'],
    mend: (scene) => renameSync(scene.file('project.kept'), scene.file('project.json')),
    // What was saved then is that project's, as far as anybody can tell: it is kept, and told of.
    strands: /belong to another project/,
  });
}
for (const damage of ['empty', 'half', 'garbage', 'deleted', 'foreign'] as const) {
  add({
    file: 'device',
    damage,
    on: damage === 'half' ? 'embedded' : 'postgres',
    when: before,
    reads: damage === 'half' ? ['git_history'] : ['sqlite_cache'],
    writes: ['outbox'],
  });
}
add({
  file: 'device',
  damage: 'deleted',
  on: 'postgres',
  when: inUse,
  reads: ['sqlite_cache'],
  writes: ['outbox'],
});

const copyOf = (folder: string, name: string): string =>
  path.join(folder, name.startsWith('.') ? name : path.join('.worktrail', name));

async function playFileCase(scene: Scene, found: FileCase): Promise<void> {
  const { template } = scene;
  await found.prepare?.(scene);
  const isAway = (found.primary ?? 'away') === 'away';
  if (isAway) await scene.away();
  const harm = async () => {
    if (found.harm !== undefined) return await found.harm(scene);
    damageFile(scene.file(found.file), found.damage, {
      foreign: copyOf(template.foreign, found.file),
      older: copyOf(template.older, found.file),
    });
  };
  if (found.when === before) await harm();
  const opened = await scene.open().then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof TrackerError)) throw error;
      expect(found.writes, error.message).toEqual([]);
      expect(error.message).not.toMatch(DRIVER_TEXT);
      return false;
    },
  );
  const asItIs = opened ? found.untouched?.(scene) : undefined;
  let waiting = new Set<string>(template.waiting);
  if (opened) {
    if (found.when === inUse) {
      await scene.list();
      await found.atRest?.(scene);
      await harm();
    }
    await expectReads(scene, found.reads, found.knows);
    expect(found.writes).toContain(await scene.write('Made in the damage'));
    waiting = new Set((await scene.store.pending()).map(({ id }) => id));
    if (found.reads.length > 0) {
      const one = await scene.query(scene.created.at(-1)?.id as string);
      expect(one.data).toMatchObject({ title: 'Made in the damage' });
    }
    const said = await scene.said();
    if (found.says !== undefined) expect(said).toMatch(found.says);
    if (found.when === before && isAway) {
      const missing = template.waiting.filter((id) => !waiting.has(id));
      const mayMiss = (found.mayLose ?? []).map((index) => template.waiting[index]);
      const damagedOnly = found.mend === undefined ? missing : [];
      expect(mayMiss).toEqual(expect.arrayContaining(damagedOnly));
    }
    if (asItIs !== undefined) expect(found.untouched?.(scene) === asItIs, 'it is left as it is').toBe(true);
  }
  if (found.mend !== undefined) {
    await scene.close();
    await found.mend(scene);
    // What only the damaged database had is in no backup made before.
    if (found.atRest !== undefined) scene.forgetSavedIn('sqlite');
  }
  await scene.back();
  if (!opened || found.mend !== undefined) {
    await scene.close();
    await scene.open();
  }
  const stranded =
    found.strands !== undefined && scene.created.some(({ durability }) => durability === 'outbox');
  if (stranded) scene.forgetSavedIn('outbox');
  await converges(scene, found.mayLose ?? []);
  if (stranded) expect((await scene.store.layers()).damage.join('\n')).toMatch(found.strands as RegExp);
}

async function expectReads(
  scene: Scene,
  sources: readonly Answer<unknown>['source'][],
  knows = 'test-project item 8',
): Promise<void> {
  try {
    const { source, data } = await scene.list();
    expect(sources).toContain(source);
    expect(data.items.map(({ title }) => title)).toContain(knows);
    expect(data.items.filter(({ title }) => title.startsWith('other-project'))).toEqual([]);
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    expect(sources, error.message).toEqual([]);
    expect(error.code).toBe('DatabaseError');
    scene.told.push(error.message, error.next);
  }
}

/** Everything that was acknowledged and not destroyed by the damage itself is there once, and all copies agree. */
async function converges(scene: Scene, mayLose: readonly number[] = []): Promise<void> {
  const { template } = scene;
  await settled(scene.tracker);
  await eventually('nothing to wait', async () => (await scene.store.pending()).length === 0);
  expect(scene.store.state).toBe('online');
  await copiesAreFresh(scene.tracker);
  const rows = await scene.inPrimary(tablesOf);
  const items = rows.workItems as unknown as (Template['items'][0] & Row)[];
  const changes = rows.changes as unknown as { change_id: string; entity_id: string; kind: string }[];

  // The primary has all it had, and nothing of others.
  for (const { id } of template.items) expect(items.map((item) => item.id)).toContain(id);
  expect(items.filter(({ title }) => title.startsWith('other-project'))).toEqual([]);
  expect(rows.vendors).toHaveLength(1);
  expect(rows.deployments).toHaveLength(1);
  expect(rows.conflicts).toEqual([]);

  // Each waiting write once.
  const times = template.waiting.map((id) => changes.filter(({ change_id }) => change_id === id).length);
  times.forEach((count, index) => {
    if (mayLose.includes(index)) expect(count, `write ${index + 1}`).toBeLessThanOrEqual(1);
    else expect(count, `write ${index + 1}`).toBe(1);
  });
  const first = items.find(({ id }) => id === template.items[0]?.id);
  if (times[0] === 1) expect(first?.title).toBe(RENAMED);
  if (times[2] === 1) expect(first?.['status']).toBe('blocked');
  expect(items.filter(({ title }) => title === CHILD)).toHaveLength(times[1] ?? 0);

  // Each new one too.
  for (const { id, title } of scene.created) {
    expect(items.filter((item) => item.title === title && item.id === id)).toHaveLength(1);
    expect(changes.filter(({ entity_id, kind }) => entity_id === id && kind === 'create')).toHaveLength(1);
  }
  expect(new Set(items.map(({ title }) => title)).size).toBe(items.length);
  const answer = await scene.list();
  expect(answer).toMatchObject({
    source: template.kind === 'postgres' ? 'postgres' : 'sqlite',
    warnings: [],
  });
  expect(answer.data.total_count).toBe(items.length);
  if (template.kind === 'postgres') await cacheEqualsPrimary(scene, rows);
}

type Tables = Record<(typeof TABLE_NAMES)[number], Row[]>;

async function tablesOf(c: Connection): Promise<Tables> {
  const tables = {} as Tables;
  for (const name of TABLE_NAMES) {
    tables[name] = [];
    for await (const rows of readTable(c, name)) tables[name].push(...rows);
  }
  return tables;
}

async function cacheEqualsPrimary(scene: Scene, primary: Tables): Promise<void> {
  const { session } = await openSqlite({ file: scene.file('cache.db') });
  try {
    const cached = await session.read(tablesOf);
    // A kind of item of which there was one for a while may be counted as 0 in one and not at all in the other.
    const counted = ({ workItemCounts }: Tables) => workItemCounts.filter(({ items }) => items !== 0);
    expect(counted(cached)).toEqual(counted(primary));
    for (const name of TABLE_NAMES) {
      if (name !== 'workItemCounts') expect({ [name]: cached[name] }).toEqual({ [name]: primary[name] });
    }
  } finally {
    await session.close();
  }
}

// ---------------------------------------------------------------------------------------------------------------
// The cases of the database itself.

interface PrimaryCase {
  name: string;
  when: FileCase['when'];
  /** Runs before the tracker is opened; what it answers is given to the others. */
  prepare?: (scene: Scene) => Promise<string>;
  strike: (scene: Scene, prepared: string) => Promise<void>;
  heal: (scene: Scene, prepared: string) => Promise<void>;
  /** `refused` where the database answers and is not the truth. */
  state: readonly TierState[];
  reads: FileCase['reads'];
  writes: FileCase['writes'];
  says?: RegExp;
  /** What only a write finds out. */
  showsOnWriting?: true;
  /** Why it is not noticed yet; the test says so when it is. */
  unnoticed?: string;
}

const primaryCases: PrimaryCase[] = [];
const isNotTheTruth: Pick<PrimaryCase, 'state' | 'reads' | 'writes'> = {
  state: ['refused'],
  reads: ['sqlite_cache'],
  writes: ['outbox'],
};
let swapped = '';
const swap: Pick<PrimaryCase, 'strike' | 'heal'> = {
  strike: async (scene, prepared) => {
    swapped = await scene.swapIn(prepared);
  },
  heal: async (scene) => void (await scene.swapIn(swapped)),
};
const schema = schemaName('test-project');
const copyOfDatabase = async (template: string): Promise<string> =>
  nameOf(await server.createDatabase(undefined, { template }));

for (const when of [before, inUse] as const) {
  primaryCases.push(
    {
      name: 'an empty database of the same name',
      when,
      prepare: async () => nameOf(await server.createDatabase()),
      ...swap,
      // Between two looks it may be "offline": nothing of it answers.
      state: ['refused', 'offline'],
      reads: ['sqlite_cache'],
      writes: ['outbox'],
      says: /does not have (the project|the tables)|one of its tables is missing/,
    },
    {
      name: 'an older dump of the whole database',
      when,
      prepare: ({ template }) => copyOfDatabase(template.databases?.older ?? ''),
      ...swap,
      ...isNotTheTruth,
      says: /it is older than what this folder has seen/,
    },
    {
      name: "another project's schema under this one's name",
      when,
      prepare: async ({ template }) => {
        const database = await copyOfDatabase(template.databases?.foreign ?? '');
        const connection = postgres(server.url(database), { max: 1, onnotice: () => undefined });
        await connection.unsafe(`alter schema ${schemaName('other-project')} rename to ${schema}`);
        await connection.end();
        return database;
      },
      ...swap,
      ...isNotTheTruth,
      says: /(this folder remembers another project|it holds another project)/,
    },
    {
      name: 'the schema dropped',
      when,
      strike: (scene) => scene.sql(`alter schema ${schema} rename to kept`),
      // Whatever was made in its place meanwhile would be in the way.
      heal: (scene) => scene.sql(`alter schema kept rename to ${schema}`),
      // Between two looks it may be "offline": nothing of it answers.
      state: ['refused', 'offline'],
      reads: ['sqlite_cache'],
      writes: ['outbox'],
      says: /does not have (the project|the tables)|one of its tables is missing/,
    },
    {
      name: 'the tables put back to an earlier state',
      when,
      strike: async (scene) => {
        await scene.sql(keepTables('now'));
        await scene.sql(`${putBack('now')}; delete from changes where seq > 5; update feed set seq = 5`);
      },
      heal: (scene) => scene.sql(putBack('now')),
      ...isNotTheTruth,
      says: /it is older than what this folder has seen/,
    },
    {
      name: 'a third of the items deleted with all that counts them',
      when,
      strike: async (scene) => {
        await scene.sql(keepTables('now'));
        await scene.sql(
          `${deleteItems}; update work_item_counts c set items = (select count(*) from work_items w
            where w.status = c.status and w.item_type = c.item_type)`,
        );
      },
      heal: (scene) => scene.sql(putBack('now')),
      ...isNotTheTruth,
      says: /it holds \d+ items where \d+ were seen/,
    },
    {
      name: 'a third of the items deleted by hand',
      when,
      unnoticed:
        'items are counted by a table of counts, which knows nothing of what is deleted past the tracker',
      strike: async (scene) => {
        await scene.sql(keepTables('now'));
        await scene.sql(deleteItems);
      },
      heal: (scene) => scene.sql(putBack('now')),
      ...isNotTheTruth,
      says: /it holds \d+ items where \d+ were seen/,
    },
    {
      name: 'default_transaction_read_only=on',
      when,
      strike: async (scene) => {
        await administer(
          `alter database "${nameOf(scene.direct ?? '')}" set default_transaction_read_only = on`,
        );
        await scene.cut();
      },
      heal: async (scene) => {
        await administer(
          `alter database "${nameOf(scene.direct ?? '')}" reset default_transaction_read_only`,
        );
        await scene.cut();
      },
      state: ['offline'],
      reads: ['sqlite_cache'],
      writes: ['outbox'],
      says: /it is read-only at the moment/,
      showsOnWriting: true,
    },
  );
}

const deleteItems = `set session_replication_role = replica;
  delete from work_items where title ~ 'item (2|3|4|5|6)$'`;

/** Copies of all tables beside them. */
function keepTables(name: string): string {
  return `do $$ declare t text; begin
    create schema kept_${name};
    for t in select tablename from pg_tables where schemaname = '${schema}' loop
      execute format('create table kept_${name}.%I as table ${schema}.%I', t, t);
    end loop;
  end $$`;
}

function putBack(name: string): string {
  return `set session_replication_role = replica; do $$ declare t text; begin
    for t in select tablename from pg_tables where schemaname = 'kept_${name}' loop
      execute format('delete from ${schema}.%I', t);
      execute format('insert into ${schema}.%I select * from kept_${name}.%I', t, t);
    end loop;
  end $$`;
}

async function noticed(scene: Scene, { state, unnoticed }: PrimaryCase): Promise<void> {
  const patience = unnoticed === undefined ? PATIENCE_MS : 3_000;
  await eventually('the tracker to notice', () => state.includes(scene.store.state), patience);
}

async function playPrimaryCase(scene: Scene, found: PrimaryCase): Promise<void> {
  const prepared = (await found.prepare?.(scene)) ?? '';
  if (found.when === inUse) {
    await scene.open();
    await settled(scene.tracker);
    expect(await scene.write('Made before')).toBe('postgres');
    await copiesAreFresh(scene.tracker);
    await found.strike(scene, prepared);
    if (found.showsOnWriting === true) await scene.write('Made to find out');
    await noticed(scene, found);
  } else {
    await found.strike(scene, prepared);
    await scene.open();
    await noticed(scene, found);
  }
  await expectReads(scene, found.reads);
  for (const title of ['Made in the damage', 'Made in the damage too']) {
    expect(found.writes).toContain(await scene.write(title));
  }
  const last = (await scene.query(scene.created.at(-1)?.id ?? '')).data as { version: number };
  expect(isProvisional(last.version)).toBe(true);
  // A cut connection is noticed first, and what is behind the address by the next look.
  await expect.poll(() => scene.said(), { timeout: PATIENCE_MS }).toMatch(found.says ?? /./);
  // Asked again and again, it stays away from what is not the truth.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(found.state).toContain(scene.store.state);
  const written = scene.created.filter(({ durability }) => durability !== 'postgres').length;
  const waiting = (found.when === before ? scene.template.waiting.length : 0) + written;
  expect(await scene.store.pending()).toHaveLength(waiting);
  await found.heal(scene, prepared);
  await converges(scene);
}

// ---------------------------------------------------------------------------------------------------------------

const templates = new Map<Kind, Template>();

describeUnless(postgresSkipReason(), 'damage', () => {
  beforeAll(async () => {
    server = attachPostgres(inject('postgresUrl'));
    for (const kind of ['postgres', 'embedded'] as const) templates.set(kind, await makeTemplate(kind));
  }, 120_000);
  afterAll(() => server.stop());

  const sceneOf = (kind: Kind): Promise<Scene> => sceneFrom(templates.get(kind) as Template);

  describe.each(['before the start', 'in use'] as const)('of files %s', (when) => {
    const cases = fileCases
      .filter((found) => found.when === when)
      .map((found) => ({
        ...found,
        name: `${found.on}: ${found.file} ${IN_WORDS[found.damage]}${found.primary === 'there' ? ', the primary there' : ''}`,
      }));
    it.each(cases)('is survived: $name', async (found) => {
      await playFileCase(await sceneOf(found.on), found);
    });
  });

  describe.each(['before the start', 'in use'] as const)('of the database %s', (when) => {
    const cases = primaryCases.filter((found) => found.when === when);
    it.each(cases.filter(({ unnoticed }) => unnoticed === undefined))('is survived: $name', async (found) => {
      await playPrimaryCase(await sceneOf('postgres'), found);
    });
    // They fail, and pass for that: whoever mends it takes the mark away.
    it.fails.each(cases.filter(({ unnoticed }) => unnoticed !== undefined))(
      'is not noticed yet: $name ($unnoticed)',
      async (found) => {
        await playPrimaryCase(await sceneOf('postgres'), found);
      },
    );
  });

  it('of one table degrades only what is read from it', async () => {
    const scene = await sceneOf('postgres');
    await scene.open();
    await settled(scene.tracker);
    await copiesAreFresh(scene.tracker);
    await scene.sql('alter table deployments rename to deployments_away');
    const list = await scene.list();
    expect(list).toMatchObject({ source: 'postgres', warnings: [] });
    const report = await readStatus(scene.tracker.context);
    expect(report).toMatchObject({ source: 'postgres', warnings: [{ code: 'partial' }] });
    expect(report.warnings[0]?.message).toMatch(/list deployments.* is from sqlite_cache/);
    expect(report.data.deployments).toHaveLength(1);
    expect(report.data.items_total).toBeGreaterThan(10);
    expect(await scene.write('Made beside the hole')).toBe('postgres');
    const deployed = await scene.tracker.deployAnswer();
    expect(deployed).toMatchObject({ durability: 'outbox' });
    expect(deployed.warnings.map(({ message }) => message).join('\n')).toMatch(
      /one of its tables is missing/,
    );
    await scene.said();
    await scene.sql('alter table deployments_away rename to deployments');
    await eventually('the deployment to arrive', async () => {
      const found = await scene.inPrimary(tablesOf);
      return found.deployments.length === 2;
    });
  });

  it('of one repository: two trackers in its folders keep their waiting writes apart', async () => {
    const scene = await sceneOf('postgres');
    await moveWaiting(scene, scene.template.waiting, 'git');
    const projectDir = path.join(scene.place.projectDir, 'second');
    mkdirSync(projectDir);
    const place = { ...inFolder(projectDir, undefined), slug: { value: 'second', explicit: true } };
    await withTracker({ ...place, clock: impatientClock }, async (second) => {
      await settled(second);
      expect(await second.titles()).toEqual([]);
      expect(await second.context.store.pending()).toEqual([]);
    });
    await scene.open();
    await converges(scene);
  });
});
