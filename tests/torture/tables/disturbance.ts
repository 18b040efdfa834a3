// A table that refuses writes for a while, and folders that write meanwhile: one for each kind of write, one that goes
// on about a single item, and one in which writes of every kind waited before.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { expect } from 'vitest';
import { batchPatch } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { OUTBOX_FILE, openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import type { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import { freshDatabase, inFolder, openTrackerAt } from '../../storage/backends.ts';
import { withHonestWrites } from '../../storage/honest-writes.ts';
import { makeEntry } from '../../storage/tiers/journal-entries.ts';
import { Tracker } from '../../storage/tracker.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { faultyTables, type TableFault } from '../../support/table-faults.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import type { Random } from '../model/random.ts';
import { KINDS_OF_WRITES, type IsThere } from './kinds-of-writes.ts';

const SCHEMA = 'worktrail_test_project';
const WRITES_EACH = 4;
/** The bar is far below: what takes longer is told with how long it took. */
const GIVE_UP_MS = 60_000;
const LOOK_MS = 50;

export interface Outcome {
  /** Until nothing waited any more, from the end of the fault on, by the kind of write. */
  kinds: Map<string, number>;
  /** The same for folders in which writes of many kinds wait for each other. */
  others: Map<string, number>;
  writes: number;
  /** How many of them waited when the fault ended. */
  kept: number;
}

interface Folder {
  name: string;
  store: TieredStore;
  tracker: Tracker;
  /** What was asked for and acknowledged, in order; of writes that waited before, these. */
  asked: Change[];
  expected: IsThere[];
}

type Item = { id: string; version: number };

export async function disturb(
  table: string,
  fault: TableFault,
  faultMs: number,
  random: Random,
): Promise<Outcome> {
  const { url, place, founder, items } = await founded();
  const tables = await faultyTables(url, SCHEMA);
  const kinds: Folder[] = [];
  for (const name of Object.keys(KINDS_OF_WRITES)) kinds.push(await newFolder(name, tables.url));
  const single = await newFolder('one item', tables.url);
  const waiting = await keepAll(place, founder, items);

  const mend = await tables.break(table, fault);
  const mixed = await openFolder('all kinds', { ...place, databaseUrl: tables.url });
  mixed.asked.push(...waiting);
  const until = Date.now() + faultMs;
  const work = [...kinds.map((folder) => writeOneKind(folder, items, until, random))];
  work.push(goOnAbout(single, items, until), look(mixed, until));
  await sleep(faultMs);
  await mend();
  const endedAt = Date.now();
  await Promise.all(work);
  const all = [...kinds, single, mixed];
  const left = await Promise.all(all.map(async ({ store }) => (await store.pending()).length));
  const through = await Promise.all(all.map((folder) => untilThrough(folder, endedAt)));

  await expectAllOnce(url, all);
  // Who had to do with the fault may still answer from a copy, which knows nothing of other folders.
  const there = await openTrackerAt(placeOf(await temporaryProject(), url));
  for (const { name, expected } of all) {
    for (const isThere of expected) expect(await isThere(there), name).toBe(true);
  }
  const measured = all.map(({ name }, at) => [name, through[at] ?? 0] as const);
  return {
    kinds: new Map(measured.slice(0, kinds.length)),
    others: new Map(measured.slice(kinds.length)),
    writes: all.reduce((sum, { asked }) => sum + asked.length, 0),
    kept: left.reduce((sum, count) => sum + count, 0),
  };
}

/** A project of which every write has items of its own. */
async function founded() {
  const url = await freshDatabase();
  const place = inFolder(await temporaryProject(), url);
  const founder = await openTrackerAt(place);
  const wanted = 2 * WRITES_EACH * Object.keys(KINDS_OF_WRITES).length + 8;
  const { ids } = await founder.plan(
    Array.from({ length: wanted }, (_, at) => ({ key: `item${at}`, item_type: 'task', title: 'Task' })),
  );
  const items = Object.values(ids).map((id) => ({ id: String(id), version: 1 }));
  return { url, place, founder, items };
}

async function newFolder(name: string, url: string): Promise<Folder> {
  const folder = await openFolder(name, placeOf(await temporaryProject(), url));
  // Who never wrote here may not: such a write would be refused and not kept.
  await folder.tracker.create({ title: `The first of ${name}` });
  return folder;
}

/** One more folder of the project. */
function placeOf(folder: string, url: string): OpenOptions {
  const place = inFolder(folder, url);
  return { ...place, slug: { ...place.slug, explicit: true } };
}

async function openFolder(name: string, place: OpenOptions): Promise<Folder> {
  const store = await openStore(place);
  cleanUpLater(() => store.close());
  const asked: Change[] = [];
  const tracker = new Tracker(
    withHonestWrites(store, (changes) => asked.push(...changes)),
    place,
  );
  return { name, store, tracker, asked, expected: [] };
}

async function writeOneKind(folder: Folder, items: Item[], until: number, random: Random): Promise<void> {
  const write = KINDS_OF_WRITES[folder.name];
  const own = items.splice(0, 2 * WRITES_EACH);
  const pauses = own.map(() => random.next());
  for (let done = 0; done < WRITES_EACH && (done === 0 || Date.now() < until); done += 1) {
    const [item, other] = own.splice(0, 2) as [Item, Item];
    const isThere = await write?.(folder.tracker, `${folder.name} ${done}`, item, other);
    if (isThere !== undefined) folder.expected.push(isThere);
    await sleep(((pauses[done] ?? 0) * Math.max(0, until - Date.now())) / 2);
  }
}

/** Each of these must stay behind the one before. */
async function goOnAbout({ tracker, expected }: Folder, items: Item[], until: number): Promise<void> {
  const [first, ...others] = items.splice(-4) as [Item, ...Item[]];
  let item = first;
  for (let round = 0; round < WRITES_EACH && (round === 0 || Date.now() < until); round += 1) {
    item = await tracker.update(item, { title: `Round ${round}`, labels: [`round-${round}`] });
    await tracker.note(item, `Round ${round}`);
    const other = others[round];
    if (other !== undefined) await tracker.link(item, 'blocks', other);
    expected.splice(0, 1, async (there) => (await there.query(item.id)).title === `Round ${round}`);
    await sleep(Math.max(0, until - Date.now()) / 3);
  }
}

/** Each call is looked at by whoever replays: none of them may use up attempts. */
async function look({ store }: Folder, until: number): Promise<void> {
  while (Date.now() < until) {
    await store.read((reader) => reader.findFeedPosition()).catch(() => undefined);
    await sleep(LOOK_MS);
  }
}

/** Writes of all kinds, two of them in the one transaction of an item's change, as they wait where the server was away. */
async function keepAll(place: OpenOptions, founder: Tracker, items: Item[]): Promise<Change[]> {
  const [one, two, three] = items.splice(-3) as [Item, Item, Item];
  const vendor = await founder.register({ name: 'Acme' });
  const update = (entity_id: string, title: string) => ({
    ...({ entity: 'work_item', kind: 'update', entity_id, base_version: 1, patch: { title } } as const),
  });
  const entries = [
    makeEntry({ patch: { title: 'New', labels: ['a'] } }),
    makeEntry({ ...update(one.id, 'Changed'), patch: { labels: ['b'], status: 'blocked' } }),
    makeEntry({ entity: 'note', patch: { item_id: one.id, text: 'First' } }),
    makeEntry({ entity: 'note', patch: { item_id: one.id, text: 'Second' } }),
    makeEntry({
      ...{ entity: 'dependency', kind: 'link', entity_id: two.id },
      patch: { target_id: three.id, dependency_type: 'blocks' },
    }),
    makeEntry({ kind: 'claim', entity_id: two.id, patch: { action: 'take', lease_seconds: null } }),
    makeEntry({ kind: 'batch', entity_id: three.id, patch: batchPatch([update(three.id, 'In bulk')]) }),
    makeEntry({
      ...{ entity: 'vendor', kind: 'update', entity_id: vendor.id, base_version: 1 },
      patch: { status: 'operational' },
    }),
    makeEntry({
      entity: 'enhancement',
      patch: {
        ...{ title: 'Wish', description: null, priority: 3, status: 'planned', target_quarter: null },
        ...{ requires_constitutional_principles: [], depends_on: [] },
      },
    }),
  ];
  const outbox = openOutbox(path.join(place.dataDir, OUTBOX_FILE));
  const began = Date.now();
  for (const [at, entry] of entries.entries()) await outbox.append({ ...entry, lamport: began + at });
  await outbox.close();
  return entries.flatMap(({ changes }) => changes);
}

async function untilThrough({ name, store }: Folder, endedAt: number): Promise<number> {
  while (Date.now() - endedAt < GIVE_UP_MS) {
    if ((await store.pending()).length === 0) return Date.now() - endedAt;
    await sleep(LOOK_MS);
  }
  throw new Error(`${(await store.pending()).length} writes of "${name}" still wait`);
}

/** Nothing is lost, twice, in conflict, or about one item in another order than it was asked for. */
async function expectAllOnce(url: string, folders: readonly Folder[]): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, connection: { search_path: SCHEMA } });
  try {
    expect([...(await sql`select reason from conflicts`)]).toEqual([]);
    const applied = new Set(
      (await sql`select change_id from applied_changes`).map((row) => row['change_id']),
    );
    const feed = await sql<{ change_id: string; entity_id: string; related_id: string | null }[]>`
      select change_id, entity_id, related_id from changes order by seq`;
    const times = new Map<string, number>();
    for (const { change_id, entity_id } of feed) {
      const key = `${change_id} of ${entity_id}`;
      times.set(key, (times.get(key) ?? 0) + 1);
    }
    expect([...times].filter(([, count]) => count > 1)).toEqual([]);
    for (const { name, asked } of folders) {
      const order = asked.map(({ id }) => id);
      expect(
        order.filter((id) => !applied.has(id)),
        `lost of "${name}"`,
      ).toEqual([]);
      const last = new Map<string, number>();
      for (const { change_id, entity_id, related_id } of feed) {
        const at = order.indexOf(change_id);
        if (at < 0) continue;
        for (const id of [entity_id, related_id]) {
          if (id === null) continue;
          expect(at, `order of "${name}"`).toBeGreaterThanOrEqual(last.get(id) ?? 0);
          last.set(id, at);
        }
      }
    }
  } finally {
    await sql.end();
  }
}
