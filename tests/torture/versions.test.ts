// An older and a newer program on the same files and database: the older one reads what it can, neither writes to what
// it does not know nor makes it anew, and says so; what it has to leave is done by the newer one.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { CHANGE_SCHEMA_VERSION, type Change } from '../../src/domain/change.ts';
import { newChangeId, newRecordId } from '../../src/domain/ids.ts';
import { CACHE_FILE, OUTBOX_FILE, openStore } from '../../src/storage/opening/open-store.ts';
import { openOutbox } from '../../src/storage/journals/outbox.ts';
import type { LayersReport } from '../../src/storage/contract/store.ts';
import { programWithMigration } from '../processes/installation.ts';
import type { Answer, Outcome } from '../processes/server.ts';
import { freshDatabase } from '../storage/backends.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { TIMEOUT_MS } from './scale.ts';
import {
  cachedAt,
  newScene,
  oneValue,
  startServer,
  until,
  untilCached,
  untilInCache,
  untilWhole,
  type Scene,
} from './scene.ts';

/** More than a write may fail before it is put aside. */
const PATIENCE_MS = 2_500;

describeUnless(postgresSkipReason(), 'an older program beside a newer one', () => {
  it(
    'reads a newer PostgreSQL, writes nothing there, and keeps what waits',
    { timeout: TIMEOUT_MS },
    async () => {
      const scene = await newScene(await freshDatabase());
      const newer = await programWithMigration('postgres', ['create table later (n integer)']);
      const first = await startServer(scene, { program: newer });
      const id = await first.create({ title: 'there before' });
      await untilInCache(scene, id);
      await first.rpc.program.stop();
      await appendAll(scene, [changeOf(id, { description: 'changed while away' })]);
      const before = await stateOf(scene);

      const older = await startServer(scene);
      const written: Outcome[] = [];
      const expectNothingDone = async () => {
        const view = await older.answer('query_work_item', { id });
        expect(view).toMatchObject({ id, title: 'there before' });
        const title = `by the older one, ${written.length}`;
        const outcome = await older.call('create_work_item', { item_type: 'task', title });
        written.push(outcome);
        expect(JSON.stringify(outcome)).toMatch(/newer Worktrail/);
        await until('it has had time to try', pause(PATIENCE_MS));
        expect(await stateOf(scene)).toEqual(before);
        // What it could not replay is no failure of the write.
        expect(oneValue(outboxOf(scene), 'select max(attempts) from entries')).toBe(0);
      };
      await expectNothingDone();
      await scene.proxy?.setMode('refuse');
      await older.answer('create_work_item', { item_type: 'task', title: 'while away' });
      await scene.proxy?.setMode('pass');
      await until('it has looked at the database again', async () => {
        const { answer } = await older.call('query_work_item', { id });
        return /newer Worktrail/.test(JSON.stringify(answer?.['warnings']));
      });
      await expectNothingDone();
      await older.rpc.program.stop();

      const server = await startServer(scene, { program: newer });
      await untilWhole([server], () => true);
      expect(await server.answer('query_work_item', { id })).toMatchObject({
        description: 'changed while away',
      });
      const titles = (await scene.rows('select title from work_items')).map(({ title }) => title);
      // What was acknowledged is there now, what was refused is not.
      const acknowledged = written.flatMap(({ answer }) => (answer === undefined ? [] : [answer['title']]));
      expect(titles.sort()).toEqual([...acknowledged, 'there before', 'while away'].sort());
    },
  );

  it('leaves a newer cache as it is and does without', { timeout: TIMEOUT_MS }, async () => {
    const scene = await newScene(await freshDatabase());
    const newer = await programWithMigration('sqlite', ['create table later (n integer)']);
    const first = await startServer(scene, { program: newer });
    const id = await first.create({ title: 'kept' });
    await untilCached(scene);
    await first.rpc.program.stop();
    const cache = path.join(scene.store.dataDir, CACHE_FILE);
    const contents = () => ({
      later: oneValue(cache, "select count(*) from sqlite_master where name = 'later'"),
      migrated: oneValue(cache, 'select max(created_at) from __drizzle_migrations'),
      checked_at: cachedAt(scene),
      files: readdirSync(scene.store.dataDir).filter(
        (name) => name.startsWith('cache') && name.includes('damaged'),
      ),
    });
    const before = contents();
    expect(before).toMatchObject({ later: 1, files: [] });

    const older = await startServer(scene);
    expect(await older.answer('query_work_item', { id })).toMatchObject({
      data_source: 'postgres',
      version: 1,
    });
    await older.answer('update_work_item', { id, version: 1, title: 'changed' });
    expect(problemOf(await layersOf(scene), 'the local cache')).toMatch(/newer Worktrail/);
    await scene.proxy?.setMode('refuse');
    const below = await older.answer('query_work_item', { id });
    expect(below['data_source']).toMatch(/^(git_history|markdown_file)$/);
    expect(codes(below)).toContain('primary_unavailable');
    const made = await older.answer('create_work_item', { item_type: 'task', title: 'made while away' });
    expect(made).toMatchObject({ durability: 'outbox' });
    expect(contents()).toEqual(before);
    await scene.proxy?.setMode('pass');
    await untilWhole([older], () => true);
    expect(contents()).toEqual(before);
    await older.rpc.program.stop();

    const server = await startServer(scene, { program: newer });
    await until(
      'the newer program goes on with its cache',
      () => contents().checked_at !== before.checked_at,
    );
    await scene.proxy?.setMode('refuse');
    const copy = await server.answer('query_work_item', { id: made['id'] });
    expect(copy).toMatchObject({ data_source: 'sqlite_cache', title: 'made while away' });
  });

  it('leaves a newer outbox as it is and saves in git', { timeout: TIMEOUT_MS }, async () => {
    const scene = await newScene(await freshDatabase());
    const { id } = await leaveWaiting(scene);
    const outbox = outboxOf(scene);
    const setVersion = (version: number) => {
      const database = new Database(outbox);
      database.pragma(`user_version = ${version}`);
      database.close();
    };
    setVersion(2);
    const files = () =>
      Object.fromEntries(
        readdirSync(scene.store.dataDir)
          .filter((name) => /^outbox.*(db|db-wal)$/.test(name))
          .map((name) => [
            name,
            createHash('sha256')
              .update(readFileSync(path.join(scene.store.dataDir, name)))
              .digest('hex'),
          ]),
      );
    const before = files();

    const older = await startServer(scene);
    const away = await older.answer('create_work_item', { item_type: 'task', title: 'made while away' });
    expect(away).toMatchObject({ durability: 'git' });
    expect(codes(away)).toContain('saved_locally');
    const { journals } = await layersOf(scene);
    expect(journals.find(({ name }) => name === 'outbox')?.problem).toMatch(/newer Worktrail/);
    await scene.proxy?.setMode('pass');
    await until(
      'the write in git has arrived',
      async () => (await scene.rows('select id from work_items')).length === 2,
    );
    await older.rpc.program.stop();
    expect(files()).toEqual(before);

    setVersion(1);
    const server = await startServer(scene);
    await untilWhole([server], () => true);
    expect(await server.answer('query_work_item', { id })).toMatchObject({ title: 'changed while away' });
    expect(await scene.rows('select id from work_items')).toHaveLength(2);
  });

  it(
    'holds a write that it does not know, and what needs it, until one comes that does',
    { timeout: TIMEOUT_MS },
    async () => {
      const scene = await newScene(await freshDatabase());
      const first = await startServer(scene);
      await first.create({ title: 'there before' });
      await first.rpc.program.stop();
      const unknown = creation('of a newer kind', { schema_version: CHANGE_SCHEMA_VERSION + 1 });
      const below = creation('below it', {}, unknown.entity_id);
      const other = creation('of its own', {});
      await appendAll(scene, [unknown, below, other]);

      const older = await startServer(scene);
      await until(
        'what can be applied is',
        async () => (await scene.rows('select id from work_items')).length === 2,
      );
      await until('the older program has had time to try', pause(PATIENCE_MS));
      const titles = async () =>
        (await scene.rows('select title from work_items order by title')).map(({ title }) => title);
      expect(await titles()).toEqual(['of its own', 'there before']);
      expect(await older.answer('list_conflicts')).toMatchObject({ total_count: 0, pending_count: 2 });
      // The database is in use all the same.
      expect(await older.create({ title: 'by the older one' })).toMatch(/^[0-9a-f-]{36}$/);
      await older.rpc.program.stop();
      expect((await layersOf(scene)).waiting).toMatchObject({ total: 2, parked: 0, newer_version: 1 });

      const newer = await startServer(scene, { program: await programThatKnows(CHANGE_SCHEMA_VERSION + 1) });
      await untilWhole([newer], () => true);
      expect(await titles()).toEqual([
        'below it',
        'by the older one',
        'of a newer kind',
        'of its own',
        'there before',
      ]);
      expect(waitingIn(scene)).toBe(0);
    },
  );
});

