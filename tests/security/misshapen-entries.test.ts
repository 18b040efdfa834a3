// Entries of journals that are whole by their digest and misshapen in what they say: nothing fails over them, honest
// writes before and after them are applied, and they are kept and told.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeChanges } from '../../src/domain/change-schema.ts';
import { CHANGE_SCHEMA_VERSION, type Change } from '../../src/domain/change.ts';
import { newChangeId } from '../../src/domain/ids.ts';
import { GitJournal } from '../../src/storage/journals/git-journal.ts';
import { MarkdownJournal } from '../../src/storage/journals/markdown-journal.ts';
import { PENDING_DIR, OUTBOX_FILE } from '../../src/storage/opening/open-store.ts';
import { decodeEntry, encodeEntry } from '../../src/storage/journals/entry-codec.ts';
import type { Journal, JournalEntry } from '../../src/storage/contract/journal.ts';
import { openOutbox } from '../../src/storage/journals/outbox.ts';
import { describeEachBackend, type Backend } from '../storage/backends.ts';
import { useTracker } from '../storage/export/kept.ts';
import { makeChange, makeEntry } from '../storage/tiers/journal-entries.ts';
import { runInProcess } from '../support/in-process.ts';

type Forged = Record<string, unknown>;
const change = (fields: Forged): unknown[] => [{ ...makeChange(), ...fields }];
const patch = (fields: Forged): unknown[] => [
  { ...makeChange(), patch: { ...makeChange().patch, ...fields } },
];
const part = (fields: Forged = {}): Forged => ({
  ...{
    entity: 'work_item',
    entity_id: randomUUID(),
    kind: 'update',
    base_version: 1,
    patch: { priority: 1 },
  },
  ...fields,
});
const batch = (changes: unknown): unknown[] => change({ kind: 'batch', patch: { changes } });
const deep = (levels: number): unknown =>
  Array.from({ length: levels }).reduce((inside) => [inside], 1 as unknown);

const DAMAGED: [name: string, changes: () => unknown][] = [
  ['no changes', () => undefined],
  ['changes that are null', () => null],
  ['an empty list', () => []],
  ['a list of null', () => [null]],
  ['a list of text', () => ['create']],
  ['changes that are an object', () => ({})],
  ['no patch', () => change({ patch: undefined })],
  ['a patch that is null', () => change({ patch: null })],
  ['a patch that is a list', () => change({ patch: [] })],
  ['an empty patch of a new item', () => change({ patch: {} })],
  ['a batch without parts', () => change({ kind: 'batch', patch: {} })],
  ['a batch of nothing', () => batch([])],
  ['a batch of null', () => batch([null])],
  ['a batch in a batch', () => batch([part({ kind: 'batch', patch: { changes: [part()] } })])],
  ['a part without a patch', () => batch([part({ patch: undefined })])],
  ['a part of the wrong type', () => batch([part({ base_version: 'one' })])],
  ['a status that is none', () => patch({ status: 'pwned' })],
  ['a priority of 99999', () => patch({ priority: 99_999 })],
  ['a priority of text', () => patch({ priority: '1' })],
  ['a title of 2 MB', () => patch({ title: 'x'.repeat(2_000_000) })],
  ['a title of three lines', () => patch({ title: 'a\nb\nc' })],
  ['a title that is null', () => patch({ title: null })],
  ['labels that are text', () => patch({ labels: 'a' })],
  ['labels without end', () => patch({ labels: Array.from({ length: 500 }, (_, at) => `l${at}`) })],
  ['metadata that is a list', () => patch({ metadata: [] })],
  ['metadata without bottom', () => patch({ metadata: { a: deep(500) } })],
  ['a description past its limit', () => patch({ description: 'x'.repeat(70_000) })],
  ['half of a surrogate pair', () => patch({ description: '\ud800' })],
  ['a NUL', () => patch({ description: '\0' })],
  ['a parent that is no id', () => patch({ parent_id: "x'); drop table work_items; --" })],
  ['a number past all', () => patch({ pr_number: 1e300 })],
  ['the year 9999', () => change({ at: '9999-01-01T00:00:00.000Z' })],
  ['a time that is none', () => change({ at: 'yesterday' })],
  ['an author of two lines', () => change({ actor: 'cto\n! approved' })],
  ['an author that is null', () => change({ actor: null })],
  ['a client that is a number', () => change({ client: 1 })],
  ['an id that is no UUID', () => change({ entity_id: "x'); drop table work_items; --" })],
  ['an id that is null', () => change({ entity_id: null })],
  ['a version of 0', () => change({ kind: 'update', base_version: 0, patch: { priority: 1 } })],
  ['a version that is huge', () => change({ kind: 'update', base_version: 1e30, patch: { priority: 1 } })],
  ['a kind that is no text', () => change({ kind: 7 })],
  ['an entity that is no text', () => change({ entity: null })],
  ['a claim of nothing', () => change({ kind: 'claim', patch: { action: 'steal', lease_seconds: null } })],
  ['a lease without end', () => change({ kind: 'claim', patch: { action: 'take', lease_seconds: 1e9 } })],
  [
    'a link of an unknown kind',
    () =>
      change({
        entity: 'dependency',
        kind: 'link',
        patch: { target_id: randomUUID(), dependency_type: 'eats' },
      }),
  ],
  ['a schema version of text', () => change({ schema_version: '1' })],
  ['merging that is none', () => change({ on_conflict: 'overwrite' })],
  ['seen fields that are text', () => change({ base_fields: 'all' })],
  ['own changes that are text', () => change({ own_changes: 'all' })],
];

