// Snapshots of the tracker in the project's own repository: whole, in order, and never in anybody's way.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { newRecordId } from '../../../src/domain/ids.ts';
import { SNAPSHOT_TABLES } from '../../../src/storage/replicas/snapshot-files.ts';
import {
  SNAPSHOT_REF,
  readCommittedStatusFile,
  readSnapshot,
  writeSnapshot,
  type Snapshot,
  type SnapshotOptions,
} from '../../../src/storage/replicas/snapshot.ts';
import type { Session } from '../../../src/storage/database/connection.ts';
import type { Row, TableName } from '../../../src/storage/database/table-copy.ts';
import { ownSeal } from '../../../src/storage/journals/seal.ts';
import { git, temporaryProject } from '../../support/temporary-project.ts';
import { creation, edit } from '../changes.ts';
import { ITEMS, PROJECT_ID, allRows, apply, fillSession, found, memorySession } from './filled-session.ts';

const take = (folder: string, session: Session, options?: SnapshotOptions) =>
  writeSnapshot(folder, (work) => session.read(work), options);

async function read(folder: string, project_id?: string): Promise<Snapshot> {
  const found = await readSnapshot(folder, project_id);
  if ('unavailable' in found) throw new Error(found.unavailable);
  return found;
}

async function keptRows(session: Session) {
  const rows = await allRows(session, SNAPSHOT_TABLES);
  const byId = (a: Row, b: Row) => (String(a['id']) < String(b['id']) ? -1 : 1);
  return new Map<TableName, Row[] | undefined>(
    SNAPSHOT_TABLES.map((name) => [name, name === 'workItems' ? rows[name]?.sort(byId) : rows[name]]),
  );
}

const renamed = (title: string, base_version: number) =>
  edit({ entity_id: ITEMS.task, base_version, patch: { title } });

/** Everything of a repository that is somebody else's. */
async function stateOf(folder: string) {
  const files = (await readdir(path.join(folder, '.git'))).sort();
  return {
    status: await git(folder, 'status', '--porcelain=v2', '--branch'),
    refs: (await git(folder, 'for-each-ref')).split('\n').filter((ref) => !ref.endsWith(SNAPSHOT_REF)),
    index: (await readFile(path.join(folder, '.git', 'index'))).toString('hex'),
    config: await readFile(path.join(folder, '.git', 'config'), 'utf8'),
    head: await readFile(path.join(folder, '.git', 'HEAD'), 'utf8'),
    log: await git(folder, 'reflog', '--all'),
    files,
  };
}

async function ids(folder: string, commit: string): Promise<Map<string, string>> {
  const lines = (await git(folder, 'ls-tree', '-r', commit)).trim().split('\n');
  return new Map(lines.map((line) => [line.split('\t')[1] ?? '', line.split(/\s/)[2] ?? '']));
}

const fileOfObject = (folder: string, id: string) =>
  path.join(folder, '.git', 'objects', id.slice(0, 2), id.slice(2));

