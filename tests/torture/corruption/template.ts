// A tracker with a history and four writes that wait, made once for each kind of primary and copied for each case.
import { cpSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { writeStatusFile } from '../../../src/use-cases/status/status-file.ts';
import { writeSnapshot } from '../../../src/storage/replicas/snapshot.ts';
import { openPrimary } from '../../../src/storage/opening/open-primary.ts';
import { openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import { inFolder } from '../../storage/backends.ts';
import { Tracker } from '../../storage/tracker.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { copiesAreFresh, impatientClock, settled } from './patience.ts';
import { nameOf } from './sql.ts';

export type Kind = 'postgres' | 'embedded';

export interface Template {
  kind: Kind;
  /** Where its databases are, and the copies of them. */
  server: PostgresServer;
  /** A project folder with twelve items, a snapshot, a status file, and four writes that wait. */
  folder: string;
  /** The `.worktrail` folder and the status file as they were when the project had eight items. */
  older: string;
  /** Databases to copy from; undefined for an embedded tracker. */
  databases: { now: string; older: string; foreign: string } | undefined;
  /** Another project's folder, made the same way. */
  foreign: string;
  /** The ids of the waiting writes, in order. */
  waiting: string[];
  items: Item[];
}

export interface Item {
  id: string;
  version: number;
  title: string;
}

/** What the first two of the waiting writes do. */
export const RENAMED = 'Renamed offline';
export const CHILD = 'Child made offline';

export async function makeTemplate(kind: Kind, server: PostgresServer): Promise<Template> {
  const now = await makeProject(kind, 'test-project', server);
  const foreign = await makeProject(kind, 'other-project', server);
  const databases =
    now.database === undefined
      ? undefined
      : {
          now: nameOf(now.database),
          older: nameOf(now.olderDatabase ?? ''),
          foreign: nameOf(foreign.database ?? ''),
        };
  return { ...now, kind, server, folder: now.project, databases, foreign: foreign.project };
}

interface Made {
  project: string;
  database: string | undefined;
  older: string;
  olderDatabase: string | undefined;
  waiting: string[];
  items: Item[];
}

async function makeProject(kind: Kind, slug: string, server: PostgresServer): Promise<Made> {
  const project = await temporaryProject({ git: true });
  const database = kind === 'postgres' ? await server.createDatabase() : undefined;
  const proxy = database === undefined ? undefined : await startProxy(database);
  const place: OpenOptions = {
    ...inFolder(project, proxy?.url),
    slug: { value: slug, explicit: false },
    clock: impatientClock,
  };
  const asAway = async (work: (tracker: Tracker) => Promise<void>): Promise<void> => {
    const file = path.join(place.dataDir, 'worktrail.db');
    await proxy?.setMode('refuse');
    if (proxy === undefined) renameSync(file, `${file}.kept`);
    await withTracker(place, work);
    if (proxy === undefined) renameSync(`${file}.kept`, file);
    await proxy?.setMode('pass');
  };

  const items: Item[] = [];
  await withTracker(place, async (tracker) => {
    for (let n = 1; n <= 8; n += 1) {
      items.push(await tracker.create({ title: `${slug} item ${n}` }));
      tracker.clock.advance(60);
    }
    await tracker.register({ name: 'Vendor A', extractor_version: '1.0.0' });
    await writeStatusFile(tracker.context, place);
  });
  await takeSnapshot(place);
  await asAway(async (tracker) => {
    items[0] = await tracker.update(items[0] as Item, { description: 'An early offline edit' });
  });
  const older = path.join(await temporaryProject(), 'older');
  cpSync(place.dataDir, path.join(older, '.worktrail'), { recursive: true });
  cpSync(path.join(project, '.project_status.md'), path.join(older, '.project_status.md'));
  const olderDatabase = database && (await server.createDatabase(undefined, { template: nameOf(database) }));

  await withTracker(place, async (tracker) => {
    await settled(tracker);
    for (let n = 9; n <= 12; n += 1) {
      tracker.clock.advance(60);
      items.push(await tracker.create({ title: `${slug} item ${n}` }));
    }
    await tracker.deploy();
    items[0] = await tracker.query((items[0] as Item).id);
    await writeStatusFile(tracker.context, place);
    await copiesAreFresh(tracker);
  });
  await takeSnapshot(place);

  let waiting: string[] = [];
  await asAway(async (tracker) => {
    const [first, second] = items as [Item, Item];
    const renamed = await tracker.update(first, { title: RENAMED });
    await tracker.create({ title: CHILD, parent_id: first.id });
    await tracker.update(renamed, { status: 'blocked' });
    await tracker.update(second, { priority: 1 });
    await writeStatusFile(tracker.context, place);
    waiting = (await tracker.context.store.pending()).map(({ id }) => id);
  });
  expect(waiting).toHaveLength(4);
  await proxy?.stop();
  return { project, database, older, olderDatabase, waiting, items };
}

async function takeSnapshot(place: OpenOptions): Promise<void> {
  const primary = await openPrimary(place);
  try {
    const text = readFileSync(path.join(place.projectDir, '.project_status.md'), 'utf8');
    const outcome = await writeSnapshot(place.projectDir, (work) => primary.inSnapshot(work), {
      statusFile: text,
    });
    expect(outcome.written || outcome.reason === 'unchanged', JSON.stringify(outcome)).toBe(true);
  } finally {
    await primary.close();
  }
}

export async function withTracker(
  place: OpenOptions,
  work: (tracker: Tracker) => Promise<void>,
): Promise<void> {
  const store = await openStore(place);
  try {
    await work(new Tracker(store, place));
  } finally {
    await store.close();
  }
}
