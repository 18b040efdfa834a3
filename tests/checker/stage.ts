// Where a schedule takes place: clones of one repository that share a tracker, a few servers in each, and on PostgreSQL a
// network of its own for each clone.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { git, runCli, temporaryProject } from '../support/program.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import type { DatabaseControl } from './database-control.ts';
import type { FaultRecord } from './history.ts';
import type { Random } from './random.ts';
import { bendClock } from './clocks.ts';
import { Server } from './server.ts';
import { mountSmallDisk } from './small-disk.ts';
import { until } from './until.ts';

export interface Folder {
  name: string;
  project: string;
  dataDir: string;
  env: Record<string, string>;
  args: string[];
  proxy: TcpProxy | undefined;
  /** Takes its disk away, where it has one of its own. */
  takeDiskAway: (() => void) | undefined;
}

/** What is special about the place of a schedule. */
export type Place = 'small folders' | 'small database' | 'bent clocks';

export interface StageOptions {
  place: Place | undefined;
  database: DatabaseControl | undefined;
  folders: number;
  /** The servers of each folder. */
  servers: readonly { transport: 'stdio' | 'http'; sessions: number }[];
  program: readonly string[] | undefined;
  random: Random;
}

export interface Stage {
  primary: 'postgres' | 'sqlite';
  database: DatabaseControl | undefined;
  folders: Folder[];
  servers: Server[];
  random: Random;
  faults: FaultRecord[];
  oddities: string[];
  program: readonly string[] | undefined;
  close(): Promise<void>;
}

const CONFIG = JSON.stringify({ project: { slug: 'checker' } });
/** Enough for everything that a schedule writes, until something else takes the room. */
const SMALL_FOLDER = '16m';
const NAMES = ['a', 'b', 'c'];

export async function setStage({
  place,
  database,
  folders: count,
  servers,
  program,
  random,
}: StageOptions): Promise<Stage> {
  const folders: Folder[] = [];
  for (const name of NAMES.slice(0, count)) folders.push(await makeFolder(name, database, folders[0], place));
  const oddities: string[] = [];
  const faults: FaultRecord[] = [];
  const bent = place === 'bent clocks' ? bendClock(random) : undefined;
  if (bent !== undefined) faults.push(bent.record);
  let sessions = 0;
  const all = folders.flatMap((folder) =>
    servers.map(({ transport, sessions: perServer }, index) => {
      const names = Array.from({ length: perServer }, () => `s${(sessions += 1)}`);
      return new Server({
        name: `${folder.name}${index + 1}`,
        folder: folder.name,
        project: folder.project,
        transport,
        args: folder.args,
        env: { ...folder.env, ...(index === 0 && folder === folders[0] && bent?.env) },
        ...(program !== undefined && { program }),
        sessions: names,
        onOddity: (what) => oddities.push(what),
      });
    }),
  );
  const close = async () => {
    await Promise.all(all.map((server) => server.stop()));
    for (const { proxy, project, env, takeDiskAway } of folders) {
      await proxy?.stop();
      takeDiskAway?.();
      for (const folder of [project, env['WORKTRAIL_HOME'] ?? project])
        rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  };
  const primary = database === undefined ? 'sqlite' : 'postgres';
  return { primary, database, folders, servers: all, random, faults, oddities, program, close };
}

async function makeFolder(
  name: string,
  database: DatabaseControl | undefined,
  origin: Folder | undefined,
  place: Place | undefined,
): Promise<Folder> {
  const project = await temporaryProject({ git: origin === undefined });
  if (origin !== undefined) await git(project, 'clone', '--quiet', origin.project, '.');
  writeFileSync(path.join(project, 'worktrail.config.json'), CONFIG);
  const home = mkdtempSync(path.join(os.tmpdir(), 'worktrail-home-'));
  cleanUpLater(() => rmSync(home, { recursive: true, force: true }));
  const proxy = database === undefined ? undefined : await startProxy(database.url);
  if (proxy !== undefined) cleanUpLater(() => proxy.stop());
  const dataDir = path.join(project, '.worktrail');
  const takeDiskAway = place === 'small folders' ? mountSmallDisk(dataDir, SMALL_FOLDER) : undefined;
  return {
    name,
    project,
    dataDir,
    env: { WORKTRAIL_HOME: home },
    args: ['--toolsets', 'all', '--database', proxy?.url ?? 'embedded'],
    proxy,
    takeDiskAway,
  };
}

/** Waits until each folder's own copy can stand in for the database. */
export async function untilWarm({ folders, program }: Stage): Promise<void> {
  for (const { project, env, args } of folders) {
    await until('the cache is filled', async () => {
      const options = { project, env, ...(program !== undefined && { program }) };
      const { stdout } = await runCli(['doctor', '--json', ...args.slice(2)], options);
      const { layers } = JSON.parse(stdout) as {
        layers: { layers: { source: string; as_of: string | null }[] };
      };
      return layers.layers.some(({ source, as_of }) => source === 'sqlite_cache' && as_of !== null);
    });
  }
}

/** Copies what a folder's file is now, to be put back later. */
export function copyAside(folder: Folder, files: readonly string[]): string {
  const aside = mkdtempSync(path.join(os.tmpdir(), 'worktrail-aside-'));
  cleanUpLater(() => rmSync(aside, { recursive: true, force: true }));
  mkdirSync(aside, { recursive: true });
  for (const file of files) cpSync(path.join(folder.dataDir, file), path.join(aside, file), { force: true });
  return aside;
}