/** A project with one item and a write to it that waits; the network is down and no server runs. */
async function leaveWaiting(scene: Scene): Promise<{ id: string }> {
  const server = await startServer(scene);
  const id = await server.create({ title: 'there before' });
  await untilCached(scene);
  await scene.proxy?.setMode('refuse');
  const answer = await server.answer('update_work_item', { id, version: 1, title: 'changed while away' });
  expect(answer).toMatchObject({ durability: 'outbox' });
  await server.rpc.program.stop();
  return { id };
}

async function stateOf(scene: Scene): Promise<{ changes: number; items: unknown }> {
  const items = await scene.rows('select id, version, title from work_items order by id');
  return { changes: (await scene.rows('select seq from changes')).length, items };
}

/** How a program of this version sees the layers, as another process of the folder. */
async function layersOf(scene: Scene): Promise<LayersReport> {
  const store = await openStore(scene.store);
  try {
    return await store.layers();
  } finally {
    await store.close();
  }
}

function problemOf({ layers }: LayersReport, label: string): string | null | undefined {
  return layers.find((layer) => layer.label === label)?.problem;
}

function waitingIn(scene: Scene): number {
  return Number(oneValue(outboxOf(scene), 'select count(*) from entries'));
}

function outboxOf({ store }: Scene): string {
  return path.join(store.dataDir, OUTBOX_FILE);
}

