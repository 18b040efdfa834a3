// A project as real servers share it, on a database that a test can take away, and SQL past them to see what is stored.
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import postgres from 'postgres';
import { expect } from 'vitest';
import { SQLITE_FILE, schemaName } from '../../src/storage/opening/open-primary.ts';
import { CACHE_FILE, OUTBOX_FILE } from '../../src/storage/opening/open-store.ts';
import type { Place, Row } from '../processes/place.ts';
import { Server, type ServerOptions } from '../processes/server.ts';
import { inFolder } from '../storage/backends.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';

/** How long a tracker may take to be whole again: probes pause for up to 15 s after a long outage. */
const HEALING_MAX_MS = 60_000;
const LOOK_PAUSE_MS = 60;
const SLUG = 'torture';
const CONFIG_FILE = 'worktrail.config.json';

export interface Scene extends Place {
  /** In front of the database; undefined for the embedded one and where none was asked for. */
  proxy: TcpProxy | undefined;
}

/** A project in a git repository. Its servers reach the database through a proxy, `rows` and `hold` directly. */
export async function newScene(
  databaseUrl: string | undefined,
  { behindProxy = databaseUrl !== undefined }: { behindProxy?: boolean } = {},
): Promise<Scene> {
  const project = await temporaryProject({ git: true });
  const config = JSON.stringify({ project: { slug: SLUG } });
  writeFileSync(path.join(project, CONFIG_FILE), config);
  const proxy = databaseUrl !== undefined && behindProxy ? await startProxy(databaseUrl) : undefined;
  if (proxy !== undefined) cleanUpLater(() => proxy.stop());
  const store = { ...inFolder(project, proxy?.url ?? databaseUrl), slug: { value: SLUG, explicit: true } };
  return {
    source: databaseUrl === undefined ? 'sqlite' : 'postgres',
    project,
    store,
    args: ['--toolsets', 'all', '--database', store.databaseUrl ?? 'embedded'],
    proxy,
    ...(databaseUrl === undefined
      ? fileAccess(path.join(store.dataDir, SQLITE_FILE))
      : serverAccess(databaseUrl)),
  };
}

export async function startServer(scene: Scene, options: ServerOptions = {}): Promise<Server> {
  return await Server.start(scene, options);
}

/** Waits until the local copy can stand in for the database. */
export async function untilCached(scene: Scene): Promise<void> {
  await until('the cache is filled', () => cachedAt(scene) != null);
}

/** The same of one item: the cache may have been filled before it came to be. */
export async function untilInCache({ store }: Scene, id: string): Promise<void> {
  const file = path.join(store.dataDir, CACHE_FILE);
  const count = `select count(*) from work_items where id = '${id}'`;
  await until('the cache has the item', () => oneValue(file, count) === 1);
}

/** When the cache was last known to equal the database; null before it was filled. */
export function cachedAt({ store }: Scene): unknown {
  const file = path.join(store.dataDir, CACHE_FILE);
  return existsSync(file) ? oneValue(file, 'select checked_at from copy_state') : null;
}

/** Another folder of the same project, on another machine so to say: nothing disturbs its way to the database. */
export async function rivalOf(scene: Scene, databaseUrl: string): Promise<Scene> {
  const project = await temporaryProject();
  await git(project, 'clone', '--quiet', scene.project, '.');
  cpSync(path.join(scene.project, CONFIG_FILE), path.join(project, CONFIG_FILE));
  return { ...scene, project, args: ['--toolsets', 'all', '--database', databaseUrl], proxy: undefined };
}

/**
 * Waits until every server answers from the database itself and nothing waits to be replayed. Conflicts are
 * settled on the way, half of them each way, because what comes after an open one waits for that.
 */
export async function untilWhole(servers: readonly Server[], chance: () => boolean): Promise<void> {
  const [first] = servers;
  if (first === undefined) throw new Error('no server to ask');
  await until('every server is online and nothing waits', async () => {
    const { items, pending_count } = (await first.answer('list_conflicts')) as {
      items: { id: string }[];
      pending_count: number;
    };
    for (const { id } of items) {
      await first.answer('resolve_conflict', { id, resolution: chance() ? 'keep_theirs' : 'reapply' });
    }
    if (items.length > 0 || pending_count > 0) return false;
    for (const server of servers) {
      const { data_source, warnings } = await server.answer('list_work_items', { limit: 1 });
      if (!isPrimary(data_source) || warnings !== undefined) return false;
    }
    return true;
  });
}

export function isPrimary(source: unknown): boolean {
  return source === 'postgres' || source === 'sqlite';
}

/**
 * @param check a failure of it, as of a file that is just being made, counts as no
 * @param pause between two looks
 */
export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  pause: () => Promise<unknown> = () => sleep(LOOK_PAUSE_MS),
): Promise<void> {
  for (const giveUpAt = Date.now() + HEALING_MAX_MS; ; await pause()) {
    let cause: unknown;
    try {
      if (await check()) return;
    } catch (error) {
      cause = error;
    }
    if (Date.now() < giveUpAt) continue;
    const why = cause === undefined ? '' : ` (${String(cause)})`;
    throw new Error(`waited ${HEALING_MAX_MS / 1000} s in vain until ${what}${why}`, { cause });
  }
}

/**
 * SQLite finds nothing wrong with any file of the folder, and the outbox holds nothing. Looks at copies, so that
 * it is the program and not the test that cleans up after a crash; no process may be writing meanwhile.
 */
export function expectSoundFiles({ store }: Scene, { isDrained }: { isDrained: boolean }): number {
  const copies = mkdtempSync(path.join(os.tmpdir(), 'worktrail-files-'));
  try {
    const names = readdirSync(store.dataDir).filter((name) => /\.db(-wal)?$/.test(name));
    for (const name of names) cpSync(path.join(store.dataDir, name), path.join(copies, name));
    const files = names.filter((name) => name.endsWith('.db'));
    expect(files.filter((name) => name.includes('damaged'))).toEqual([]);
    for (const name of files) {
      const database = new Database(path.join(copies, name));
      try {
        expect(database.pragma('integrity_check', { simple: true }), name).toBe('ok');
        expect(database.pragma('foreign_key_check'), name).toEqual([]);
        if (isDrained && name === OUTBOX_FILE)
          expect(database.prepare('select id from entries').all(), 'what waits in the outbox').toEqual([]);
      } finally {
        database.close();
      }
    }
    return files.length;
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

export function oneValue(file: string, statement: string): unknown {
  const database = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return database.prepare(statement).pluck().get();
  } finally {
    database.close();
  }
}

type Access = Pick<Place, 'rows' | 'hold'>;

function fileAccess(file: string): Access {
  const rows = (statement: string): Promise<Row[]> => {
    const database = new Database(file, { timeout: HEALING_MAX_MS });
    try {
      return Promise.resolve(database.prepare<[], Row>(statement).all());
    } finally {
      database.close();
    }
  };
  return { rows, hold: () => Promise.reject(new Error('only PostgreSQL is held')) };
}

function serverAccess(url: string): Access {
  const connect = () =>
    postgres(url, { max: 1, onnotice: () => undefined, connection: { search_path: schemaName(SLUG) } });
  return {
    rows: async (statement) => {
      const connection = connect();
      try {
        return [...(await connection.unsafe<Row[]>(statement))];
      } finally {
        await connection.end();
      }
    },
    hold: async (...statements) => {
      const connection = connect();
      await connection.unsafe('begin');
      for (const statement of statements) await connection.unsafe(statement);
      // The server may be gone by then.
      return () => connection.end({ timeout: 0 }).catch(() => undefined);
    },
  };
}
