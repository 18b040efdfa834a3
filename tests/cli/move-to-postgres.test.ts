// An embedded tracker moved to PostgreSQL by the program, interrupted, disturbed, and compared row by row.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import postgres, { type Sql } from 'postgres';
import { beforeAll, describe, expect, it } from 'vitest';
import { fill } from '../../bench/fill.ts';
import { newChangeId } from '../../src/domain/ids.ts';
import { packageRoot } from '../../src/platform/package-root.ts';
import { readMemory } from '../../src/storage/opening/open-primary.ts';
import { openStore } from '../../src/storage/opening/open-store.ts';
import { moveToPostgres, type MoveStep } from '../../src/storage/move/move-to-postgres.ts';
import { openPostgres } from '../../src/storage/primary/postgres.ts';
import { openSqlite } from '../../src/storage/primary/sqlite.ts';
import { TABLE_NAMES } from '../../src/storage/database/table-copy.ts';
import { CONNECT_TIMEOUT_MS_DEFAULT } from '../../src/storage/primary/postgres-timeouts.ts';
import { freshDatabase, inFolder } from '../storage/backends.ts';
import { allRows } from '../storage/tiers/filled-session.ts';
import { Tracker } from '../storage/tracker.ts';
import { startProgram } from '../support/child-program.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeWithPostgres } from '../support/describe-with.ts';
import { isLong, randomFor } from '../torture/scale.ts';
import { type CommandResult, runCli } from '../support/program.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ITEMS = 700;
const SCHEMA = 'worktrail_shop';
const STAGING = `${SCHEMA}.new`;
/** For a look from outside, on a machine that is busy. */
const PATIENCE_MS = 60_000;
const CONFLICT = '01890000-0000-7000-8000-000000000000';

interface Filled {
  project: string;
  file: string;
  itemId: string;
}

/** A folder with an embedded tracker that has rows in every table. */
async function fillFolder(): Promise<Filled> {
  const project = await temporaryProject({ git: true });
  const place = { ...inFolder(project, undefined), slug: { value: 'shop', explicit: false } };
  const file = path.join(place.dataDir, 'worktrail.db');
  await (await openStore(place)).close();
  const { session } = await openSqlite({ file });
  const { items } = await fill(session, ITEMS);
  await session.write(async (c) => {
    await c.db.insert(c.tables.conflicts).values({
      id: CONFLICT,
      version: 1,
      kind: 'conflict',
      entity: 'work_item',
      entity_id: items[3]?.id ?? '',
      device: '99999999-0000-4000-8000-000000000000',
      actor: 'ada',
      client: 'cli',
      made_at: '2026-01-01T00:00:00.000Z',
      found_at: '2026-01-01T00:00:01.000Z',
      reason: 'others changed the title meanwhile',
      changes: [{ kind: 'update', patch: { title: 'Mine' } }] as never,
      details: { overlap: ['title'], yours: [{ field: 'title', from: 'a', to: 'Mine' }] },
    });
    await c.db
      .insert(c.tables.openConflicts)
      .values({ record_id: items[3]?.id ?? '', conflict_id: CONFLICT });
  });
  await session.close();
  const store = await openStore(place);
  const tracker = new Tracker(store, place);
  const top = await tracker.create({ title: 'Top', labels: ['ü', '🚀', 'b', '～'], idempotency_key: 'once' });
  const moved = await tracker.create({
    title: 'Zoë’s "task" 🚀',
    metadata: { deep: { b: [1.5, null], a: 1e21 } },
  });
  await tracker.create({ title: 'Below', parent_id: moved.id });
  await tracker.update(moved, { parent_id: top.id });
  const gone = await tracker.create({ title: 'Gone' });
  await tracker.link(top, 'blocks', gone);
  await tracker.update(gone, { deleted_at: '2026-02-01T00:00:00.000Z' });
  await tracker.deploy({ affected_vendors: ['vendor_01'], related_work_item_ids: [moved.id] });
  const { version } = await tracker.configuration();
  await tracker.configure(version, { default_token_budget: 5000 });
  await tracker.claim({ id: top.id });
  await tracker.note(moved, 'Said of it\n🚀');
  const first = await tracker.enhance({ title: 'First' });
  await tracker.enhance({ title: 'Then', depends_on: [first.id] });
  await store.close();
  return { project, file, itemId: moved.id };
}

