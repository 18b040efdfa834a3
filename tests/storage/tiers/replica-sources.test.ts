// The layers below the primary answer the ordinary questions: a snapshot and a copy like the store itself, the
// status file what it shows.
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, it } from 'vitest';
import { newRecordId } from '../../../src/domain/ids.ts';
import { parseQuery } from '../../../src/domain/search.ts';
import { isProvisional, knownVersion } from '../../../src/domain/provisional-version.ts';
import { packageRoot } from '../../../src/platform/package-root.ts';
import type { Context } from '../../../src/use-cases/support/context.ts';
import { renderStatusFile } from '../../../src/use-cases/status/status-file.ts';
import { readStatus } from '../../../src/use-cases/status/project-status.ts';
import { writeSnapshot } from '../../../src/storage/replicas/snapshot.ts';
import type { Session } from '../../../src/storage/database/connection.ts';
import { imageOf } from '../../../src/storage/primary/memory-session.ts';
import { readerOf, type Reader } from '../../../src/storage/queries/reader.ts';
import { openSqlite } from '../../../src/storage/primary/sqlite.ts';
import {
  LayerUnavailable,
  loadImage,
  loadSnapshot,
  loadStatusFile,
  type Loaded,
} from '../../../src/storage/replicas/replica-sources.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { creation, edit } from '../changes.ts';
import { ITEMS, PROJECT_ID, allRows, apply, fillSession, found, memorySession } from './filled-session.ts';

const PROJECT = { project_id: PROJECT_ID, project_slug: 'test-project', root_commit: null };

const ask = <T>(session: Session, work: (reader: Reader) => Promise<T>) =>
  session.read((c) => work(readerOf(c)));

async function loaded(loading: Promise<Loaded>): Promise<Loaded> {
  const layer = await loading;
  cleanUpLater(() => layer.session.close());
  return layer;
}

/** What people ask, but for the history. */
async function everyAnswer(reader: Reader) {
  const filter = {
    include_deleted: false,
    archived: false,
    limit: 100,
    sort: 'updated' as const,
    now: '2026-03-01T00:00:00.000Z',
  };
  return {
    items: await reader.listWorkItems(filter),
    all: await reader.listWorkItems({ ...filter, include_deleted: true }),
    archived: await reader.listWorkItems({ ...filter, archived: true }),
    labelled: await reader.listWorkItems({ ...filter, label: '🚀' }),
    ready: await reader.listWorkItems({ ...filter, ready: true }),
    roots: await reader.listWorkItems({ ...filter, parent_id: null, sort: 'title' }),
    found: await reader.listWorkItems({ ...filter, text: 'zo', limit: 1 }),
    children: await reader.findChildren([ITEMS.session, ITEMS.moved], 100),
    links: await reader.findDependencies(ITEMS.task),
    counts: (await reader.countItems())
      .filter(({ items }) => items > 0)
      .map((kind) => JSON.stringify(kind, Object.keys(kind).sort()))
      .sort(),
    vendors: await reader.listVendors({ limit: 100 }),
    pdf: await reader.listVendors({ limit: 100, format: 'pdf' }),
    deployments: await reader.listDeployments({ limit: 100 }),
    compliant: await reader.listDeployments({ limit: 100, compliant: true }),
    configuration: await reader.findConfiguration(),
    notes: await reader.listNotes({ item_id: ITEMS.task, limit: 10 }),
    noted: await reader.search({ query: parseQuery('note'), entities: [], archived: false, limit: 10 }),
    project: await reader.findProject(),
    feed: await reader.findFeedPosition(),
  };
}

