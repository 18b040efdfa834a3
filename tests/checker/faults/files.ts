// What happens to the files of one folder, under the servers that use them.
import {
  cpSync,
  existsSync,
  openSync,
  closeSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Random } from '../random.ts';
import { copyAside, type Folder, type Stage } from '../stage.ts';
import type { Fault, Faults } from './fault.ts';

const FLIPPED_BITS = 10;
const CACHE = 'cache.db';
const OUTBOX = 'outbox.db';
const EMBEDDED = 'worktrail.db';

const onFolder = (
  begin: (folder: Folder, random: Random, stage: Stage) => ReturnType<Fault['begin']>,
): Fault => ({
  target: ({ folders }, random) => `files of ${random.pick(folders).name}`,
  begin: async (stage, target, random) => {
    const folder = stage.folders.find(({ name }) => target === `files of ${name}`);
    if (folder === undefined) throw new Error(`there are no ${target}`);
    return await begin(folder, random, stage);
  },
});

const now = { end: () => undefined };

export const FILE_FAULTS: Faults = {
  'cache flipped': onFolder((folder, random) => {
    flip(path.join(folder.dataDir, CACHE), random);
    return Promise.resolve(now);
  }),

  'cache truncated': onFolder((folder, random) => {
    const file = path.join(folder.dataDir, CACHE);
    truncateSync(file, Math.floor(statSync(file).size * random.next()));
    return Promise.resolve(now);
  }),

  'older copy of the cache': onFolder((folder) => {
    const files = [CACHE, `${CACHE}-wal`].filter((file) => existsSync(path.join(folder.dataDir, file)));
    const aside = copyAside(folder, files);
    return Promise.resolve({
      end: () => {
        for (const file of files) cpSync(path.join(aside, file), path.join(folder.dataDir, file));
      },
    });
  }),
};

/** These damage the one place where a waiting write is. */
export const JOURNAL_FAULTS: Faults = {
  'outbox flipped': onFolder((folder, random) => {
    const file = path.join(folder.dataDir, random.chance(0.6) ? OUTBOX : `${OUTBOX}-wal`);
    flip(file, random);
    return Promise.resolve({ ...now, destroysJournalsOf: folder.name });
  }),

  'outbox truncated': onFolder((folder, random) => {
    const file = path.join(folder.dataDir, OUTBOX);
    truncateSync(file, Math.floor(statSync(file).size * random.next()));
    return Promise.resolve({ ...now, destroysJournalsOf: folder.name });
  }),
};

export const FOLDER_FAULTS: Faults = {
  'folder deleted': onFolder((folder, _random, { servers }) => {
    rmSync(folder.dataDir, { recursive: true, force: true });
    const affected = servers.filter(({ setup }) => setup.folder === folder.name);
    return Promise.resolve({
      destroysJournalsOf: folder.name,
      // Programs that run on keep writing to files without a name, as on every Unix.
      end: async () => {
        for (const server of affected) await server.kill();
        for (const server of affected) await server.start();
      },
    });
  }),
};

export const EMBEDDED_FAULTS: Faults = {
  'locked by another program': onFolder((folder) => {
    const database = new Database(path.join(folder.dataDir, EMBEDDED), { timeout: 2_000 });
    database.exec('begin immediate');
    return Promise.resolve({ end: () => void database.close() });
  }),
};

/** These take away what the embedded database had acknowledged, or what is needed to read it. */
export const EMBEDDED_FILE_FAULTS: Faults = {
  'log deleted': onFolder((folder, random) => {
    const names = random.chance(0.5) ? ['-wal', '-shm'] : ['-wal'];
    for (const name of names) rmSync(path.join(folder.dataDir, EMBEDDED + name), { force: true });
    return Promise.resolve({ ...now, detail: names.join(' ') });
  }),

  'older copy of the database': onFolder((folder) => {
    const names = [EMBEDDED, `${EMBEDDED}-wal`];
    const place = (name: string) => path.join(folder.dataDir, name);
    const files = names.filter((name) => existsSync(place(name)));
    const primaryForgetsFrom = Date.now();
    const aside = copyOfOneMoment(folder, files);
    return Promise.resolve({
      primaryForgetsFrom,
      // At once: no program can tell a file that is still being written from one that is damaged.
      end: () => {
        for (const name of files) cpSync(path.join(aside, name), place(`${name}.new`));
        for (const name of [...names, `${EMBEDDED}-shm`]) rmSync(place(name), { force: true });
        for (const name of files.toReversed()) renameSync(place(`${name}.new`), place(name));
      },
    });
  }),
};

/** While nobody can write: a log that was begun anew belongs to another state of its database. */
function copyOfOneMoment(folder: Folder, files: readonly string[]): string {
  const database = new Database(path.join(folder.dataDir, EMBEDDED), { timeout: 20_000 });
  try {
    database.exec('begin immediate');
    return copyAside(folder, files);
  } finally {
    database.close();
  }
}

function flip(file: string, random: Random): void {
  const { size } = statSync(file);
  if (size === 0) return;
  const handle = openSync(file, 'r+');
  try {
    for (let count = 0; count < FLIPPED_BITS; count += 1) {
      const at = random.between(0, size - 1);
      const byte = Buffer.alloc(1);
      readSync(handle, byte, 0, 1, at);
      byte[0] = (byte[0] ?? 0) ^ (1 << random.between(0, 7));
      writeSync(handle, byte, 0, 1, at);
    }
  } finally {
    closeSync(handle);
  }
}
