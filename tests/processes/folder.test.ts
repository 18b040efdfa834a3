// The project's folder as several servers and git see it, and folders in which nothing can be kept.
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { SQLITE_FILE } from '../../src/storage/opening/open-primary.ts';
import { defaultProgram, startProgram } from '../support/child-program.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { JsonRpcProcess } from '../support/json-rpc-process.ts';
import { git, temporaryProject } from '../support/program.ts';
import { describeEachDatabase, newSqlitePlace, type Place } from './place.ts';
import { Server, type Failure } from './server.ts';
import { isProvisional } from '../../src/domain/provisional-version.ts';

const UNPRIVILEGED = fileURLToPath(new URL('fixtures/unprivileged.cjs', import.meta.url));
const NOBODY = 65_534;
/** Longer than SQLite waits by itself. */
const HELD_MS = 200;

describeEachDatabase('a project folder', (newPlace, source) => {
  it('is shared by two servers at once, each of which sees what the other wrote', async () => {
    const place = await newPlace();
    const [one, other] = [await Server.start(place), await Server.start(place)];
    const id = await one.create({ title: 'made by one' });
    expect(await other.answer('query_work_item', { id })).toMatchObject({ title: 'made by one', version: 1 });
    await other.answer('update_work_item', { id, version: 1, title: 'changed by the other' });
    expect((await one.failure('update_work_item', { id, version: 1, title: 'too late' })).error).toBe(
      'VersionConflictError',
    );
    expect(await one.answer('list_work_items', { text: 'changed' })).toMatchObject({ total_count: 1 });
    const below = await one.create({ title: 'below it', parent_id: id });

    await Promise.all([one, other].map((server) => server.rpc.program.stop()));
    const status = await readFile(path.join(place.project, '.project_status.md'), 'utf8');
    expect(status).toContain('changed by the other');
    expect(status).toContain(below);
  });

  it('keeps the local files out of git', async () => {
    const place = await newPlace({ git: true });
    const server = await Server.start(place);
    await server.create();
    expect(await readFile(path.join(place.store.dataDir, '.gitignore'), 'utf8')).toMatch(/^\*$/m);
    expect(await git(place.project, 'status', '--porcelain', '--untracked-files=all')).not.toContain(
      '.worktrail/',
    );
    expect(existsSync(path.join(place.store.dataDir, SQLITE_FILE))).toBe(source === 'sqlite');
  });

  it('is the main one for every linked work tree of its repository', async () => {
    const place = await newPlace({ git: true });
    const linked = path.join(await temporaryProject(), 'linked');
    await git(place.project, 'worktree', 'add', '--quiet', linked);
    const main = await Server.start(place);
    const id = await main.create({ title: 'from the main work tree' });

    const elsewhere = new Server(new JsonRpcProcess(startProgram(['serve', ...place.args], { cwd: linked })));
    await elsewhere.rpc.initialize();
    expect(await elsewhere.answer('query_work_item', { id })).toMatchObject({
      title: 'from the main work tree',
    });
    await elsewhere.answer('update_work_item', { id, version: 1, title: 'from a linked one' });
    expect(await main.answer('query_work_item', { id })).toMatchObject({
      title: 'from a linked one',
      version: 2,
    });
    await elsewhere.rpc.program.stop();
    expect((await readdir(linked)).sort()).toEqual(['.git', 'README.md']);
  });

  it('with a file in the place of the local files is told of, and served once that is gone', async () => {
    const place = await newPlace();
    await writeFile(place.store.dataDir, 'not a folder');
    const server = await Server.start(place);
    expectClear(await server.failure('list_work_items'), place);
    expectClear(await server.failure('create_work_item', { item_type: 'task', title: 'refused' }), place);
    await rm(place.store.dataDir);
    await server.create({ title: 'accepted' });
    expect(await server.answer('list_work_items')).toMatchObject({ total_count: 1 });
  });

  it('that is read-only is told of, and served once that is over', async () => {
    const place = await unprivilegedPlace(newPlace);
    await mkdir(place.store.dataDir);
    await writeFile(path.join(place.store.dataDir, '.gitignore'), '*\n');
    await chmod(place.store.dataDir, 0o555);
    const server = await startUnprivileged(place);
    expectClear(await server.failure('list_work_items'), place);
    await chmod(place.store.dataDir, 0o755);
    await giveAway(place.store.dataDir);
    await server.create({ title: 'accepted' });
    expect(await server.answer('list_work_items')).toMatchObject({ total_count: 1 });
  });

  it('that became read-only refuses only what would have to be written there', async () => {
    const place = await unprivilegedPlace(newPlace);
    await leaveItem(place);
    await chmod(place.store.dataDir, 0o555);
    const server = await startUnprivileged(place);
    if (source === 'sqlite') {
      const refused = await server.failure('create_work_item', { item_type: 'task', title: 'refused' });
      expect(refused.error).toBe('NotSavedError');
      expect(refused.details).toMatchObject({
        operation: { patch: { title: 'refused' } },
        layers: [{ layer: 'primary' }, { layer: 'outbox' }, { layer: 'git' }, { layer: 'markdown' }],
      });
      expect(JSON.stringify(refused)).not.toMatch(/SQLITE|EACCES|EROFS/);
      await chmod(place.store.dataDir, 0o755);
    }
    await server.create({ title: 'accepted' });
    expect(await server.answer('list_work_items')).toMatchObject({ total_count: 2 });
  });
});