describe('a snapshot', () => {
  let folder: string;
  let session: Session;

  beforeEach(async () => {
    folder = await temporaryProject({ git: true });
    session = memorySession();
    await fillSession(session);
  });

  it('gives back the same rows of every table but the history', async () => {
    const now = () => new Date('2026-03-01T12:00:00.500Z');
    const outcome = await take(folder, session, { statusFile: '# Status ü\n', now });
    expect(outcome).toMatchObject({ written: true });
    const snapshot = await read(folder, PROJECT_ID);
    expect(snapshot.tables).toEqual(await keptRows(session));
    expect(snapshot.tables.get('workItems')).toHaveLength(Object.keys(ITEMS).length);
    expect([...snapshot.tables.keys()]).not.toContain('changes');
    expect(snapshot).toMatchObject({ statusFile: '# Status ü\n', skipped: 0 });
    const feed = (await allRows(session, ['feed'])).feed?.[0];
    expect(snapshot.meta).toEqual({
      format_version: 1,
      project_id: PROJECT_ID,
      project_slug: 'test-project',
      root_commit: null,
      seq: feed?.['seq'],
      changed_at: feed?.['changed_at'],
      taken_at: '2026-03-01T12:00:00.500Z',
      schema_version: expect.any(Number) as number,
    });
  });

  it('leaves everything else in the repository as it is, and starts no hook', async () => {
    await writeFile(path.join(folder, 'README.md'), '# Half-finished\n');
    await writeFile(path.join(folder, 'new file'), 'staged\n');
    await git(folder, 'add', 'new file');
    await mkdir(path.join(folder, '.git', 'hooks'), { recursive: true });
    const hook = path.join(folder, '.git', 'hooks', 'reference-transaction');
    await writeFile(hook, `#!/bin/sh\ntouch '${path.join(folder, 'hook ran')}'\n`);
    await chmod(hook, 0o755);
    await git(folder, 'status');
    const before = await stateOf(folder);
    expect((await take(folder, session)).written).toBe(true);
    await apply(session, [renamed('Again', 1)]);
    expect((await take(folder, session)).written).toBe(true);
    expect(await stateOf(folder)).toEqual(before);
    expect(await git(folder, 'fsck', '--strict')).not.toMatch(/error|missing|corrupt/);
  });

  it('follows the one before it, by an author of its own', async () => {
    await git(folder, 'config', 'user.name', 'Somebody Else');
    const first = await take(folder, session);
    await apply(session, [renamed('Again', 1)]);
    const second = await take(folder, session, { now: () => new Date('2026-03-01T12:00:00.500Z') });
    const commits = (await git(folder, 'rev-list', SNAPSHOT_REF)).trim().split('\n');
    expect(commits).toEqual([second, first].map((outcome) => (outcome.written ? outcome.commit : '')));
    const about = await git(folder, 'log', '-1', '--format=%an <%ae> %cn <%ce> %ct %s', SNAPSHOT_REF);
    expect(about).toMatch(
      /^worktrail <worktrail@localhost> worktrail <worktrail@localhost> 1772366400 Snapshot of test-project at change \d+\n$/,
    );
  });

  it('is not taken again while nothing changes', async () => {
    expect((await take(folder, session)).written).toBe(true);
    const tip = await git(folder, 'rev-parse', SNAPSHOT_REF);
    expect(await take(folder, session)).toMatchObject({ written: false, reason: 'unchanged' });
    expect(await git(folder, 'rev-parse', SNAPSHOT_REF)).toBe(tip);
  });

  it('keeps the blobs of what did not change', async () => {
    await take(folder, session);
    const before = await ids(folder, SNAPSHOT_REF);
    await apply(session, [renamed('Again', 1)]);
    await take(folder, session);
    const after = await ids(folder, SNAPSHOT_REF);
    const changed = [...after].filter(([file, id]) => before.get(file) !== id).map(([file]) => file);
    expect(changed.sort()).toEqual(['meta.json', 'work_items.jsonl']);
  });

  it('splits a large table by id, and writes only the part that changed', async () => {
    const large = memorySession();
    await large.write((c) => found(c));
    const created = Array.from({ length: 2_001 }, () => creation({ entity_id: newRecordId() }));
    await apply(large, created);
    await take(folder, large);
    const before = await ids(folder, SNAPSHOT_REF);
    expect([...before.keys()].filter((file) => /^work_items\/[0-9a-f]{2}\.jsonl$/.test(file)).length).toBe(
      new Set(created.map(({ entity_id }) => entity_id.slice(0, 2))).size,
    );
    expect((await read(folder)).tables).toEqual(await keptRows(large));
    const entity_id = created[7]?.entity_id ?? '';
    await apply(large, [edit({ entity_id, base_version: 1, patch: { title: 'Changed' } })]);
    await take(folder, large);
    const changed = [...(await ids(folder, SNAPSHOT_REF))].filter(([file, id]) => before.get(file) !== id);
    expect(changed.map(([file]) => file).sort()).toEqual([
      'meta.json',
      `work_items/${entity_id.slice(0, 2)}.jsonl`,
    ]);
    expect((await read(folder)).tables).toEqual(await keptRows(large));
  });

  it('never takes the place of a newer one, or of another project’s', async () => {
    const older = memorySession();
    await older.write((c) => found(c));
    const other = memorySession();
    await other.write((c) => found(c, newRecordId()));
    await take(folder, session);
    const tip = await git(folder, 'rev-parse', SNAPSHOT_REF);
    expect(await take(folder, older)).toMatchObject({ written: false, reason: 'newer' });
    expect(await take(folder, other)).toMatchObject({ written: false, reason: 'other_project' });
    expect(await git(folder, 'rev-parse', SNAPSHOT_REF)).toBe(tip);
    expect(await readSnapshot(folder, newRecordId())).toEqual({
      unavailable: expect.stringContaining('another project') as string,
    });
  });

  it('is put after another process’s, when that was faster', async () => {
    await take(folder, session);
    const faster = memorySession();
    await fillSession(faster);
    await apply(faster, [renamed('One', 1)]);
    await apply(session, [renamed('One', 1), renamed('Two', 2)]);
    const outcome = await writeSnapshot(folder, async (work) => {
      expect((await take(folder, faster)).written).toBe(true);
      return await session.read(work);
    });
    expect(outcome.written).toBe(true);
    expect(await git(folder, 'rev-list', '--count', SNAPSHOT_REF)).toBe('3\n');
    expect((await read(folder)).tables).toEqual(await keptRows(session));
  });

  it('survives many processes that take it at once', async () => {
    await take(folder, session);
    await apply(session, [renamed('Again', 1)]);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => take(folder, session)));
    expect(outcomes.filter(({ written }) => written)).toHaveLength(1);
    expect(outcomes.map((outcome) => (outcome.written ? 'written' : outcome.reason))).toEqual(
      expect.arrayContaining(['written', 'unchanged']),
    );
    expect((await read(folder)).tables).toEqual(await keptRows(session));
  });
});

