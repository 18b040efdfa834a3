// What one folder wrote about one item arrives in that order, and what is held back moves on by itself.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { newRecordId } from '../../../src/domain/ids.ts';
import { HeldBack, footprintOf } from '../../../src/domain/footprint.ts';
import { OUTBOX_FILE, openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';
import type { Replica } from '../../../src/storage/replicas/replica.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { postgresSkipReason } from '../../support/postgres.ts';
import { faultyTables } from '../../support/table-faults.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { UNHURRIED, databaseWithSchema, inFolder, openTrackerAt } from '../backends.ts';
import { creation, edit, linking, noting } from '../changes.ts';
import { refusalOf } from '../refusal.ts';
import { Tracker } from '../tracker.ts';
import { makeEntry } from './journal-entries.ts';

const PATIENCE_MS = 30_000;
/** What is settled elsewhere was noticed after 16 s. */
const SETTLED_MAX_MS = 12_000;

describeUnless(postgresSkipReason(), 'what waits for PostgreSQL', () => {
  it('keeps its order while a right is missing, and says why it waits', async () => {
    const { place, tracker: founder } = await newPlace();
    const item = await founder.create();
    const other = await founder.create();
    await founder.store.close();
    const tables = await faultyTables(place.databaseUrl ?? '', 'worktrail_test_project');
    const mend = await tables.break('notes', 'right');
    const outbox = await keep(place, [noteOn(item.id, 'first')]);
    const tracker = await openTrackerAt({ ...place, databaseUrl: tables.url });
    await until(() => outbox.attempts().size > 0);

    const updated = await tracker.updateAnswer(item, { title: 'after the first note' });
    expect(updated.durability).toBe('outbox');
    expect((await tracker.noteAnswer(item, 'second')).durability).toBe('outbox');
    expect((await tracker.updateAnswer(other, { title: 'has nothing to do with it' })).durability).toBe(
      'postgres',
    );
    await until(async () => {
      const { warnings } = await tracker.store.read((reader) => reader.findFeedPosition());
      const said = warnings.find(({ code }) => code === 'pending_changes')?.message ?? '';
      return said.includes('(table notes)') && said.includes('worktrail doctor');
    });
    for (const { attempts } of outbox.attempts().values()) expect(attempts).toBe(0);

    await mend();
    await until(async () => (await outbox.list()).length === 0);
    await outbox.close();
    const { items } = await tracker.history({ id: item.id });
    const order = items.toReversed().map(({ entity, kind }) => `${kind} ${entity}`);
    expect(order).toEqual(['create work_item', 'create note', 'update work_item', 'create note']);
    const notes = await tracker.notes(item);
    expect(notes.items.map(({ text }) => text)).toEqual(expect.arrayContaining(['first', 'second']));
  });

  it('and does not fit is said to be missing in the answer to the next write', async () => {
    const { place, tracker: founder } = await newPlace();
    const item = await founder.update(await founder.create(), { title: 'theirs' });
    await founder.store.close();
    const tables = await faultyTables(place.databaseUrl ?? '', 'worktrail_test_project');
    await tables.break('notes', 'right');
    const built = { base_version: 1, base_fields: { title: 'before it' } };
    const misfit = makeEntry({ kind: 'update', entity_id: item.id, ...built, patch: { title: 'mine' } });
    const outbox = await keep(place, [noteOn(item.id, 'in front of it'), misfit]);
    const tracker = await openTrackerAt({ ...place, databaseUrl: tables.url });
    await until(() => outbox.attempts().size > 0);
    const { durability, data, warnings } = await tracker.updateAnswer(item, { priority: 1 });
    expect({ durability, title: data.title }).toEqual({ durability: 'outbox', title: 'theirs' });
    const said = warnings.find(({ code }) => code === 'pending_changes')?.message;
    expect(said).toBe('1 change made here waits to be applied; this answer does not include it.');
    await outbox.close();
  });

  it('is not denied where no copy shows it', async () => {
    const { place, tracker: founder } = await newPlace();
    const item = await founder.create();
    await founder.store.close();
    const tables = await faultyTables(place.databaseUrl ?? '', 'worktrail_test_project');
    const mend = await tables.break('notes', 'right');
    const id = newRecordId();
    const waits = noteOn(item.id, 'together with an item');
    waits.changes.push(creation({ entity_id: id, patch: { title: 'waits' } }));
    const outbox = await keep(place, [waits]);
    const store = await openStore({ ...place, databaseUrl: tables.url, timeouts: UNHURRIED });
    cleanUpLater(() => store.close());
    (store.parts.replicas as Replica[]).length = 0;
    const tracker = new Tracker(store, place);
    await until(() => outbox.attempts().size > 0);
    const { error, message, next } = await refusalOf(tracker.query(id));
    expect(error).toBe('DatabaseError');
    expect(message).toContain('1 change made here waits to be applied, which no copy can show at the moment');
    expect(next).toContain('Repeat the call');
    await mend();
    await until(async () => (await outbox.list()).length === 0);
    expect(await tracker.query(id)).toMatchObject({ title: 'waits' });
    expect((await refusalOf(tracker.query(newRecordId()))).error).toBe('NotFoundError');
    await outbox.close();
  });

  it('moves on within seconds when a conflict is settled in another folder; notes do not wait for that', async () => {
    const { place, tracker: mine } = await newPlace();
    await mine.store.close();
    const elsewhere = inFolder(await temporaryProject(), place.databaseUrl);
    const founder = await openTrackerAt({ ...elsewhere, slug: { value: 'test-project', explicit: true } });
    const item = await founder.create();
    await founder.update(item, { title: 'theirs' });
    const titled = (title: string) =>
      makeEntry({
        ...{ kind: 'update', entity_id: item.id, base_version: 1 },
        ...{ patch: { title }, base_fields: { title: item.title } },
      });
    const outbox = await keep(place, [
      titled('one'),
      noteOn(item.id, 'said after one'),
      titled('two'),
      titled('three'),
    ]);
    await openTrackerAt(place);
    await until(async () => (await openConflicts(founder)).length === 1);
    await until(async () => (await outbox.list()).length === 2);
    expect((await founder.notes(item)).items.map(({ text }) => text)).toEqual(['said after one']);
    for (let left = 2; left >= 0; left -= 1) {
      const [conflict] = await openConflicts(founder);
      await founder.store.write([
        makeEntry({
          ...{ entity: 'conflict', kind: 'resolve', entity_id: conflict?.id ?? '' },
          patch: { resolution: 'keep_theirs' },
        }).changes[0] as never,
      ]);
      const settledAt = Date.now();
      await until(async () => (await outbox.list()).length <= Math.max(0, left - 1));
      expect(Date.now() - settledAt, 'until the next one was tried').toBeLessThan(SETTLED_MAX_MS);
    }
    expect(await openConflicts(founder)).toEqual([]);
    await outbox.close();
  });
});

it('a note keeps its place among the writes to its item for a while, and waits for no decision about it', () => {
  const [id, another] = [newRecordId(), newRecordId()];
  const note = footprintOf([noting({ entity_id: newRecordId(), patch: { item_id: id, text: 'x' } })]);
  const update = footprintOf([edit({ entity_id: id, base_version: 1, patch: { title: 'x' } })]);
  const link = footprintOf([linking(another, 'blocks', id)]);
  const held = new HeldBack();
  held.hold(note, 'moment');
  expect([note, update, link].map((footprint) => held.waitOf(footprint))).toEqual([
    'moment',
    'moment',
    'moment',
  ]);
  const behind = new HeldBack();
  behind.hold(update, 'person');
  expect(behind.waitOf(note)).toBeUndefined();
  expect(behind.waitOf(update)).toBe('person');
  const token = footprintOf([
    noting({ entity_id: newRecordId(), patch: { item_id: id, text: 'x' }, claim_token: 1 }),
  ]);
  expect(behind.waitOf(token)).toBe('person');
});

const noteOn = (item_id: string, text: string) => makeEntry({ entity: 'note', patch: { item_id, text } });

async function newPlace() {
  const place = inFolder(await temporaryProject(), await databaseWithSchema());
  return { place, tracker: await openTrackerAt(place) };
}

/** Lets these wait in the folder, in their order. */
async function keep(place: OpenOptions, entries: JournalEntry[]) {
  const outbox = openOutbox(path.join(place.dataDir, OUTBOX_FILE));
  const began = Date.now();
  for (const [at, entry] of entries.entries()) await outbox.append({ ...entry, lamport: began + at });
  return outbox;
}

async function openConflicts({ store }: Awaited<ReturnType<typeof openTrackerAt>>) {
  const { data } = await store.read((reader) => reader.listConflicts({ resolved: false, limit: 9 }));
  return data.items;
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50)) if (await isSo()) return;
  expect.fail('it did not come to that');
}