describe('the snapshot in git', () => {
  let folder: string;
  let original: Session;

  beforeEach(async () => {
    folder = await temporaryProject({ git: true });
    original = memorySession();
    await fillSession(original);
    const now = () => new Date('2026-03-01T12:00:00.000Z');
    expect(await writeSnapshot(folder, (work) => original.read(work), { now })).toMatchObject({
      written: true,
    });
  });

  it('answers like the store it was taken from', async () => {
    const layer = await loaded(loadSnapshot(folder, PROJECT_ID));
    expect(await ask(layer.session, everyAnswer)).toEqual(await ask(original, everyAnswer));
    const { seq } = await ask(original, (reader) => reader.findFeedPosition());
    expect(layer).toMatchObject({ as_of: '2026-03-01T12:00:00.000Z', seq, schema: 'current' });
    expect(layer.notes).toEqual([expect.stringContaining('history')]);
  });

  it('takes writes, with provisional versions', async () => {
    const layer = await loaded(loadSnapshot(folder, undefined));
    await apply(layer.session, [creation({ entity_id: newRecordId(), patch: { parent_id: ITEMS.session } })]);
    await apply(layer.session, [edit({ entity_id: ITEMS.task, base_version: 1, patch: { title: 'New' } })]);
    const task = await ask(layer.session, (reader) => reader.findWorkItem(ITEMS.task));
    expect(task?.title).toBe('New');
    expect(isProvisional(task?.version ?? 0)).toBe(true);
    expect((await ask(original, (reader) => reader.findWorkItem(ITEMS.task)))?.title).not.toBe('New');
  });

  it('is not there for another project, or where none was taken', async () => {
    await expect(loadSnapshot(folder, newRecordId())).rejects.toThrow(/another project/);
    const empty = await temporaryProject({ git: true });
    await expect(loadSnapshot(empty, undefined)).rejects.toThrow(LayerUnavailable);
  });

  it('has the defaults where the store has no configuration', async () => {
    const bare = memorySession();
    await bare.write(async (c) => {
      await found(c);
      await c.db.delete(c.tables.configuration);
    });
    const place = await temporaryProject({ git: true });
    await writeSnapshot(place, (work) => bare.read(work));
    const layer = await loaded(loadSnapshot(place, PROJECT_ID));
    expect(await ask(layer.session, (reader) => reader.findConfiguration())).toMatchObject({
      id: PROJECT_ID,
      version: 1,
      active_context_type: 'feature',
    });
  });
});