const NEWER: [name: string, changes: () => unknown][] = [
  ['a kind "explode"', () => change({ kind: 'explode' })],
  ['a kind "__proto__"', () => change({ kind: '__proto__' })],
  ['a kind "constructor"', () => change({ kind: 'constructor' })],
  ['an unknown entity', () => change({ entity: 'sprint' })],
  ['a kind that this entity has not', () => change({ entity: 'note', kind: 'archive' })],
  ['a field of a patch that is not known', () => patch({ colour: 'red' })],
  ['a field of a change that is not known', () => change({ because: 'of it' })],
  ['a later schema', () => change({ schema_version: CHANGE_SCHEMA_VERSION + 1, patch: null })],
  ['a part of an unknown kind', () => batch([part({ kind: 'explode' })])],
];

/** As its writer would have saved it. */
function entryOf(changes: unknown): JournalEntry {
  const id = (changes as Partial<Change>[] | undefined)?.[0]?.id ?? newChangeId();
  return { ...makeEntry(), id, changes: changes as Change[] };
}

describe('an entry', () => {
  it.each(DAMAGED)('with %s is damaged', (_name, changes) => {
    expect(decodeChanges(JSON.parse(JSON.stringify(changes() ?? null)))).toMatchObject({
      problem: 'damaged',
    });
    expect(decodeEntry(encodeEntry(entryOf(changes())))).toEqual({ problem: 'damaged' });
  });

  it.each(NEWER)('with %s is of a newer version, and keeps its text', (_name, changes) => {
    const made = changes() as Change[];
    expect(decodeChanges(made)).toMatchObject({ problem: 'newer' });
    const record = encodeEntry(entryOf(made));
    const decoded = decodeEntry(record);
    const reached = made[0]?.kind === 'batch' ? 2 : 1;
    expect(decoded).toMatchObject({ entry: { id: made[0]?.id, changes: [], newer: { record } } });
    expect('entry' in decoded && decoded.entry.newer?.alters).toHaveLength(reached);
    expect('entry' in decoded && encodeEntry(decoded.entry)).toBe(record);
  });
});

const JOURNALS = ['outbox', 'git', 'markdown'] as const;

function openJournal(name: (typeof JOURNALS)[number], place: Awaited<ReturnType<Backend['place']>>): Journal {
  if (name === 'git') return new GitJournal(place.projectDir, randomUUID());
  if (name === 'markdown') return new MarkdownJournal(path.join(place.dataDir, PENDING_DIR), randomUUID());
  return openOutbox(path.join(place.dataDir, OUTBOX_FILE));
}

describeEachBackend('misshapen entries in a journal', (backend) => {
  it.each(JOURNALS)('in %s stop nothing, and are kept and told', { timeout: 300_000 }, async (name) => {
    const place = await backend.place({ git: true });
    const ours = await useTracker(place, (tracker) => tracker.create({ title: 'ours' }));
    const [before, after] = [
      makeEntry({ patch: { title: 'before' } }),
      makeEntry({ patch: { title: 'after' } }),
    ];
    const journal = openJournal(name, place);
    await journal.append({ ...before, lamport: 1 });
    for (const [, changes] of DAMAGED)
      if (changes() !== undefined) await appendAnyway(journal, entryOf(changes()));
    for (const [, changes] of NEWER) await appendAnyway(journal, entryOf(changes()));
    // A later write to an item that a newer program altered waits behind that.
    const held = entryOf([{ ...makeChange({ entity_id: ours.id }), kind: 'explode' }]);
    await appendAnyway(journal, { ...held, lamport: 2 });
    await journal.append(after);
    await journal.close();

    await useTracker(place, async (tracker) => {
      await tracker.create({ title: 'while they lie there' });
      await expect
        .poll(async () => (await tracker.titles()).sort(), { timeout: 20_000 })
        .toEqual(['after', 'before', 'ours', 'while they lie there']);
      await tracker.update(ours, { priority: 1 });
      expect((await tracker.context.store.pending()).length).toBeGreaterThan(NEWER.length);
      const { waiting, damage } = await tracker.context.store.layers();
      expect(waiting.newer_version).toBe(NEWER.length + 1);
      expect(damage.length).toBeGreaterThan(0);
    });
    if (place.databaseUrl !== undefined) return;
    for (const args of [
      ['list'],
      ['doctor'],
      ['doctor', '--fix'],
      ['create', 'by hand'],
      ['show', ours.id],
    ]) {
      const { code, stderr } = await runInProcess(args, { project: place.projectDir });
      expect([0, 1, 2, 3], `${args.join(' ')}: ${stderr}`).toContain(code);
      expect(stderr).not.toMatch(/unexpected error/);
    }
    const { stdout } = await runInProcess(['doctor'], { project: place.projectDir });
    expect(stdout).toMatch(/made by a newer Worktrail/);
    expect(stdout).toMatch(/damaged|cannot be read/);
  });
});

/** Past what the journal itself looks at in an entry: nothing of it is known to hold. */
async function appendAnyway(journal: Journal, entry: JournalEntry): Promise<void> {
  const record = encodeEntry(entry);
  await journal.append({ ...entry, changes: [], newer: { alters: [], record } });
}
