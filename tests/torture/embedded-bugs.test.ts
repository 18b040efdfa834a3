// Bugs put in on purpose where the model cannot see them, in the files of an embedded tracker: the check must notice each.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type * as Migrate from '../../src/storage/primary/migrate.ts';
import { OpenFiles } from '../../src/storage/primary/open-files.ts';
import { openStore } from '../../src/storage/opening/open-store.ts';
import { inFolder } from '../storage/backends.ts';
import { Tracker } from '../storage/tracker.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const RULES = '../../src/storage/primary/migrate.ts';

describe('a run on an embedded tracker', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.doUnmock(RULES);
    vi.resetModules();
  });

  it('keeps its promises', async () => {
    expect(await run('log gone')).toEqual([]);
    expect(await run('newer program')).toEqual([]);
  });

  it('shows a store that goes on in a log that was deleted', async () => {
    vi.spyOn(OpenFiles.prototype, 'loss').mockReturnValue(undefined);
    expect(await run('log gone')).not.toEqual([]);
  });

  it('shows an old process that goes on writing', async () => {
    vi.resetModules();
    const migrate = await vi.importActual<typeof Migrate>(RULES);
    vi.doMock(RULES, () => ({ ...migrate, refuseNewer: () => undefined }));
    const old = await import('../../src/storage/opening/open-store.ts');
    expect(await run('newer program', old.openStore)).not.toEqual([]);
  });
});

/** @returns what was acknowledged as stored and is not there for others, or was written by rules that are over */
async function run(strike: 'log gone' | 'newer program', open = openStore): Promise<string[]> {
  const place = inFolder(await temporaryProject(), undefined);
  const file = path.join(place.dataDir, 'worktrail.db');
  const store = await open(place);
  try {
    const tracker = new Tracker(store, place);
    const stored: string[] = [];
    const write = async (title: string) => {
      const { durability } = await tracker.createAnswer({ title });
      if (durability === 'sqlite') stored.push(title);
    };
    await write('before');
    if (strike === 'log gone') for (const suffix of ['-wal', '-shm']) rmSync(file + suffix);
    else migrate(file);
    const known = stored.length;
    for (let count = 0; count < 3; count += 1) await write(`after ${count}`);
    if (strike === 'newer program')
      return stored.slice(known).map((title) => `${title}: written by old rules`);
    const seen = titlesSeenByOthers(file);
    return stored.filter((title) => !seen.includes(title)).map((title) => `${title}: lost`);
  } finally {
    await store.close();
  }
}

function migrate(file: string): void {
  const database = new Database(file);
  const newer = 'select max(created_at) + 1 from __drizzle_migrations';
  database.exec(`insert into __drizzle_migrations (hash, created_at) values ('newer', (${newer}))`);
  database.close();
}

/** In a process of its own: within one, all connections share what is known of the log. */
function titlesSeenByOthers(file: string): string[] {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  const script = `const db = new (require(${JSON.stringify(driver)}))(${JSON.stringify(file)}, { readonly: true });
    const tables = db.prepare("select 1 from sqlite_master where name = 'work_items'").all();
    console.log(JSON.stringify(tables.length === 0 ? [] : db.prepare('select title from work_items').pluck().all()));`;
  return JSON.parse(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout) as string[];
}