describe('the status file', () => {
  let original: Session;
  let text: string;

  beforeEach(async () => {
    original = memorySession();
    await fillSession(original);
    const store = {
      pending: () => Promise.resolve([]),
      read: async <T>(work: (reader: Reader) => Promise<T>) => ({ data: await ask(original, work) }),
    };
    text = await renderStatusFile((await readStatus({ store } as unknown as Context)).data);
  });

  it('answers lists, trees, vendors and deployments with what it shows', async () => {
    const layer = await loaded(loadStatusFile(text, { project: PROJECT }));
    const theirs = await ask(layer.session, everyAnswer);
    const ours = await ask(original, everyAnswer);
    const active = ours.items.items.filter(({ status }) => status === 'active');
    const shown = ({
      id,
      version,
      title,
      item_type,
      status,
      parent_id,
      path: at,
      depth,
      branch_name,
      created_at,
    }: (typeof active)[number]) => ({
      id,
      version: knownVersion(version),
      title,
      item_type,
      status,
      parent_id,
      path: at,
      depth,
      branch_name,
      created_at,
    });
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
    expect(theirs.items.items.map(shown).sort(byId)).toEqual(active.map(shown).sort(byId));
    expect(theirs.items.total_count).toBe(active.length);
    expect(theirs.children.map(({ id }) => id).sort()).toEqual(ours.children.map(({ id }) => id).sort());
    expect(theirs.vendors.summary).toEqual(ours.vendors.summary);
    expect(
      theirs.vendors.items.map(({ id, version, name, status, extractor_version }) => [
        id,
        knownVersion(version),
        name,
        status,
        extractor_version,
      ]),
    ).toEqual(
      ours.vendors.items.map(({ id, version, name, status, extractor_version }) => [
        id,
        version,
        name,
        status,
        extractor_version,
      ]),
    );
    expect(theirs.pdf.items.map(({ id }) => id)).toEqual(ours.pdf.items.map(({ id }) => id));
    const timeline = (answers: typeof ours) =>
      answers.deployments.items.map(({ id, deployed_at, commit_hash, metadata, affected_vendors }) => ({
        id,
        deployed_at,
        commit_hash,
        metadata,
        affected_vendors,
      }));
    expect(timeline(theirs)).toEqual(timeline(ours));
    expect(theirs.configuration).toMatchObject({ id: PROJECT_ID, active_context_type: 'feature' });
  });

  it('says how old it is and what it does not know', async () => {
    const { changed_at } = await ask(original, (reader) => reader.findFeedPosition());
    const layer = await loaded(loadStatusFile(text, { project: PROJECT }));
    expect(layer).toMatchObject({ as_of: changed_at, seq: null });
    expect(layer.notes).toEqual([expect.stringContaining('no descriptions')]);
    const edited = await loaded(
      loadStatusFile(text.replace('Session 1', 'Session one'), { project: PROJECT }),
    );
    expect(edited.notes).toContain('It was edited by hand since Worktrail wrote it.');
  });

  it('gives what was added by hand the same ids each time', async () => {
    const added = text.replace(
      '## Active Work Items (5)\n',
      '## Active Work Items (5)\n### By hand (task)\n  ### Twice (task)\n### Twice (task)\n',
    );
    expect(added).not.toBe(text);
    const layers = [];
    for (let time = 0; time < 2; time += 1)
      layers.push(await loaded(loadStatusFile(added, { project: PROJECT })));
    const [first, second] = await Promise.all(layers.map(({ session }) => allRows(session)));
    expect(second).toEqual(first);
    const rows = first?.workItems?.filter(({ title }) => title === 'By hand' || title === 'Twice');
    expect(rows).toHaveLength(3);
    for (const row of rows ?? [])
      expect(row['id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    expect(layers[0]?.notes).toContainEqual(expect.stringMatching(/^3 of its records have no id/));
  });

  it('is read also where a hand left it odd: doubles, cycles, too deep', async () => {
    const nested = Array.from({ length: 12 }, (_, level) => `${'  '.repeat(level)}### Level ${level} (task)`);
    const heading = '## Active Work Items (5)\n';
    const start = text.indexOf(heading) + heading.length;
    const listed = text.slice(start, text.indexOf('\n## Recent'));
    const odd = `${text.slice(0, start)}${nested.join('\n')}\n${listed}${text.slice(start)}\n${text}`;
    const layer = await loaded(loadStatusFile(odd, { project: PROJECT }));
    const items = (await allRows(layer.session, ['workItems'])).workItems ?? [];
    expect(Math.max(...items.map(({ depth }) => Number(depth)))).toBe(5);
    for (const item of items) expect(String(item['path']).split('/')).toHaveLength(Number(item['depth']) + 2);
    expect(layer.notes).toContainEqual(expect.stringMatching(/^\d+ of its records stand there twice/));
  });

  it('is none when somebody else wrote it', async () => {
    await expect(loadStatusFile('# My own notes\n', { project: PROJECT })).rejects.toThrow(LayerUnavailable);
    await expect(loadStatusFile('', { project: PROJECT })).rejects.toThrow(/not written by Worktrail/);
  });
});

describe('a copy in a file', () => {
  let folder: string;
  let file: string;
  let store: Session;

  beforeEach(async () => {
    folder = await temporaryProject();
    file = path.join(folder, 'cache.db');
    ({ session: store } = await openSqlite({ file }));
    cleanUpLater(() => store.close());
    await fillSession(store);
  });

  it('answers like the store, with what is still in the write-ahead log', async () => {
    expect((await stat(`${file}-wal`)).size).toBeGreaterThan(0);
    const layer = await loaded(loadImage(file));
    expect(await ask(layer.session, everyAnswer)).toEqual(await ask(store, everyAnswer));
    expect(await allRows(layer.session)).toEqual(await allRows(store));
    const position = await ask(store, (reader) => reader.findFeedPosition());
    expect(layer).toMatchObject({
      as_of: position.changed_at,
      seq: position.seq,
      notes: [],
      schema: 'current',
    });
  });

  it('stays as it was when the copy is written to', async () => {
    const layer = await loaded(loadImage(file));
    await apply(layer.session, [edit({ entity_id: ITEMS.task, base_version: 1, patch: { title: 'New' } })]);
    await layer.session.write((c) => c.db.delete(c.tables.workItemLabels)).catch(() => undefined);
    expect((await ask(store, (reader) => reader.findWorkItem(ITEMS.task)))?.title).not.toBe('New');
  });

  it('shows one moment while others write', async () => {
    const images = [];
    for (let number = 0; number < 5; number += 1) {
      await apply(store, [creation({ entity_id: newRecordId() })]);
      images.push(loadImage(file));
    }
    for (const layer of await Promise.all(images)) {
      cleanUpLater(() => layer.session.close());
      const rows = await allRows(layer.session, ['changes']);
      expect(rows.changes?.length).toBe(layer.seq);
    }
  });

  it('is refused when it is missing, empty, cut, damaged, or of another program', async () => {
    await store.close();
    const broken = async (name: string, change: (copy: string) => unknown) => {
      const copy = path.join(folder, name);
      await copyFile(file, copy);
      await change(copy);
      await expect(loadImage(copy), name).rejects.toThrow(LayerUnavailable);
    };
    await broken('missing.db', (copy) => rm(copy));
    await broken('empty.db', (copy) => truncate(copy, 0));
    await broken('cut.db', (copy) => truncate(copy, 30_000));
    await broken('text.db', (copy) => writeFile(copy, 'not a database, only text\n'.repeat(1_000)));
    await broken('damaged.db', async (copy) => {
      const bytes = await readFile(copy);
      bytes.fill(0xff, 8_192, bytes.length - 4_096);
      await writeFile(copy, bytes);
    });
    await broken('other.db', (copy) => new Database(copy).pragma('application_id = 7'));
    await broken('homeless.db', (copy) => new Database(copy).exec('delete from meta'));
    expect(() => imageOf(path.join(folder, 'missing.db'))).toThrow(/cannot be opened/);
  });
});

const readOnlyReason =
  process.platform === 'win32' ? 'folders are not made read-only like this here' : undefined;

describeUnless(readOnlyReason, 'a copy in a folder that may only be read', () => {
  const unprivileged = fileURLToPath(new URL('../../processes/fixtures/unprivileged.cjs', import.meta.url));

  /** `imageOf` in a process that file permissions bind, which a test run by root is not: the length of the image. */
  async function imageLength(file: string): Promise<string> {
    const module = path.join(packageRoot(), 'src/storage/primary/memory-session.ts');
    const code = `import(${JSON.stringify(module)}).then(({ imageOf }) => console.log(imageOf(${JSON.stringify(file)}).length))`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--require', unprivileged, '--import', 'tsx', '--eval', code],
      { cwd: packageRoot() },
    );
    return stdout.trim();
  }

  it('is read with its write-ahead log, and leaves nothing behind', async () => {
    const folder = await temporaryProject();
    const original = path.join(folder, 'worktrail.db');
    const { session } = await openSqlite({ file: original });
    cleanUpLater(() => session.close());
    await fillSession(session);
    const readOnly = path.join(folder, 'read-only');
    await mkdir(readOnly);
    const copy = path.join(readOnly, 'worktrail.db');
    for (const suffix of ['', '-wal']) await copyFile(`${original}${suffix}`, `${copy}${suffix}`);
    for (const name of await readdir(readOnly)) await chmod(path.join(readOnly, name), 0o444);
    await chmod(folder, 0o755);
    await chmod(readOnly, 0o555);
    cleanUpLater(() => chmod(readOnly, 0o755));
    expect(await imageLength(copy)).toBe(String(imageOf(original).length));
    expect((await readdir(readOnly)).sort()).toEqual(['worktrail.db', 'worktrail.db-wal']);
  });
});