describe('a damaged snapshot', () => {
  let folder: string;
  let session: Session;
  let first: Map<TableName, Row[] | undefined>;

  beforeEach(async () => {
    folder = await temporaryProject({ git: true });
    session = memorySession();
    await fillSession(session);
    first = await keptRows(session);
    await take(folder, session, { statusFile: 'first\n' });
    await apply(session, [renamed('Again', 1)]);
    await take(folder, session, { statusFile: 'second\n' });
  });

  const objectOf = async (name: string) =>
    fileOfObject(folder, (await git(folder, 'rev-parse', `${SNAPSHOT_REF}${name}`)).trim());

  const damages: [name: string, object: string, damage: (file: string) => Promise<void>][] = [
    ['a missing file', ':work_items.jsonl', (file) => rm(file)],
    ['a file cut short', ':work_items.jsonl', (file) => overwrite(file, (bytes) => bytes.subarray(0, 40))],
    ['a file of zeros', ':meta.json', (file) => overwrite(file, (bytes) => Buffer.alloc(bytes.length))],
    ['an empty status file object', ':.project_status.md', (file) => overwrite(file, () => Buffer.alloc(0))],
    ['a missing tree', '^{tree}', (file) => rm(file)],
  ];

  it.each(damages)('is passed over for the one before it: %s', async (_name, object, damage) => {
    await damage(await objectOf(object));
    const snapshot = await read(folder, PROJECT_ID);
    expect(snapshot).toMatchObject({ skipped: 1, statusFile: 'first\n' });
    expect(snapshot.tables).toEqual(first);
  });

  it('is followed by a whole one at the next change', async () => {
    await rm(await objectOf(':vendors.jsonl'));
    await rm(await objectOf(':meta.json'));
    await apply(session, [renamed('Third', 2)]);
    expect((await take(folder, session)).written).toBe(true);
    const snapshot = await read(folder);
    expect(snapshot.skipped).toBe(0);
    expect(snapshot.tables).toEqual(await keptRows(session));
  });

  it('does not stand in the way when its commit is lost', async () => {
    await rm(await objectOf(''));
    expect(await readSnapshot(folder)).toEqual({ unavailable: expect.stringContaining('damaged') as string });
    expect((await take(folder, session)).written).toBe(true);
    expect((await read(folder)).tables).toEqual(await keptRows(session));
  });

  it('is refused when a newer version wrote it', async () => {
    const store = async (input: string, ...args: string[]) =>
      execFileSync('git', args, { cwd: folder, input, encoding: 'utf8' }).trim();
    const blob = await store('{"format_version":2}\n', 'hash-object', '-w', '--stdin');
    const tree = await store(`100644 blob ${blob}\tmeta.json\n`, 'mktree');
    const date = 1_800_000_000;
    const seal = ownSeal().of('worktrail snapshot v1', `tree ${tree}\ndate ${date}\n`);
    const env = { GIT_AUTHOR_DATE: `${date} +0000`, GIT_COMMITTER_DATE: `${date} +0000` };
    const commit = execFileSync('git', ['commit-tree', tree, '-p', SNAPSHOT_REF], {
      cwd: folder,
      input: `newer\n\nSeal: ${seal}\n`,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    await git(folder, 'update-ref', SNAPSHOT_REF, commit.trim());
    const newer = expect.stringContaining('newer version') as string;
    expect(await readSnapshot(folder)).toEqual({ unavailable: newer });
    await apply(session, [renamed('Third', 2)]);
    expect(await take(folder, session)).toEqual({ written: false, reason: 'newer', message: newer });
  });
});

async function overwrite(file: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = await readFile(file);
  await chmod(file, 0o644);
  await writeFile(file, change(bytes));
}

describe('a place without a usable repository', () => {
  it('gives the reason and throws nothing', async () => {
    const folder = await temporaryProject();
    const session = memorySession();
    await fillSession(session);
    const why = expect.stringContaining('not in a git repository') as string;
    expect(await take(folder, session)).toEqual({ written: false, reason: 'unavailable', message: why });
    expect(await readSnapshot(folder)).toEqual({ unavailable: why });
    expect(await readCommittedStatusFile(folder)).toBeUndefined();
  });

  it('says when there is no snapshot yet', async () => {
    const folder = await temporaryProject({ git: true });
    expect(await readSnapshot(folder)).toEqual({
      unavailable: expect.stringContaining('no snapshot') as string,
    });
  });

  it('passes on what the store throws', async () => {
    const folder = await temporaryProject({ git: true });
    const broken = () => Promise.reject(new Error('the store is away'));
    await expect(writeSnapshot(folder, broken)).rejects.toThrow('the store is away');
  });
});

describe('other repositories', () => {
  it('may use SHA-256', async () => {
    const folder = await temporaryProject();
    await git(folder, 'init', '--quiet', '--object-format=sha256');
    const session = memorySession();
    await fillSession(session);
    expect(await take(folder, session)).toMatchObject({
      written: true,
      commit: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    await apply(session, [renamed('Again', 1)]);
    expect((await take(folder, session)).written).toBe(true);
    expect((await read(folder)).tables).toEqual(await keptRows(session));
  });

  it('share it between linked work trees', async () => {
    const folder = await temporaryProject({ git: true });
    const linked = path.join(await temporaryProject(), 'linked tree');
    await git(folder, 'worktree', 'add', '--quiet', linked, '-b', 'other');
    const session = memorySession();
    await fillSession(session);
    expect((await take(linked, session)).written).toBe(true);
    expect((await read(folder)).tables).toEqual(await keptRows(session));
  });

  it('have it without any commit of their own', async () => {
    const folder = await temporaryProject();
    await git(folder, 'init', '--quiet');
    const session = memorySession();
    await fillSession(session);
    expect((await take(folder, session)).written).toBe(true);
    expect((await read(folder)).skipped).toBe(0);
  });
});

describe('the committed status file', () => {
  it('is that of the current branch, whatever lies in the folder', async () => {
    const folder = await temporaryProject({ git: true });
    expect(await readCommittedStatusFile(folder)).toBeUndefined();
    const file = path.join(folder, '.project_status.md');
    await writeFile(file, '# Project Status ü\n');
    expect(await readCommittedStatusFile(folder)).toBeUndefined();
    await git(folder, 'add', '.');
    await git(folder, 'commit', '--quiet', '--message', 'Add the status');
    await writeFile(file, 'edited\n');
    expect(await readCommittedStatusFile(folder)).toBe('# Project Status ü\n');
  });
});
