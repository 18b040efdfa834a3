// Trackers to be exported, and what is in an export and in a store, to compare.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fill } from '../../../bench/fill.ts';
import { exportToFile } from '../../../src/storage/export/export.ts';
import { PATIENT_TIMEOUTS } from '../../../src/storage/export/source.ts';
import {
  SQLITE_FILE,
  openPrimary,
  readMemory,
  schemaName,
} from '../../../src/storage/opening/open-primary.ts';
import { openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import type { Session } from '../../../src/storage/database/connection.ts';
import { openPostgres } from '../../../src/storage/primary/postgres.ts';
import { openSqlite } from '../../../src/storage/primary/sqlite.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { freshDatabase, inFolder, type Backend } from '../backends.ts';
import { allRows } from '../tiers/filled-session.ts';
import { Tracker } from '../tracker.ts';

/** An empty folder, on a database of its own where that is PostgreSQL. */
export async function emptyPlace(backend: Backend): Promise<OpenOptions> {
  return inFolder(
    await temporaryProject(),
    backend.source === 'postgres' ? await freshDatabase() : undefined,
  );
}

/** The store of a place, past all tiers. */
export async function sessionOf(place: OpenOptions): Promise<Session> {
  const slug = readMemory(place.dataDir)?.project_slug ?? place.slug.value;
  const { session } =
    place.databaseUrl === undefined
      ? await openSqlite({ file: path.join(place.dataDir, SQLITE_FILE) })
      : await openPostgres({
          url: place.databaseUrl,
          schema: schemaName(slug),
          timeouts: PATIENT_TIMEOUTS,
        });
  return session;
}

export async function rowsOf(place: OpenOptions) {
  const session = await sessionOf(place);
  try {
    return await allRows(session);
  } finally {
    await session.close();
  }
}

/** What search finds in a store, whichever way its index came to be. */
export async function searchRows(place: OpenOptions): Promise<string[]> {
  const tracker = await useTracker(place, async (one) => {
    const { items } = await one.search('task OR planned OR note', { limit: 50 });
    return items.map((item) => JSON.stringify(item)).sort();
  });
  return tracker;
}

/** Works with the tracker of a place as another process would, and leaves it. */
export async function useTracker<T>(place: OpenOptions, work: (tracker: Tracker) => Promise<T>): Promise<T> {
  const store = await openStore(place);
  try {
    return await work(new Tracker(store, place));
  } finally {
    await store.close();
  }
}

/** A founded tracker with a few hundred rows. */
export async function filledPlace(backend: Backend, items = 60): Promise<OpenOptions> {
  const place = await emptyPlace(backend);
  await (await openPrimary(place)).close();
  const session = await sessionOf(place);
  await fill(session, items);
  await session.close();
  return place;
}

/** The export of a place, as a file in its folder, with its text but for the time. */
export async function exported(place: OpenOptions, name = 'all.jsonl') {
  const file = path.join(place.projectDir, name);
  const report = await exportToFile({ ...place, to: file, folder: place.projectDir });
  const text = await readFile(file, 'utf8');
  return { file, report, text: text.replace(/"taken_at":"[^"]+"/, '"taken_at":""') };
}
