/** A filled store on each database, with the floor of its driver measured on the same data. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import type { Context } from '../src/use-cases/support/context.ts';
import { CACHE_FILE, openStore, type OpenOptions } from '../src/storage/opening/open-store.ts';
import { takeBackup } from '../src/storage/export/backup.ts';
import { UNRECORDED } from '../src/storage/operations/jobs.ts';
import { schemaName, SQLITE_FILE } from '../src/storage/opening/open-primary.ts';
import { openPostgres } from '../src/storage/primary/postgres.ts';
import { openSqlite } from '../src/storage/primary/sqlite.ts';
import { lookIntoCache } from '../src/storage/replicas/cache-position.ts';
import { fill, type Filled } from './fill.ts';
import { time } from './figures.ts';
import { newRecordId } from '../src/domain/ids.ts';
import type { Statement } from './plans.ts';
import type { Floor } from './tools.ts';

const RUNS = 500;

export interface BenchStore {
  context: Context;
  filled: Filled;
  floor: Floor;
  /** Every statement sent since the store was filled and copied, by its text, with the parameters it had last. */
  statements: Map<string, Statement>;
  explain(statement: Statement): Promise<string>;
  projectDir: string;
  close(): Promise<void>;
}

export async function openBenchStore(
  count: number,
  databaseUrl: string | undefined,
  options: Pick<OpenOptions, 'seen'> = {},
): Promise<BenchStore> {
  const projectDir = mkdtempSync(path.join(tmpdir(), 'worktrail-bench-'));
  const dataDir = path.join(projectDir, '.worktrail');
  const slug = { value: 'bench', explicit: true };
  // The servers that are spawned here must find the same project.
  writeFileSync(
    path.join(projectDir, 'worktrail.config.json'),
    JSON.stringify({ project: { slug: slug.value } }),
  );
  const place = { projectDir, dataDir, slug, databaseUrl };
  // The first opening makes the tables.
  await (await openStore(place)).close();
  const file = path.join(dataDir, SQLITE_FILE);
  const { session } =
    databaseUrl === undefined
      ? await openSqlite({ file })
      : await openPostgres({ url: databaseUrl, schema: schemaName(slug.value) });
  const filled = await fill(session, count);
  await session.close();
  const driver = databaseUrl === undefined ? sqliteDriver(file) : await postgresDriver(databaseUrl);
  const statements = new Map<string, Statement>();
  const store = await openStore({
    ...place,
    ...options,
    logQuery: (sql, parameters) => statements.set(sql, { sql, parameters }),
  });
  if (databaseUrl !== undefined) await untilCopied(path.join(dataDir, CACHE_FILE), count);
  // Filling the copy reads every table from end to end, once.
  statements.clear();
  const context: Context = {
    store,
    workspace: {
      ...{ projectDir, dataDir, workTree: projectDir, keepsStatusFile: false },
      device: newRecordId(),
      person: () => Promise.resolve('bench'),
      session: 'bench',
    },
    now: () => new Date(),
    onChange: () => undefined,
    jobs: UNRECORDED,
    backUp: (options) => takeBackup({ ...place, ...options }),
  };
  return {
    context,
    filled,
    statements,
    projectDir,
    floor: await driver.floor(filled),
    explain: driver.explain,
    close: async () => {
      await store.close();
      await driver.close();
    },
  };
}

/** Waits until the local copy has followed the primary up to this position of the feed. */
async function untilCopied(cacheFile: string, seq: number): Promise<void> {
  while ((lookIntoCache(cacheFile)?.identity.seq ?? 0) < seq) await sleep(100);
}

interface Driver {
  floor(filled: Filled): Promise<Floor>;
  explain(statement: Statement): Promise<string>;
  close(): Promise<void>;
}

function sqliteDriver(file: string): Driver {
  const database = new Database(file);
  database.pragma('synchronous = FULL');
  database.exec('analyze');
  const read = database.prepare('select * from work_items where id = ?');
  const update = database.prepare('update work_items set pr_number = ? where id = ? and version = 1');
  return {
    floor: async ({ items }) => ({
      read: await time(RUNS, (run) => Promise.resolve(read.get(items[(run * 13) % items.length]?.id))),
      update: await time(RUNS, (run) =>
        Promise.resolve(update.run(1 + (run % 9), items[(run * 13) % items.length]?.id)),
      ),
    }),
    explain: ({ sql, parameters }) =>
      Promise.resolve(
        database
          .prepare(`explain query plan ${sql}`)
          .all(...(parameters as never[]))
          .map((row) => (row as { detail: string }).detail)
          .join('\n'),
      ),
    close: () => Promise.resolve(void database.close()),
  };
}

async function postgresDriver(url: string): Promise<Driver> {
  const client = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => undefined,
    connection: { search_path: schemaName('bench'), TimeZone: 'UTC' },
  });
  await client.unsafe('vacuum analyze');
  await client.unsafe('checkpoint');
  return {
    floor: async ({ items }) => ({
      read: await time(
        RUNS,
        (run) => client`select * from work_items where id = ${items[(run * 13) % items.length]?.id ?? ''}`,
      ),
      update: await time(
        RUNS,
        (run) =>
          client`update work_items set pr_number = ${1 + (run % 9)} where id = ${items[(run * 13) % items.length]?.id ?? ''} and version = 1`,
      ),
    }),
    explain: async ({ sql, parameters }) => {
      // Writes are explained, not run.
      const rows = await client.unsafe<{ 'QUERY PLAN': string }[]>(`explain ${sql}`, parameters as never[]);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    },
    close: () => client.end({ timeout: 1 }),
  };
}