async function rowsOfFile(file: string) {
  const { session } = await openSqlite({ file });
  const rows = await allRows(session);
  await session.close();
  return rows;
}

async function rowsOfSchema(url: string, schema = SCHEMA) {
  const { session } = await openPostgres({ url, schema, timeouts: { queryMs: PATIENCE_MS } });
  const rows = await allRows(session);
  await session.close();
  return rows;
}

/** Every row as the file itself holds it, unknown to the program's own mapping. */
function rawRows(file: string): unknown {
  const database = new Database(file, { readonly: true });
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' order by name")
    .pluck()
    .all() as string[];
  const rows = tables.map((name) => [name, database.prepare(`select * from "${name}" order by 1, 2`).all()]);
  database.close();
  return rows;
}

/** In the short form the seed chooses three of the moments. */
const KILLED = chosen([
  ['when it begins', /./],
  ['among the first tables', /copied feed/],
  ['among the items', /copied work_items: 500/],
  ['among the changes', /copied changes: 500/],
  ['while it compares', /compared work_items/],
  ['at the end of comparing', /compared applied_changes/],
  ['after the switch', /is on PostgreSQL/],
] satisfies [string, RegExp][]);

function chosen<T>(moments: T[]): T[] {
  const random = randomFor('moments of a move');
  while (!isLong && moments.length > 3) moments.splice(random.int(moments.length), 1);
  return moments;
}

