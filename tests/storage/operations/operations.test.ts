// The operational store: what it records, and that nothing that happens to its file reaches the work it describes.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { Job, JobKind } from '../../../src/domain/job.ts';
import { databaseError, validationError } from '../../../src/domain/errors.ts';
import { codedError } from '../../../src/storage/database/driver-errors.ts';
import {
  BUSY_TIMEOUT_MS,
  OPERATIONS_APPLICATION_ID,
  SCHEMA_VERSION,
  openOperationsFile,
  readOperationsFile,
} from '../../../src/storage/operations/operations-file.ts';
import { KEPT_OF_A_KIND } from '../../../src/storage/operations/job-rows.ts';
import { OperationsUnavailable } from '../../../src/storage/operations/jobs.ts';
import { Operations } from '../../../src/storage/operations/operations.ts';
import { LEASE_MS, isGone, thisProcess } from '../../../src/storage/operations/owner.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { mountReadOnly } from '../tiers/mounts.ts';

const DAY_MS = 86_400_000;
const ALL = { limit: 100 } as const;

async function newFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'worktrail operations-')));
  cleanUpLater(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function open(folder: string, now?: () => number): Operations {
  const jobs = new Operations(folder, now);
  cleanUpLater(() => Promise.resolve(jobs.close()));
  return jobs;
}

function rowsOf(
  folder: string,
  sql = 'select * from jobs order by queued_at, id',
): Record<string, unknown>[] {
  const database = new Database(path.join(folder, 'operations.db'), { readonly: true });
  try {
    return database.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

/** Work in steps, each of which tells how far it is. */
async function work(job: Job, steps = 5): Promise<string> {
  for (let done = 1; done <= steps; done += 1) {
    job.report({ phase: 'copy', done, total: steps });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  job.counts({ copied: steps });
  return 'done';
}

describe('the file', () => {
  it('is a WAL database with foreign keys, a version, a mark of its own and a bounded wait', async () => {
    const folder = await newFolder();
    const file = openOperationsFile(path.join(folder, 'operations.db'));
    const pragma = (name: string) => file.database.pragma(name, { simple: true });
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('foreign_keys')).toBe(1);
    expect(pragma('user_version')).toBe(SCHEMA_VERSION);
    expect(pragma('application_id')).toBe(OPERATIONS_APPLICATION_ID);
    expect(pragma('busy_timeout')).toBe(BUSY_TIMEOUT_MS);
    expect(BUSY_TIMEOUT_MS).toBeLessThanOrEqual(100);
    expect(() =>
      file.database
        .prepare("insert into snapshot_events values (1, 'backup', '', '', 0, '{}', 'nobody')")
        .run(),
    ).toThrow(/FOREIGN KEY/);
    file.close();
  });

  it('is made by the first job only, and never the folder it belongs into', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    expect(jobs.list(ALL)).toEqual({ items: [], total_count: 0, next_cursor: null });
    expect(jobs.interruptAbandoned()).toBe(0);
    await jobs.run('replay', () => Promise.resolve(), { quiet: true });
    expect(readdirSync(folder)).toEqual([]);
    const nowhere = path.join(folder, 'missing');
    expect(await open(nowhere).run('import', (job) => work(job))).toBe('done');
    expect(existsSync(nowhere)).toBe(false);
  });

  it('of a newer version is left as it is', async () => {
    const folder = await newFolder();
    const file = path.join(folder, 'operations.db');
    openOperationsFile(file).close();
    const database = new Database(file);
    database.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
    database.close();
    const before = readFileSync(file);
    const jobs = open(folder);
    expect(await jobs.run('import', (job) => work(job))).toBe('done');
    expect(() => jobs.list(ALL)).toThrow(OperationsUnavailable);
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});

describe('a job', () => {
  it('is recorded from its beginning to its end', async () => {
    const jobs = open(await newFolder());
    let id = '';
    const result = await jobs.run('import', async (job) => {
      id = job.id;
      expect(jobs.find(id)).toMatchObject({
        state: 'running',
        kind: 'import',
        ended_at: null,
        pid: process.pid,
      });
      return await work(job);
    });
    expect(result).toBe('done');
    const found = jobs.find(id);
    expect(found).toMatchObject({
      ...{ state: 'succeeded', phase: 'copy', done: 5, total: 5, counts: { copied: 5 }, error: null },
    });
    expect(Date.parse(found?.ended_at ?? '')).toBeGreaterThanOrEqual(Date.parse(found?.started_at ?? ''));
  });

  it('tells who waits for it of every step, and writes few of them', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    const told: number[] = [];
    const file = path.join(folder, 'operations.db');
    await jobs.run(
      'import',
      async (job) => {
        const before = new Database(file, { readonly: true });
        const version = () => Number(before.pragma('data_version', { simple: true }));
        version();
        let writes = 0;
        let last = version();
        for (let done = 1; done <= 1_000; done += 1) {
          job.report({ phase: 'write', done, total: 1_000 });
          if (version() !== last) writes += 1;
          last = version();
        }
        before.close();
        expect(writes).toBeLessThan(50);
        await Promise.resolve();
      },
      { onProgress: ({ done }) => told.push(done) },
    );
    expect(told).toHaveLength(1_000);
    expect(jobs.list(ALL).items).toMatchObject([{ done: 1_000 }]);
  });

  it('waits in the queue for its turn', async () => {
    const jobs = open(await newFolder());
    let giveTurn: () => void = () => undefined;
    const turn = () => new Promise<void>((resolve) => (giveTurn = resolve));
    const running = jobs.run('backup', (job) => work(job), { turn });
    expect(jobs.list({ ...ALL, state: 'queued' }).items).toMatchObject([
      { kind: 'backup', started_at: null },
    ]);
    giveTurn();
    await running;
    expect(jobs.list(ALL).items).toMatchObject([{ state: 'succeeded' }]);
  });

  it('that fails says why in our words and throws what its work threw', async () => {
    let now = Date.now();
    const jobs = open(await newFolder(), () => (now += 1));
    const failures: [unknown, string][] = [
      [validationError({ field: 'CANARY', constraint: 'CANARY', value: 'CANARY' }), 'ValidationError'],
      [
        databaseError('sqlite', 'CANARY', 'CANARY', codedError('SQLITE_FULL', 'CANARY')),
        'DatabaseError in sqlite (SQLITE_FULL: the disk is full)',
      ],
      [new TypeError('CANARY'), 'an unexpected failure: TypeError'],
      [codedError('ENOSPC', 'CANARY'), 'an unexpected failure: Error (ENOSPC: the disk is full)'],
      ['CANARY', 'an unexpected failure'],
    ];
    for (const [failure, words] of failures) {
      const running = jobs.run('import', () => Promise.reject(failure as Error));
      await expect(running).rejects.toBe(failure);
      expect(jobs.list({ limit: 1 }).items).toMatchObject([{ state: 'failed', error: words }]);
    }
  });

  it('is cancelled when it was asked to end early', async () => {
    const jobs = open(await newFolder());
    const abort = new DOMException('stop', 'AbortError');
    await expect(jobs.run('import', () => Promise.reject(abort))).rejects.toBe(abort);
    await jobs.run('archive', (job) => Promise.resolve(job.cancelled()));
    expect(jobs.list(ALL).items.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
  });

  it('that finds nothing to do leaves no trace where it is quiet', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    await jobs.run('archive', () => Promise.resolve(), { quiet: true });
    await expect(jobs.run('archive', () => Promise.reject(new Error()), { quiet: true })).rejects.toThrow();
    await jobs.run('archive', (job) => work(job), { quiet: true });
    expect(jobs.list(ALL).items).toMatchObject([{ kind: 'archive', state: 'succeeded', done: 5 }]);
  });

  it('keeps the copies of the tracker that it made', async () => {
    const jobs = open(await newFolder());
    let id = '';
    await jobs.run('backup', async (job) => {
      id = job.id;
      job.snapshot({ kind: 'backup', reference: '/backups/a', bytes: 12, counts: { items: 3 } });
      await Promise.resolve();
    });
    jobs.snapshot({ kind: 'git_snapshot', reference: 'c0ffee' });
    expect(jobs.snapshots({ job_id: id, limit: 9 })).toMatchObject([
      { kind: 'backup', reference: '/backups/a', bytes: 12, counts: { items: 3 }, job_id: id },
    ]);
    expect(jobs.snapshots({ limit: 9 }).map(({ kind, job_id }) => [kind, job_id])).toEqual([
      ['git_snapshot', null],
      ['backup', id],
    ]);
  });

  it('is listed by state and kind, the newest first, in pages', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const jobs = open(await newFolder(), () => (now += 1_000));
    for (const kind of ['import', 'backup', 'import', 'import'] as const)
      await jobs.run(kind, (job) => work(job, 1));
    await jobs.run('backup', () => Promise.reject(new Error())).catch(() => undefined);
    const kinds = (filter: object) => jobs.list({ ...ALL, ...filter }).items.map(({ kind }) => kind);
    expect(kinds({})).toEqual(['backup', 'import', 'import', 'backup', 'import']);
    expect(kinds({ state: 'failed' })).toEqual(['backup']);
    expect(jobs.list({ kind: 'import', limit: 1 }).total_count).toBe(3);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = jobs.list({ limit: 2, cursor });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(5);
    expect(() => jobs.list({ limit: 2, cursor: 'nonsense' })).toThrow(/cursor/);
  });

  it('is kept 30 days, and a frequent kind pushes out no other', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const folder = await newFolder();
    const jobs = open(folder, () => now);
    await jobs.run('import', () => Promise.resolve());
    now += 29 * DAY_MS;
    await jobs.run('backup', () => Promise.resolve());
    for (let n = 0; n < KEPT_OF_A_KIND + 200; n += 1) {
      now += 1;
      await jobs.run('replay', () => Promise.resolve());
    }
    jobs.close();
    const again = open(folder, () => now);
    expect(again.interruptAbandoned()).toBe(0);
    expect(again.list({ ...ALL, kind: 'replay' }).total_count).toBe(KEPT_OF_A_KIND);
    expect(again.list({ ...ALL, kind: 'import' }).total_count).toBe(1);
    again.close();
    now += 2 * DAY_MS;
    const later = open(folder, () => now);
    await later.run('archive', () => Promise.resolve());
    expect(later.list({ ...ALL, kind: 'import' }).total_count).toBe(0);
    expect(later.list({ ...ALL, kind: 'backup' }).total_count).toBe(1);
  });
});

describe('a failure of the store', () => {
  const KINDS: readonly JobKind[] = ['import', 'backup', 'replay', 'archive'];

  /** Runs jobs of several kinds at once while `harm` happens in the middle of them. */
  async function runThrough(jobs: Operations, harm: () => void): Promise<string[]> {
    return await Promise.all(
      KINDS.map((kind) =>
        jobs.run(kind, async (job) => {
          await work(job, 3);
          if (kind === 'backup') harm();
          await work(job, 3);
          job.snapshot({ kind: 'backup', reference: kind });
          return kind;
        }),
      ),
    );
  }

  it('by deletion changes nothing for the jobs, and all of them are in the new file', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    const remove = () =>
      ['', '-wal', '-shm'].forEach((end) => rmSync(`${jobs.location}${end}`, { force: true }));
    expect(await runThrough(jobs, remove)).toEqual(KINDS);
    expect(jobs.list({ ...ALL, state: 'succeeded' }).total_count).toBe(KINDS.length);
    remove();
    expect(await jobs.run('import', (job) => work(job))).toBe('done');
    jobs.close();
    expect(rowsOf(folder)).toHaveLength(1);
  });

  it.each([
    ['overwritten', (file: string) => writeFileSync(file, randomBytes(statSync(file).size))],
    ['cut off', (file: string) => truncateSync(file, 5_000)],
    ['emptied', (file: string) => truncateSync(file, 0)],
    ["another program's", (file: string) => writeFileSync(file, 'not a database at all, but a letter')],
  ])('by a file that is %s changes nothing for the jobs', async (_how, damage) => {
    const folder = await newFolder();
    const jobs = open(folder);
    await jobs.run('import', (job) => work(job));
    expect(await runThrough(jobs, () => damage(jobs.location))).toEqual(KINDS);
    jobs.close();
    damage(jobs.location);
    rmSync(`${jobs.location}-wal`, { force: true });
    const next = open(folder);
    expect(await runThrough(next, () => undefined)).toEqual(KINDS);
    expect(next.list({ ...ALL, state: 'succeeded' }).total_count).toBe(KINDS.length);
  });

  it('by a damaged file puts it aside', async () => {
    const folder = await newFolder();
    const damage = randomBytes(8_192);
    writeFileSync(path.join(folder, 'operations.db'), damage);
    const jobs = open(folder);
    expect(await jobs.run('import', (job) => work(job))).toBe('done');
    expect(jobs.list(ALL).total_count).toBe(1);
    expect(readFileSync(path.join(folder, 'operations.damaged.db')).equals(damage)).toBe(true);
  });

  it('by a file that lost a table puts it aside with its log', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    expect(await jobs.run('import', (job) => work(job))).toBe('done');
    // Another process that has it open, and whose last writes are in the log.
    const other = new Database(jobs.location);
    cleanUpLater(() => void other.close());
    other.exec(`create table kept (word); insert into kept values ('in the log'); drop table jobs`);
    expect(await jobs.run('import', (job) => work(job))).toBe('done');
    expect(jobs.list(ALL).total_count).toBe(1);
    const aside = new Database(path.join(folder, 'operations.damaged.db'));
    cleanUpLater(() => void aside.close());
    expect(aside.prepare('select word from kept').pluck().all()).toEqual(['in the log']);
  });

  it(
    'by an exclusive lock of another process changes nothing for the jobs',
    { timeout: 60_000 },
    async () => {
      const folder = await newFolder();
      let now = Date.now();
      const first = open(folder);
      await first.run('import', (job) => work(job));
      first.close();
      const { child, line } = await startChild(folder, 'lock');
      expect(line).toBe('locked');
      const jobs = open(folder, () => now);
      expect(await runThrough(jobs, () => undefined)).toEqual(KINDS);
      expect(jobs.list(ALL).total_count).toBe(1);
      child.kill('SIGKILL');
      await once(child, 'exit');
      now += 2_000;
      expect(await jobs.run('import', (job) => work(job))).toBe('done');
      expect(jobs.list({ ...ALL, state: 'succeeded' }).total_count).toBe(KINDS.length + 2);
      expect(jobs.snapshots({ limit: 9 })).toHaveLength(KINDS.length);
    },
  );

  it('by another writer is waited for once, and then not again for a second', async () => {
    const folder = await newFolder();
    let now = Date.parse('2026-01-01T00:00:00Z');
    const jobs = open(folder, () => now);
    await jobs.run('import', (job) => work(job, 1));
    const other = new Database(jobs.location, { timeout: 0 });
    other.exec('begin exclusive');
    await jobs.run('import', (job) => work(job, 1));
    other.exec('rollback');
    other.close();
    // The clock stands still: nothing is tried although it would succeed.
    for (let n = 0; n < 20; n += 1) await jobs.run('import', (job) => work(job, 1));
    expect(rowsOf(folder)).toHaveLength(1);
    now += 1_001;
    await jobs.run('import', (job) => work(job, 1));
    expect(rowsOf(folder).map(({ state }) => state)).toEqual(Array(23).fill('succeeded'));
  });

  it('by a read-only folder changes nothing for the jobs, and what was recorded can be read', async (context) => {
    const folder = await newFolder();
    const first = open(folder);
    await first.run('export', (job) => work(job));
    first.close();
    if (!mountReadOnly(folder)) context.skip('this user may not mount file systems');
    const jobs = open(folder);
    expect(await runThrough(jobs, () => undefined)).toEqual(KINDS);
    expect(jobs.list(ALL).items).toMatchObject([{ kind: 'export', state: 'succeeded' }]);
  });

  it('of any kind reaches nobody when the program ends', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    void jobs.run('import', () => new Promise(() => undefined));
    jobs.close();
    jobs.close();
    expect(rowsOf(folder)).toMatchObject([{ state: 'interrupted' }]);
    expect(await jobs.run('export', (job) => work(job))).toBe('done');
  });
});

