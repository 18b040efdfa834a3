// An outage as people at the command line meet it: writes wait, some come into conflict, doctor explains, and a
// database that was restored is accepted. The server is this file's own, since it is halted.
import { cp, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ConflictRecord } from '../../src/domain/conflict-record.ts';
import type { Diagnosis } from '../../src/use-cases/maintenance/diagnosis.ts';
import type { Accepted } from '../../src/storage/maintenance/accept-primary.ts';
import { openStore } from '../../src/storage/opening/open-store.ts';
import { openOutbox } from '../../src/storage/journals/outbox.ts';
import { inFolder } from '../storage/backends.ts';
import { describeUnless } from '../support/describe-with.ts';
import { type PostgresServer, postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { runInProcess } from '../support/in-process.ts';
import { type CommandResult } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { contentOf } from './command-line.ts';
import { knownVersion } from '../../src/domain/provisional-version.ts';

interface Report extends Diagnosis {
  ok: boolean;
  fixed?: { retried: number };
  accepted?: Accepted;
}

interface Item {
  id: string;
  version: number;
  title: string;
  priority: number;
  labels: string[];
  durability?: string;
}

interface Page {
  items: ConflictRecord[];
  total_count: number;
  pending_count: number;
}

/** A folder as one person or AI client uses it. */
class Folder {
  constructor(
    readonly project: string,
    public url: string,
  ) {}

  get dataDir(): string {
    return path.join(this.project, '.worktrail');
  }

  run(...args: string[]): Promise<CommandResult> {
    return runInProcess(args, { project: this.project, env: { DATABASE_URL: this.url } });
  }

  /** What a command prints as JSON; it has to end with `code`. */
  async json<T = Item>(code: number, ...args: string[]): Promise<T> {
    const { code: ended, stdout, stderr } = await this.run(...args, '--json');
    expect(ended, `${args.join(' ')}\n${stdout}\n${stderr}`).toBe(code);
    return JSON.parse(stdout) as T;
  }

  /** Lets everything that can be applied arrive. */
  async settle(): Promise<void> {
    const store = await openStore({
      ...inFolder(this.project, this.url),
      slug: { value: 'shop', explicit: true },
    });
    await store.settle(30_000);
    expect(store.state).toBe('online');
    await store.close();
  }
}

/** Two folders of one repository, neither used yet. */
async function twoFolders(url: string): Promise<[Folder, Folder]> {
  const first = await temporaryProject({ git: true });
  const settings = { project: { slug: 'shop' }, status_file: { enabled: false } };
  await writeFile(path.join(first, 'worktrail.config.json'), JSON.stringify(settings));
  const second = await temporaryProject();
  await cp(first, second, { recursive: true });
  return [new Folder(first, url), new Folder(second, url)];
}

const problemsOf = ({ checks }: Report) => checks.filter(({ ok }) => !ok).map(({ name }) => name);
/** A file of SQLite's own beside the database comes and goes with whoever looks. */
const stable = (content: Record<string, string>) =>
  Object.fromEntries(Object.entries(content).filter(([name]) => !/-(wal|shm)$/.test(name)));

describeUnless(postgresSkipReason(), 'after an outage', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ own: true });
  });
  afterAll(() => server.stop());

  it('conflicts are listed, explained and settled, and doctor tells all along what is going on', async () => {
    const [mine, theirs] = await twoFolders(await server.createDatabase());
    const titles = ['Kept', 'Made again', 'Both', 'Parent'];
    const items: Item[] = [];
    for (const title of titles) items.push(await mine.json(0, 'create', title));
    const [kept, again, both, parent] = items as [Item, Item, Item, Item];
    await theirs.json(0, 'list');
    expect(await mine.json<Page>(0, 'conflicts')).toMatchObject({
      items: [],
      total_count: 0,
      pending_count: 0,
    });
    expect((await mine.run('conflicts')).stdout).toBe('No open conflicts.\n');
    expect(await mine.json<Report>(0, 'doctor')).toMatchObject({
      ok: true,
      layers: { state: 'online', reason: null, waiting: { total: 0 } },
      breaker: null,
    });

    await server.halt('fast');
    for (const { id, title } of [kept, again, both]) {
      const saved = await mine.json(0, 'update', id, '--title', `${title}: mine`);
      expect(saved).toMatchObject({ durability: 'outbox' });
      expect(knownVersion(saved['version'] as number)).toBe(1);
    }
    await mine.json(0, 'update', kept.id, '--priority', '1');
    await mine.json(0, 'create', 'Child', '--parent', parent.id);
    expect(await mine.json<Page>(0, 'conflicts')).toMatchObject({ total_count: 0, pending_count: 5 });

    const before = stable(await contentOf(mine.project));
    const away = await mine.json<Report>(3, 'doctor');
    expect(stable(await contentOf(mine.project))).toEqual(before);
    expect(problemsOf(away)).toEqual(['store']);
    expect(away).toMatchObject({
      ok: false,
      layers: {
        state: 'offline',
        reason: 'nothing accepts connections at its address',
        layers: [
          { source: 'postgres', as_of: null },
          { source: 'sqlite_cache', as_of: expect.stringMatching(/^20/) as string, problem: null },
          { source: 'git_history', as_of: expect.stringMatching(/^20/) as string, problem: null },
          { source: 'markdown_file', as_of: null },
        ],
        journals: [
          { name: 'outbox', problem: null },
          { name: 'git', problem: null },
          { name: 'markdown', problem: null },
        ],
        waiting: { total: 5, parked: 0, oldest_at: expect.stringMatching(/^20/) as string },
      },
      breaker: { reason: 'nothing accepts connections at its address' },
      open_conflicts: { total: 0, source: 'sqlite_cache' },
    });
    expect(away.layers.since).toBe(away.breaker?.at);
    const { stdout } = await mine.run('doctor');
    expect(stdout).toMatch(/Meanwhile the local cache answers, as of 20/);
    expect(stdout).toMatch(/state: offline.*\n {2}reason: nothing accepts.*since 20.* UTC/);
    expect(stdout).toMatch(/breaker: open/);
    expect(stdout).toContain('waiting: 5, the oldest since 20');
    expect(stdout).toMatch(/the last snapshot in git .*as of 20/);

    await server.resume();
    for (const { id, title } of [kept, again, both]) {
      await theirs.json(0, 'update', id, '--title', `${title}: theirs`);
    }
    await theirs.json(0, 'update', parent.id, '--delete');
    await mine.settle();

    const page = await mine.json<Page>(1, 'conflicts');
    expect(page).toMatchObject({ total_count: 4, pending_count: 1 });
    expect(page.items.map(({ kind }) => kind).sort()).toEqual([
      'conflict',
      'conflict',
      'conflict',
      'rejected',
    ]);
    const conflictOn = ({ id }: Item): string =>
      page.items.find(({ entity_id }) => entity_id === id)?.id ?? '';
    const rejected = page.items.find(({ kind }) => kind === 'rejected')?.id ?? '';
    const list = await mine.run('conflicts');
    expect(list.code).toBe(1);
    expect(list.stdout).toMatch(
      /conflict {2}work item [0-9a-f]{8} "Both: theirs"\n {2}made by .+ \(cli, session \S+\), 20.+ UTC\n {2}why: .+\n {2}title \(both changed it\)\n {4}base: {3}Both\n {4}mine: {3}Both: mine\n {4}theirs: Both: theirs \(/,
    );
    expect(list.stdout).toMatch(/rejected {2}work item .*\n.*\n {2}why: .*"Parent" is deleted/);
    expect(list.stdout).toContain('4 of 4 open conflicts\n1 write made here waits to be applied.');
    // The ids that are shown tell them apart.
    const shown = [...list.stdout.matchAll(/^([0-9a-f-]+) {2}(?:conflict|rejected) /gm)].map(
      ([, id]) => id ?? '',
    );
    for (const id of shown) expect((await mine.run('conflicts', 'show', id)).code).toBe(1);

    expect(problemsOf(await mine.json<Report>(1, 'doctor'))).toEqual(['conflicts']);
    // The others in the team are told as well.
    expect((await theirs.run('show', both.id)).stderr).toContain('worktrail conflicts');
    expect((await theirs.run('doctor')).code).toBe(1);

    const show = await mine.run('conflicts', 'show', conflictOn(both));
    expect(show.stdout).toContain(`worktrail conflicts resolve ${conflictOn(both)} --reapply`);
    for (const args of [[], ['--keep-theirs', '--reapply'], ['--set', 'title']]) {
      expect((await mine.run('conflicts', 'resolve', conflictOn(both), ...args)).code).toBe(2);
    }
    expect((await mine.run('conflicts', 'resolve', conflictOn(both), '--set', 'titel=x')).stderr).toContain(
      'title',
    );
    expect((await mine.run('conflicts', 'show', '0123456789')).code).toBe(1);

    await mine.json(0, 'conflicts', 'resolve', conflictOn(kept), '--keep-theirs');
    await mine.json(0, 'conflicts', 'resolve', conflictOn(again), '--reapply');
    const settled = await mine.run(
      ...[
        'conflicts',
        'resolve',
        conflictOn(both),
        '--set',
        'title=Both: ours',
        'priority=2',
        'labels=["a","b"]',
      ],
    );
    expect(settled.stdout).toMatch(/the given fields were set instead; the record is at version 3\.\n$/);
    expect((await mine.run('conflicts', 'resolve', conflictOn(both), '--reapply')).stderr).toContain(
      'was settled',
    );
    await mine.json(0, 'conflicts', 'resolve', rejected, '--keep-theirs');
    await mine.settle();

    expect(await mine.json(0, 'show', kept.id)).toMatchObject({ title: 'Kept: theirs', priority: 1 });
    expect(await mine.json(0, 'show', again.id)).toMatchObject({ title: 'Made again: mine' });
    expect(await theirs.json(0, 'show', both.id)).toMatchObject({
      title: 'Both: ours',
      priority: 2,
      labels: ['a', 'b'],
    });
    expect(await mine.json<Page>(0, 'conflicts')).toMatchObject({ total_count: 0, pending_count: 0 });
    const past = await mine.run('conflicts', '--resolved');
    expect(past.code).toBe(0);
    expect(past.stdout).toContain('4 of 4 settled conflicts');
    expect(past.stdout).toMatch(/settled with custom by /);
    expect(problemsOf(await mine.json<Report>(0, 'doctor'))).toEqual([]);
  });

  it('doctor --fix lets a write be tried again that was put aside, and nothing else', async () => {
    const [mine] = await twoFolders(await server.createDatabase());
    const item = await mine.json(0, 'create', 'Item');
    await server.halt('fast');
    await mine.json(0, 'update', item.id, '--title', 'Put aside');
    await server.resume();
    const outbox = openOutbox(path.join(mine.dataDir, 'outbox.db'));
    const [entry] = await outbox.list();
    for (let attempt = 0; attempt < 5; attempt += 1) outbox.noteFailure(entry?.id ?? '', 'it failed oddly');
    // The outage is over: after one, everything is tried again.
    outbox.set('breaker', '');
    await outbox.close();

    const found = await mine.json<Report>(1, 'doctor');
    expect(problemsOf(found)).toEqual(['parked']);
    expect(found.parked).toMatchObject([{ id: entry?.id, attempts: 5, reason: 'it failed oddly' }]);
    expect((await mine.run('doctor')).stdout).toContain('worktrail doctor --fix');
    await mine.settle();
    expect(await mine.json<Page>(0, 'conflicts')).toMatchObject({ pending_count: 1 });

    const fixed = await mine.json<Report>(0, 'doctor', '--fix');
    expect(fixed).toMatchObject({
      fixed: { retried: 1 },
      parked: [],
      layers: { waiting: { total: 1, parked: 0 } },
    });
    await mine.settle();
    expect(await mine.json(0, 'show', item.id)).toMatchObject({ title: 'Put aside', version: 2 });
    expect(await mine.json<Report>(0, 'doctor', '--fix')).toMatchObject({ fixed: { retried: 0 } });
  });

  it('a restored database is refused until it is accepted, and gets what waits', async () => {
    const url = await server.createDatabase('original');
    const [mine, theirs] = await twoFolders(url);
    for (let number = 1; number <= 3; number += 1) await mine.json(0, 'create', `Item ${number}`);
    const backup = await server.createDatabase('backup', { template: 'original' });
    await mine.json(0, 'create', 'After the backup');
    await mine.json(0, 'list');

    mine.url = backup;
    const list = await mine.json<{ warnings: { code: string }[] }>(0, 'list');
    expect(list).toMatchObject({ data_source: 'sqlite_cache', total_count: 4 });
    expect(list.warnings[0]?.code).toBe('primary_refused');
    expect(await mine.json(0, 'create', 'Made while refused')).toMatchObject({ durability: 'outbox' });
    const refused = await mine.json<Report>(3, 'doctor');
    expect(problemsOf(refused)).toEqual(['store', 'lost']);
    expect(refused.layers).toMatchObject({ state: 'refused', waiting: { total: 1 } });
    expect(refused.checks[0]?.message).toMatch(
      /it is older than what this folder has seen: it stands at change 3/,
    );
    expect(refused.checks[0]?.next).toContain('--accept-database');

    // Of another project, or none, it is never accepted.
    const folders = await twoFolders(await server.createDatabase('other'));
    await folders[0].json(0, 'create', 'Of another project');
    for (const database of ['other', 'postgres']) {
      mine.url = server.url(database);
      const before = stable(await contentOf(mine.dataDir));
      const { stdout } = await mine.run('doctor', '--accept-database', '--json');
      expect(JSON.parse(stdout)).toMatchObject({
        error: 'DatabaseError',
        message: expect.stringMatching(/it holds (the|no) project/) as string,
      });
      expect(stable(await contentOf(mine.dataDir))).toEqual(before);
    }

    mine.url = backup;
    expect((await mine.run('recover')).stdout).toContain('lacks 1 change made in this folder');
    const accepted = await mine.json<Report>(1, 'doctor', '--accept-database');
    expect(accepted.accepted).toMatchObject({ position: { before: 4, now: 3 }, waiting: 1, lacking: 1 });
    expect(problemsOf(accepted)).toEqual(['lost']);
    const names = await readdir(mine.dataDir);
    expect(names).toContain(path.basename(accepted.accepted?.cache_put_aside ?? ''));
    expect(names).not.toContain('cache.db');
    expect(accepted.accepted?.cache_put_aside).toMatch(/cache\.before-\d{8}T\d+Z\.db$/);
    await mine.settle();
    const after = await mine.json<{ items: Item[] }>(0, 'list');
    expect(after).toMatchObject({ data_source: 'postgres' });
    expect(after.items.map(({ title }) => title).sort()).toEqual([
      'Item 1',
      'Item 2',
      'Item 3',
      'Made while refused',
    ]);
    const recovered = await mine.json<{ outcome: unknown }>(0, 'recover', '--yes');
    expect(recovered.outcome).toEqual({ applied: 1, conflicts: [], waiting: 0 });
    expect(await mine.json(0, 'list')).toMatchObject({ total_count: 5 });
    expect(await mine.json<Report>(0, 'doctor')).toMatchObject({ ok: true, layers: { state: 'online' } });
    theirs.url = backup;
    expect((await theirs.run('list')).code).toBe(0);
  });

  it('accepting needs a tracker, and goes without --fix', async () => {
    const project = await temporaryProject();
    expect((await runInProcess(['doctor', '--accept-database'], { project })).code).toBe(3);
    expect((await runInProcess(['doctor', '--accept-database', '--fix'], { project })).code).toBe(2);
    expect(await readdir(project)).toEqual([]);
  });
});
