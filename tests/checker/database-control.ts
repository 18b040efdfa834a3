// A PostgreSQL server of the checker's own and one database on it: what an administrator, a crash and a full disk can do
// to it. The program comes as a user who owns its database and nothing more.
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { startPostgres, type PostgresServer } from '../support/postgres.ts';
import { serverIdentity } from '../support/postgres-binaries.ts';
import { mountSmallDisk } from './small-disk.ts';
import { came } from './until.ts';

export const SCHEMA = 'worktrail_checker';
const CLERK = 'clerk';
const SILENT = { max: 1, onnotice: () => undefined, connect_timeout: 5, fetch_types: false };

export class DatabaseControl {
  private constructor(
    readonly server: PostgresServer,
    readonly name: string,
    readonly url: string,
    /** The disk that it has for itself, where it has one. */
    readonly disk: string | undefined,
  ) {}

  static async startServer(): Promise<PostgresServer> {
    const server = await startPostgres({ own: true });
    await once(server.url(), `create role ${CLERK} login`);
    return server;
  }

  /** With `size`, on a disk of its own. */
  static async create(server: PostgresServer, size?: string): Promise<DatabaseControl> {
    const name = `checker_${randomBytes(5).toString('hex')}`;
    const disk = size === undefined ? undefined : await smallTablespace(server, name, size);
    const place = disk === undefined ? '' : ` tablespace ${name}`;
    await once(server.url(), `create database ${name} owner ${CLERK}${place}`);
    const url = new URL(server.url(name));
    url.username = CLERK;
    return new DatabaseControl(server, name, url.href, disk);
  }

  async drop(): Promise<void> {
    for (const name of [this.name, this.#older, this.#lost])
      await once(this.server.url(), `drop database if exists ${name} with (force)`);
    if (this.disk !== undefined) await once(this.server.url(), `drop tablespace ${this.name}`);
  }

  /** Keeps the database as it is now. */
  async copyAside(): Promise<void> {
    await once(this.server.url(), `drop database if exists ${this.#older}`);
    await this.#alone([`create database ${this.#older} template ${this.name} owner ${CLERK}`]);
  }

  /** Puts what was kept in the place of the database; may be repeated. */
  async fallBack(): Promise<void> {
    const names = (await this.#select('select datname as found from pg_database')).map(String);
    if (!names.includes(this.#older)) return;
    const away = [
      `drop database if exists ${this.#lost} with (force)`,
      `alter database ${this.name} rename to ${this.#lost}`,
    ];
    await this.#alone([
      ...(names.includes(this.name) ? away : []),
      `alter database ${this.#older} rename to ${this.name}`,
    ]);
  }

  get #older(): string {
    return `${this.name}_older`;
  }

  get #lost(): string {
    return `${this.name}_lost`;
  }

  /** Runs statements while nobody is connected. */
  async #alone(statements: string[]): Promise<void> {
    await once(this.server.url(), `alter database ${this.name} allow_connections false`).catch(
      () => undefined,
    );
    try {
      await this.terminateClients();
      await came(async () => (await this.#clients()) === 0, 5_000);
      await once(this.server.url(), ...statements);
    } finally {
      for (const name of [this.name, this.#lost])
        await once(this.server.url(), `alter database ${name} allow_connections true`).catch(() => undefined);
    }
  }

  async #clients(): Promise<number> {
    const found = await this.#select(
      `select pid as found from pg_stat_activity where datname = '${this.name}'`,
    );
    return found.length;
  }

  /** The column `found` of an administrator's question. */
  async #select(statement: string): Promise<unknown[]> {
    const connection = postgres(this.server.url(), SILENT);
    try {
      return (await connection.unsafe<{ found: unknown }[]>(statement)).map(({ found }) => found);
    } finally {
      await connection.end();
    }
  }

  /** Runs statements as the administrator, in the tracker's schema. */
  async run(...statements: string[]): Promise<void> {
    await once(this.server.url(this.name), ...statements);
  }

  async rows(statement: string): Promise<Record<string, unknown>[]> {
    const connection = postgres(this.server.url(this.name), {
      ...SILENT,
      connection: { search_path: SCHEMA },
    });
    try {
      return [...(await connection.unsafe(statement))];
    } finally {
      await connection.end();
    }
  }

  /** Runs statements in a transaction that keeps its locks until the result is called. */
  async hold(...statements: string[]): Promise<() => Promise<void>> {
    const connection = postgres(this.server.url(this.name), {
      ...SILENT,
      connection: { search_path: SCHEMA },
    });
    try {
      await connection.unsafe('begin');
      for (const statement of statements) await connection.unsafe(statement);
    } catch (error) {
      await connection.end({ timeout: 0 });
      throw error;
    }
    // The server may be gone by then.
    return () => connection.end({ timeout: 0 }).catch(() => undefined);
  }

  async terminateClients(): Promise<void> {
    await once(
      this.server.url(),
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${this.name}' and usename = '${CLERK}'`,
    );
  }

  /** As the kernel kills for want of memory: no word to the clients, recovery at the next start. */
  async crash(): Promise<void> {
    const pids = await this.#stopAll();
    for (const pid of pids) signal(pid, 'SIGKILL');
    await came(() => pids.every((pid) => !isAlive(pid)), 10_000);
    // Its exit is noticed there too.
    await this.server.halt('immediate');
  }

  async pause(): Promise<() => void> {
    const pids = await this.#stopAll();
    return () => {
      for (const pid of pids) signal(pid, 'SIGCONT');
    };
  }

  /** Stops the server and then its children, so that none is born meanwhile. */
  async #stopAll(): Promise<number[]> {
    const connection = postgres(this.server.url(), SILENT);
    try {
      const [row] = await connection.unsafe('show data_directory');
      const file = path.join(String(row?.['data_directory']), 'postmaster.pid');
      const postmaster = Number(readFileSync(file, 'utf8').split('\n')[0]);
      await connection.end();
      signal(postmaster, 'SIGSTOP');
      const pids = [postmaster, ...childrenOf(postmaster)];
      for (const pid of pids) signal(pid, 'SIGSTOP');
      return pids;
    } finally {
      await connection.end({ timeout: 0 });
    }
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.parent === parent);
}

function isAlive(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== 'Z';
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // The name of the program, in brackets, may hold anything.
    const [, state = '', parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}

/** A tablespace of the database's name; the server's user owns its folder. */
async function smallTablespace(server: PostgresServer, name: string, size: string): Promise<string> {
  const disk = mkdtempSync(path.join(os.tmpdir(), 'worktrail-tablespace-'));
  mountSmallDisk(disk, size);
  const { uid, gid } = serverIdentity();
  const location = path.join(disk, 'data');
  mkdirSync(location);
  for (const folder of [disk, location])
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  await once(server.url(), `create tablespace ${name} location '${location}'`);
  return disk;
}

async function once(url: string, ...statements: string[]): Promise<void> {
  const connection = postgres(url, { ...SILENT, connection: { search_path: SCHEMA } });
  try {
    for (const statement of statements) await connection.unsafe(statement);
  } finally {
    await connection.end({ timeout: 1 });
  }
}