describe('several processes', () => {
  it('find a job whose process was killed, and call it interrupted', { timeout: 60_000 }, async () => {
    const folder = await newFolder();
    const { child, line: id } = await startChild(folder, 'hang');
    const jobs = open(folder);
    expect(jobs.list(ALL).items).toMatchObject([{ id, state: 'running', pid: child.pid }]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    jobs.close();
    const next = open(folder);
    expect(next.interruptAbandoned()).toBe(1);
    expect(next.find(id)).toMatchObject({
      ...{ state: 'interrupted', phase: 'write', done: 1, total: 2 },
      error: 'its process ended before the job did',
    });
    expect(next.find(id)?.ended_at).not.toBeNull();
    expect(next.interruptAbandoned()).toBe(0);
  });

  it('record side by side without losing a job', { timeout: 60_000 }, async () => {
    const folder = await newFolder();
    const children = [startChild(folder, 'run', '100'), startChild(folder, 'run', '100')];
    await Promise.all(children.map(async (starting) => (await starting).ended));
    const jobs = open(folder);
    expect(jobs.list({ ...ALL, state: 'succeeded' }).total_count).toBe(200);
    expect(new Set(jobs.snapshots({ limit: 500 }).map(({ reference }) => reference)).size).toBe(200);
  });

  it('are told apart by their start where an id is used again, and by their lease elsewhere', () => {
    const self = thisProcess();
    expect(isGone(self, 0)).toBe(false);
    expect(isGone(self, 10 * LEASE_MS)).toBe(self.started === '');
    if (self.started !== '') expect(isGone({ ...self, started: `${self.started}0` }, 0)).toBe(true);
    for (const elsewhere of [{ host: 'another' }, { boot: 'another' }]) {
      expect(isGone({ ...self, pid: 999_999_999, ...elsewhere }, LEASE_MS - 1)).toBe(false);
      expect(isGone({ ...self, ...elsewhere }, LEASE_MS + 1)).toBe(true);
    }
    const unknown = { ...self, boot: '', started: '' };
    expect(isGone({ ...unknown, pid: 2 ** 22 + 1 }, 0, unknown)).toBe(true);
    expect(isGone(unknown, LEASE_MS + 1, unknown)).toBe(true);
  });

  it('give a job back to an owner that was taken for dead', async () => {
    const folder = await newFolder();
    const jobs = open(folder);
    await jobs.run('import', async (job) => {
      const database = new Database(jobs.location);
      database.prepare("update jobs set state = 'interrupted', ended_at = updated_at").run();
      database.close();
      expect(jobs.find(job.id)?.state).toBe('interrupted');
      await work(job);
    });
    expect(jobs.list(ALL).items).toMatchObject([{ state: 'succeeded', done: 5 }]);
  });
});

it('can be looked at without a trace', async () => {
  const folder = await newFolder();
  const jobs = open(folder);
  await jobs.run('import', (job) => work(job));
  const before = readdirSync(folder).map((name) => [
    name,
    readFileSync(path.join(folder, name)).toString('hex'),
  ]);
  const copy = readOperationsFile(path.join(folder, 'operations.db'));
  expect(copy?.statement('select state from jobs').pluck().all()).toEqual(['succeeded']);
  copy?.close();
  const after = readdirSync(folder).map((name) => [
    name,
    readFileSync(path.join(folder, name)).toString('hex'),
  ]);
  expect(after).toEqual(before);
});

async function startChild(folder: string, ...args: string[]) {
  const script = fileURLToPath(new URL('job-child.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [bundledScript(script), folder, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanUpLater(async () => {
    child.kill('SIGKILL');
    await Promise.resolve();
  });
  const ended = once(child, 'exit');
  if (child.stdout === null || args[0] === 'run') return { child, ended, line: '' };
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, ended, line };
}