describeWithPostgres('moving an embedded tracker to PostgreSQL', (server) => {
  let filled: Filled;
  beforeAll(async () => void (filled = await fillFolder()));
  /** A copy of it. */
  const filledFolder = async (): Promise<Filled> => {
    const project = await temporaryProject();
    await cp(filled.project, project, { recursive: true });
    return { ...filled, project, file: path.join(project, path.relative(filled.project, filled.file)) };
  };
  const sqlOn = (url: string): Sql => {
    const client = postgres(url, { max: 1, onnotice: () => undefined });
    cleanUpLater(() => client.end({ timeout: 0 }));
    return client;
  };
  const schemasOn = async (url: string): Promise<string[]> => {
    const rows = await sqlOn(url)`
      select schema_name as name from information_schema.schemata where schema_name like 'worktrail%' order by 1`;
    return rows.map(({ name }) => String(name));
  };
  /** In this process, where nothing else opens the file and the end need not be waited for. */
  const move = (project: string, url: string, onProgress?: (step: MoveStep) => void) =>
    moveToPostgres({
      projectDir: project,
      dataDir: path.join(project, '.worktrail'),
      slug: { value: 'shop', explicit: false },
      url,
      openersPatienceMs: 0,
      ...(onProgress !== undefined && { onProgress }),
    });
  const storeOf = (project: string) => readMemory(path.join(project, '.worktrail'))?.store;
  const worktrail = (project: string, args: string[], url?: string): Promise<CommandResult> =>
    runCli(args, { project, env: url === undefined ? {} : { DATABASE_URL: url } });

  /** What has a title of this beginning in PostgreSQL, once nothing waits in the folder any more. */
  const titlesOn = async (project: string, url: string, beginning: string): Promise<string[]> => {
    const store = await openStore({ ...inFolder(project, url), slug: { value: 'shop', explicit: false } });
    await store.settle(20_000);
    expect(await store.pending()).toEqual([]);
    await store.close();
    const titles = (await rowsOfSchema(url)).workItems?.map(({ title }) => String(title)) ?? [];
    return titles.filter((title) => title.startsWith(beginning));
  };

  // Each of these two ends with half a minute in which nothing happens.
  it.concurrent('brings every row, says so, and leaves the file', async () => {
    const { project, file, itemId } = await filledFolder();
    const url = new URL(await server.createDatabase());
    url.password = 's3cret';
    const before = await rowsOfFile(file);
    for (const name of TABLE_NAMES) expect(before[name]?.length, name).toBeGreaterThan(0);
    const raw = rawRows(file);
    const history = await worktrail(project, ['history', itemId, '--json']);

    const { code, stdout, stderr } = await worktrail(project, ['migrate', '--to-postgres', url.href]);
    expect(code, stderr).toBe(0);
    expect(stdout + stderr).not.toContain('s3cret');
    expect(stdout).toContain(`is no longer used: ${file}`);
    expect(stdout).toContain('DATABASE_URL');
    const [source, target] = [...stdout.matchAll(/SHA-256 .*: +([0-9a-f]{64})$/gm)].map(([, hash]) => hash);
    expect(source).toBeDefined();
    expect(target).toBe(source);
    expect(stderr).toMatch(/compared work_items: 704 rows/);

    expect(await rowsOfSchema(url.href)).toEqual(before);
    expect(await schemasOn(url.href)).toEqual([SCHEMA]);
    expect(rawRows(file)).toEqual(raw);
    expect(storeOf(project)).toBe('postgres');

    const without = await worktrail(project, ['list', '--json']);
    expect(JSON.parse(without.stdout)).toMatchObject({
      warnings: [{ code: 'primary_refused', message: expect.stringContaining('is on PostgreSQL') as string }],
    });
    // Not in the file, where nobody would look: it waits for the address to be set.
    const kept = await worktrail(project, ['create', 'Without the address', '--json']);
    expect(JSON.parse(kept.stdout)).toMatchObject({ durability: 'outbox' });
    expect(rawRows(file)).toEqual(raw);
    const after = await worktrail(project, ['history', itemId, '--json'], url.href);
    // The write above may be there by now, or still wait; what the item has gone through is the same.
    const items = (command: { stdout: string }) => (JSON.parse(command.stdout) as { items: unknown[] }).items;
    expect(items(after)).toEqual(items(history));
    expect((await worktrail(project, ['conflicts'], url.href)).stdout).toContain('mine:   Mine');

    const created = await worktrail(project, ['create', 'Once', '--key', 'once'], url.href);
    expect(created.code, created.stderr).not.toBe(0);
    const again = await worktrail(project, ['create', 'After the move'], url.href);
    expect(again.code, again.stderr).toBe(0);
    const second = await worktrail(project, ['migrate', '--to-postgres', url.href, '--json']);
    expect(second.code, second.stderr).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ outcome: 'already', old_file: file, tables: [] });
    expect(await titlesOn(project, url.href, 'Without')).toEqual(['Without the address']);
    expect(rawRows(file)).toEqual(raw);
  });

  it.concurrent(
    'loses nothing that another program writes during the move',
    async () => {
      const { project, file } = await filledFolder();
      const url = await server.createDatabase();
      const acknowledged: string[] = [];
      const writers: Promise<void>[] = [];
      const begin = (number: number) => {
        const title = `From beside ${number}`;
        writers.push(
          worktrail(project, ['create', title, '--json']).then(({ code }) => {
            if (code === 0) acknowledged.push(title);
          }),
        );
      };
      const running = startProgram(['migrate', '--to-postgres', url, '--project', project], { cwd: project });
      running.child.stdout.resume();
      let seen = 0;
      running.child.stderr.on('data', () => {
        seen += 1;
        if (seen % 6 === 1) begin(seen);
      });
      expect((await running.exited).code, running.stderr()).toBe(0);
      await Promise.all(writers);
      expect(writers.length).toBeGreaterThan(1);
      expect(storeOf(project)).toBe('postgres');
      const arrived = await titlesOn(project, url, 'From beside');
      expect(arrived.sort()).toEqual(acknowledged.sort());
      const inFile = (await rowsOfFile(file)).workItems?.map(({ title }) => String(title)) ?? [];
      expect(inFile.filter((title) => title.startsWith('From beside'))).toEqual([]);
    },
    180_000,
  );

  describe('killed on the way', () => {
    it.each(KILLED)('%s, it is completed by the next run', async (_name, moment) => {
      const { project, file } = await filledFolder();
      const url = await server.createDatabase();
      const before = await rowsOfFile(file);
      const running = startProgram(['migrate', '--to-postgres', url, '--project', project], { cwd: project });
      running.child.stdout.resume();
      running.child.stderr.on('data', (text: Buffer | string) => {
        if (moment.test(String(text))) running.kill();
      });
      const exit = await running.exited;
      expect(exit.signal, running.stderr()).toBe('SIGKILL');
      const switched = storeOf(project) === 'postgres';
      expect(switched).toBe(/is on PostgreSQL/.test(running.stderr()));
      if (!switched) {
        // Nobody can take a copy that is not complete for the tracker, and here all goes on as before.
        const list = await worktrail(project, ['list', '--json']);
        expect(JSON.parse(list.stdout)).toMatchObject({ data_source: 'sqlite', total_count: 703 });
      }
      const report = await move(project, url);
      expect(report.outcome).toBe(switched ? 'already' : 'moved');
      expect(await rowsOfSchema(url)).toEqual(before);
      expect(await schemasOn(url)).toEqual([SCHEMA]);
      expect(storeOf(project)).toBe('postgres');
    });

    it('and used meanwhile, it brings what was changed too', async () => {
      const { project, file, itemId } = await filledFolder();
      const url = await server.createDatabase();
      await expect(move(project, url, stopAt('copied', 'changes'))).rejects.toThrow('stopped');
      const changed = await worktrail(project, ['update', itemId, '--title', 'Changed meanwhile']);
      expect(changed.code, changed.stderr).toBe(0);
      expect((await move(project, url)).outcome).toBe('moved');
      const rows = await rowsOfSchema(url);
      expect(rows).toEqual(await rowsOfFile(file));
      expect(rows.workItems?.map(({ title }) => title)).toContain('Changed meanwhile');
    });

    it('goes on where it was', async () => {
      const { project } = await filledFolder();
      const url = await server.createDatabase();
      await expect(move(project, url, stopAt('copied', 'changes'))).rejects.toThrow('stopped');
      const { tables } = await move(project, url);
      const copied = Object.fromEntries(tables.map((one) => [one.table, one.copied]));
      expect(copied).toMatchObject({ work_items: 0, feed: 0 });
      expect(copied['changes']).toBeGreaterThan(0);
      expect(copied['changes']).toBeLessThan(tables.find(({ table }) => table === 'changes')?.rows ?? 0);
    });
  });

  it.each([
    ['altered', 'work_items', `update "${STAGING}".work_items set title = 'Tampered' where depth = 2`],
    [
      'added',
      'work_item_labels',
      `insert into "${STAGING}".work_item_labels select id, 'zzz' from "${STAGING}".work_items`,
    ],
    ['lost', 'applied_changes', `delete from "${STAGING}".applied_changes`],
  ])('refuses to switch when a row was %s between copying and comparing', async (_how, table, statement) => {
    const { project, file } = await filledFolder();
    const url = await server.createDatabase();
    const raw = rawRows(file);
    const tamper = (step: MoveStep): void => {
      if (step.step === 'compared' && step.table === 'meta') runSql(url, statement);
    };
    await expect(move(project, url, tamper)).rejects.toMatchObject({
      code: 'DatabaseError',
      message: expect.stringContaining(`a row of ${table} is not the same there as here`) as string,
    });
    expect(storeOf(project)).toBe('sqlite');
    expect(rawRows(file)).toEqual(raw);
    expect(await schemasOn(url)).toEqual([STAGING]);
    expect((await worktrail(project, ['create', 'Goes on'])).code).toBe(0);
  });

  it('is done over a line on which a connection takes longer than everyday calls allow', async () => {
    const project = await temporaryProject({ git: true });
    const place = { ...inFolder(project, undefined), slug: { value: 'shop', explicit: false } };
    await (await openStore(place)).close();
    const proxy = await startProxy(await freshDatabase());
    cleanUpLater(() => proxy.stop());
    const slow = { slow: { delayMs: CONNECT_TIMEOUT_MS_DEFAULT / 6 } };
    let compared = 0;
    await move(project, proxy.url, ({ step }) => {
      if (step === 'compared' && (compared += 1) === TABLE_NAMES.length) void proxy.setMode(slow);
    });
    expect(compared).toBe(TABLE_NAMES.length);
    expect(storeOf(project)).toBe('postgres');
  });

  it('does not repair a copy that somebody altered', async () => {
    const { project } = await filledFolder();
    const url = await server.createDatabase();
    await expect(move(project, url, stopAt('compared', 'meta'))).rejects.toThrow('stopped');
    await sqlOn(url).unsafe(`update "${STAGING}".vendors set name = 'Tampered' where name = 'vendor_03'`);
    const { code, stderr } = await worktrail(project, ['migrate', '--to-postgres', url]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/a row of vendors is not the same there as here .*The tracker was not moved\./s);
    expect(storeOf(project)).toBe('sqlite');
  });

  it('refuses a copy that has gone on by itself, and another project of the name', async () => {
    const [first, second] = [await filledFolder(), await fillFolder()];
    const url = await server.createDatabase();
    await move(first.project, url);
    const memory = path.join(first.project, '.worktrail', 'project.json');
    const remembered = JSON.parse(readFileSync(memory, 'utf8')) as Record<string, unknown>;
    // As if the end of the move had been lost, and somebody else had begun to use PostgreSQL.
    await writeFile(memory, JSON.stringify({ ...remembered, store: 'sqlite' }));
    const clone = await temporaryProject();
    await cp(path.join(first.project, '.git'), path.join(clone, '.git'), { recursive: true });
    const place = { ...inFolder(clone, url), slug: { value: 'shop', explicit: false } };
    const store = await openStore(place);
    await new Tracker(store, place).create({ title: 'On PostgreSQL' });
    await store.close();
    await expect(move(first.project, url)).rejects.toThrow(/has gone on: it stands at change \d+/);
    await worktrail(first.project, ['create', 'Here 1']);
    await worktrail(first.project, ['create', 'Here 2']);
    await expect(move(first.project, url)).rejects.toThrow(/with changes that are not made here/);
    await expect(move(second.project, url)).rejects.toThrow(
      /the name "shop" is taken there.*another project/,
    );
    expect(storeOf(second.project)).toBe('sqlite');
  });

  it('refuses while another program has the tracker open, and loses nothing of it', async () => {
    const { project } = await filledFolder();
    const url = await server.createDatabase();
    const place = { ...inFolder(project, undefined), slug: { value: 'shop', explicit: false } };
    const store = await openStore(place);
    const refusal = move(project, url);
    await new Tracker(store, place).create({ title: 'Written meanwhile' });
    await expect(refusal).rejects.toThrow(/another program has .*worktrail\.db open/);
    await store.close();
    await move(project, url);
    expect((await rowsOfSchema(url)).workItems?.map(({ title }) => title)).toContain('Written meanwhile');
  });

  it('refuses while writes wait, and an address that is none', async () => {
    const { project } = await filledFolder();
    const wrong = await worktrail(project, [
      'migrate',
      '--to-postgres',
      'mysql://ada:s3cret@host/x',
      '--json',
    ]);
    expect(wrong.code).toBe(2);
    expect(wrong.stdout).not.toContain('s3cret');
    const away = await worktrail(project, [
      'migrate',
      '--to-postgres',
      'postgres://ada:s3cret@127.0.0.1:1/x',
    ]);
    expect(away.code).toBe(3);
    expect(away.stderr).toContain('nothing accepts connections');
    expect(away.stderr).not.toContain('s3cret');

    const { openOutbox } = await import('../../src/storage/journals/outbox.ts');
    const { creation } = await import('../storage/changes.ts');
    const outbox = openOutbox(path.join(project, '.worktrail', 'outbox.db'));
    const id = newChangeId();
    const change = {
      ...creation({ entity_id: '11111111-0000-4000-8000-000000000000' }),
      id,
      schema_version: 99,
    };
    const device = readFileSync(path.join(project, '.worktrail', 'device'), 'utf8').trim();
    await outbox.append({ id, lamport: Date.now(), device, at: new Date().toISOString(), changes: [change] });
    await outbox.close();
    const url = await server.createDatabase();
    await expect(move(project, url)).rejects.toThrow(/1 of the writes made here could not be applied yet/);
    expect(storeOf(project)).toBe('sqlite');
    expect(await schemasOn(url)).toEqual([]);
  });
});

/** A statement of somebody else, at this very moment. */
function runSql(url: string, statement: string): void {
  const program = `import postgres from 'postgres'; const sql = postgres(process.argv[1], { max: 1 }); await sql.unsafe(process.argv[2]); await sql.end();`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program, url, statement],
    {
      cwd: packageRoot(),
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(stderr);
}

/** Ends a move in the middle, as a failure of any kind would. */
function stopAt(step: 'copied' | 'compared', table: string) {
  return (at: MoveStep): void => {
    if (at.step === step && at.table === table) throw new Error('stopped');
  };
}