function codes(answer: Answer): string[] {
  return ((answer['warnings'] ?? []) as { code: string }[]).map(({ code }) => code);
}

/** A creation as a journal holds it. */
function creation(title: string, fields: Partial<Change>, parent_id: string | null = null): Change {
  return {
    id: newChangeId(),
    at: new Date().toISOString(),
    actor: 'tester',
    client: 'tester/1',
    entity: 'work_item',
    entity_id: newRecordId(),
    kind: 'create',
    base_version: null,
    patch: {
      item_type: 'task',
      title,
      parent_id,
      status: 'active',
      priority: 3,
      description: null,
      labels: [],
      assignee: null,
      metadata: {},
      branch_name: null,
      commit_hash: null,
      pr_number: null,
    },
    on_conflict: 'reject',
    cascade: false,
    claim_token: null,
    idempotency_key: null,
    schema_version: CHANGE_SCHEMA_VERSION,
    ...fields,
  };
}

/** A change to an item of version 1 as a journal holds it. */
function changeOf(entity_id: string, patch: Change['patch']): Change {
  return creation('', { kind: 'update', entity_id, base_version: 1, patch });
}

async function appendAll(scene: Scene, changes: readonly Change[]): Promise<void> {
  const outbox = openOutbox(outboxOf(scene));
  const device = randomUUID();
  const now = Date.now();
  for (const [index, change] of changes.entries()) {
    const entry = { id: change.id, lamport: now + index, device, at: change.at, changes: [change] };
    await outbox.append(entry);
  }
  await outbox.close();
}

/** The program as it will be when changes have that version. */
async function programThatKnows(version: number): Promise<readonly string[]> {
  const program = await programWithMigration('postgres', ['select 1']);
  const dist = path.dirname(program[0] ?? '');
  // What V8 kept of the program would be taken for this one: both are equally long.
  rmSync(path.join(dist, 'code-cache'), { recursive: true, force: true });
  const file = path.join(dist, 'program.js');
  const text = readFileSync(file, 'utf8');
  // As new changes are made with it.
  const name = /idempotency_key\?\?null,schema_version:([\w$]+)/.exec(text)?.[1] ?? '';
  const places = text.split(`${name}=${CHANGE_SCHEMA_VERSION},`);
  if (name === '' || places.length !== 2)
    throw new Error('the version of changes was not found in the bundle');
  writeFileSync(file, places.join(`${name}=${version},`));
  return program;
}

/** False until `ms` have passed since the first call. */
function pause(ms: number): () => boolean {
  let until: number | undefined;
  return () => Date.now() > (until ??= Date.now() + ms);
}