describe('an SQLite file', () => {
  it('that another process has for itself for a while is waited for', async () => {
    const place = await newSqlitePlace();
    const before = await Server.start(place);
    await before.create();
    await before.rpc.program.stop();
    const release = takeAlone(path.join(place.store.dataDir, SQLITE_FILE));
    const server = await Server.start(place);
    const calls = [server.create(), server.answer('list_work_items')];
    await Promise.race([sleep(HELD_MS), ...calls]);
    release();
    await Promise.all(calls);
    expect(await server.answer('list_work_items')).toMatchObject({ total_count: 2 });
  });

  it('that may not be written is still read, while writes wait beside it', async () => {
    const place = await unprivilegedPlace(newSqlitePlace);
    await leaveItem(place);
    await chmod(path.join(place.store.dataDir, SQLITE_FILE), 0o444);
    const server = await startUnprivileged(place);
    const kept = await server.answer('create_work_item', { item_type: 'task', title: 'kept' });
    expect(kept).toMatchObject({ durability: 'outbox' });
    expect(isProvisional(kept['version'] as number)).toBe(true);
    expect(JSON.stringify(kept['warnings'])).toContain('the file or its folder is read-only');
    expect(await server.answer('list_work_items')).toMatchObject({ total_count: 2, data_source: 'sqlite' });
    // SQLite gives the files beside the database its permissions.
    for (const name of await readdir(place.store.dataDir)) {
      if (name.startsWith(SQLITE_FILE)) await chmod(path.join(place.store.dataDir, name), 0o644);
    }
    const written = async () => JSON.stringify(await server.answer('list_work_items'));
    for (const until = Date.now() + 20_000; (await written()).includes('as_of'); await sleep(100)) {
      if (Date.now() > until) throw new Error('what waited was not written within 20 s');
    }
    expect(await server.answer('list_work_items')).toMatchObject({ total_count: 2 });
  });
});

/** As a process does that cleans up after a crash: not even readers get in. */
function takeAlone(file: string): () => void {
  const database = new Database(file);
  database.pragma('locking_mode = EXCLUSIVE');
  database.exec('begin exclusive; update feed set seq = seq; commit');
  const release = () => void database.close();
  cleanUpLater(release);
  return release;
}

function expectClear({ error, message, next, details }: Failure, place: Place): void {
  expect(error).toBe('DatabaseError');
  expect(message).toContain(place.store.dataDir);
  expect(details).toMatchObject({ layer: 'sqlite' });
  expect(next).toMatch(/[Cc]heck|doctor/);
  // What the drivers say is for the log.
  expect(JSON.stringify({ message, next })).not.toMatch(/SQLITE|EACCES|EEXIST|ENOTDIR/);
}

/** A project that belongs to a user whom permissions bind; its `.worktrail` is not made yet. */
async function unprivilegedPlace(newPlace: () => Promise<Place>): Promise<Place> {
  const place = await newPlace();
  // Removing the project needs it writable again.
  cleanUpLater(() => chmod(place.store.dataDir, 0o755));
  await giveAway(place.project);
  await giveAway(path.join(place.project, 'worktrail.config.json'));
  return place;
}

async function giveAway(name: string): Promise<void> {
  if (process.getuid?.() === 0) await chown(name, NOBODY, NOBODY);
}

async function leaveItem(place: Place): Promise<void> {
  const server = await startUnprivileged(place);
  await server.create({ title: 'from before' });
  await server.rpc.program.stop();
}

async function startUnprivileged(place: Place): Promise<Server> {
  return await Server.start(place, {
    program: ['--require', UNPRIVILEGED, ...defaultProgram()],
    // Another user than the one who met the project here, and git trusts them with none: their word counts.
    env: { WORKTRAIL_PROJECT_SLUG: place.store.slug.value },
  });
}
