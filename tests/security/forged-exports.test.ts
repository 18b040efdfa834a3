// Exports that are whole by their digest and wrong in what they say: refused by line and field, and nothing is changed.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadExport } from '../../src/storage/export/load.ts';
import { restoreExport } from '../../src/storage/export/restore.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { backends, describeEachBackend, inFolder, type Backend } from '../storage/backends.ts';
import { emptyPlace, exported, useTracker } from '../storage/export/kept.ts';

const sqlite = backends.find(({ source }) => source === 'sqlite') as Backend;

type Row = Record<string, unknown>;
interface Line {
  table: string;
  row: Row;
}

let header: { counts: Record<string, number> } & Row;
let honest: Line[];

async function makeHonest(): Promise<void> {
  const place = await emptyPlace(sqlite);
  await useTracker(place, async (tracker) => {
    const top = await tracker.create({ title: 'top', labels: ['a', 'b'] });
    const below = await tracker.create({ title: 'below', parent_id: top.id, idempotency_key: 'k1' });
    const other = await tracker.create({ title: 'other', idempotency_key: 'k2' });
    await tracker.link(below, 'blocks', other);
    await tracker.claim({ id: below.id });
    await tracker.note(top, 'a note');
    await tracker.enhance({ title: 'first' });
    await tracker.enhance({ title: 'second' });
    await tracker.register({ name: 'Acme' });
    await tracker.register({ name: 'Zeta' });
    await tracker.deploy({ affected_vendors: ['Acme'], related_work_item_ids: [top.id] });
  });
  const { file } = await exported(place);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  header = JSON.parse(lines[0] ?? '') as typeof header;
  honest = lines.slice(1, -1).map((line) => JSON.parse(line) as Line);
}

/** The file with its digest and its counts as they must be. */
function seal(rows: readonly (Line | string)[]): string {
  const texts = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
  const counts = Object.fromEntries(Object.keys(header.counts).map((table) => [table, 0]));
  for (const text of texts) {
    const table = /"table":"(\w+)"/.exec(text)?.[1] ?? '';
    counts[table] = (counts[table] ?? 0) + 1;
  }
  const body = texts.map((text) => `${text}\n`).join('');
  const end = { rows: texts.length, sha256: createHash('sha256').update(body).digest('hex') };
  return `${JSON.stringify({ ...header, counts })}\n${body}${JSON.stringify({ end })}\n`;
}

const copy = () => structuredClone(honest);
const find = (rows: Line[], table: string, at = 0) =>
  rows.filter((one) => one.table === table)[at]?.row ?? {};
const titled = (rows: Line[], title: string) =>
  rows.find(({ table, row }) => table === 'work_items' && row['title'] === title)?.row ?? {};
const vendorNamed = (rows: Line[], name: string) =>
  rows.find(({ table, row }) => table === 'vendors' && row['name'] === name)?.row ?? {};
const idOf = (rows: Line[], title: string) => String(titled(rows, title)['id']);

/** One field of one row set to something else. */
const set = (table: string, fields: Row) => () => {
  const rows = copy();
  Object.assign(find(rows, table), fields);
  return rows;
};
const item =
  (fields: Row, title = 'top') =>
  () => {
    const rows = copy();
    Object.assign(titled(rows, title), fields);
    return rows;
  };
const altered = (alter: (rows: Line[]) => Line[] | undefined) => () => {
  const rows = copy();
  return alter(rows) ?? rows;
};
const without = (table: string) => altered((rows) => rows.filter((one) => one.table !== table));
const NOBODY = '01234567-89ab-4def-8123-456789abcdef';
const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let at = 0; at < levels; at += 1) value = [value];
  return value;
};

const CASES: [name: string, forge: () => (Line | string)[], says: RegExp][] = [
  ['a title of three lines', item({ title: 'a\nb\nc' }), /title must be one line/],
  ['a title with an escape', item({ title: '\u001b[31mred' }), /title must be one line/],
  ['an empty title', item({ title: ' ' }), /title must be text of 1 to 200/],
  ['a title of 5 MB', item({ title: 'x'.repeat(5_000_000) }), /title must be text of 1 to 200/],
  ['a title that is a number', item({ title: 7 }), /title must be a string/],
  ['half of a surrogate pair', item({ title: '\ud800' }), /title text must be well-formed/],
  ['a NUL', item({ description: 'a\0b' }), /description text must not contain the NUL/],
  [
    'a description past 64 KiB',
    item({ description: 'x'.repeat(70_000) }),
    /description must have at most 65536 bytes/,
  ],
  ['an unknown status', item({ status: 'pwned' }), /status must be one of/],
  ['an unknown type', item({ item_type: 'epic' }), /item_type must be one of/],
  ['a priority of text', item({ priority: '1; drop table x' }), /priority must be a number/],
  ['a priority of 99999', item({ priority: 99_999 }), /priority must be at most 5/],
  ['a priority of 2.5', item({ priority: 2.5 }), /priority must be an integer/],
  ['labels that are no list', item({ labels: 'notalist' }), /labels must be an array/],
  ['a label that is no text', item({ labels: [{}] }), /labels\[0\] must be a string/],
  [
    '33 labels',
    item({ labels: Array.from({ length: 33 }, (_, at) => `l${at}`) }),
    /labels must have at most 32/,
  ],
  ['metadata that is a list', item({ metadata: [] }), /metadata must be an object/],
  ['metadata 33 levels deep', item({ metadata: { a: deep(33) } }), /nested deeper than 32/],
  ['metadata past 100 KB', item({ metadata: { a: 'x'.repeat(110_000) } }), /metadata must have at most/],
  [
    'known metadata of the wrong type',
    item({ metadata: { acceptance_criteria: 'all' } }),
    /metadata.acceptance_criteria must be an array/,
  ],
  ['version 0', item({ version: 0 }), /version must be at least 1/],
  ['a version past the column', item({ version: 2 ** 40 }), /version must be at most/],
  ['a time that is a day', item({ created_at: '2026-01-01' }), /created_at must be a time/],
  ['30 February', item({ created_at: '2026-02-30T00:00:00.000Z' }), /created_at must be a time/],
  [
    'a time of the year 10000',
    item({ updated_at: '+010000-01-01T00:00:00.000Z' }),
    /updated_at must be a time/,
  ],
  ['an id that is none', item({ id: "x'); drop table work_items; --" }), /id must be an id/],
  ['a commit that is none', item({ commit_hash: 'HEAD' }), /commit_hash must be 40/],
  ['a PR past the column', item({ pr_number: 2 ** 33 }), /pr_number must be at most/],
  ['an author of two lines', item({ created_by: 'a\nb' }), /created_by must be one line/],
  [
    'itself as its parent',
    altered((rows) => void (titled(rows, 'below')['parent_id'] = idOf(rows, 'below'))),
    /parent_id must be another item/,
  ],
  ['a parent that is not there', item({ parent_id: NOBODY }, 'below'), /parent_id leads to nothing/],
  [
    'two items below each other',
    altered((rows) => void (titled(rows, 'top')['parent_id'] = idOf(rows, 'below'))),
    /parent_id leads to nothing/,
  ],
  ['a path that is not its place', item({ path: '/zzz' }), /path must be \//],
  ['a depth that is not its place', item({ depth: 1 }, 'other'), /depth must be 0|wrong order/],
  ['depth 77', item({ depth: 77 }), /depth must be at most 5/],
  ['a claim on nothing', item({ claimed_by: 'mallory' }, 'other'), /claim on .* is missing/],
  ['a claim of another holder', set('claims', { holder: 'mallory' }), /holder and expires_at are not those/],
  ['a token of 0', set('claims', { token: 0 }), /token must be at least 1/],
  [
    'a label that its item has not',
    set('work_item_labels', { label: 'zz' }),
    /label is none of its item|wrong order/,
  ],
  ['no rows of labels', without('work_item_labels'), /row of a label is missing/],
  ['a link to nothing', set('work_item_dependencies', { target_id: NOBODY }), /target_id leads to nothing/],
  [
    'a link to itself',
    altered((rows) => {
      const link = find(rows, 'work_item_dependencies');
      link['target_id'] = link['source_id'];
      return undefined;
    }),
    /target_id must be another item/,
  ],
  [
    'a link of an unknown kind',
    set('work_item_dependencies', { dependency_type: 'eats' }),
    /dependency_type must be one of/,
  ],
  [
    'links in a circle',
    altered((rows) => {
      const at = rows.findIndex(({ table }) => table === 'work_item_dependencies');
      const there = rows[at]?.row ?? {};
      const back = { ...there, source_id: there['target_id'], target_id: there['source_id'] };
      const both = [there, back].sort((a, b) => (String(a['source_id']) < String(b['source_id']) ? -1 : 1));
      return rows.toSpliced(at, 1, ...both.map((row) => ({ table: 'work_item_dependencies', row })));
    }),
    /links close a cycle/,
  ],
  [
    'enhancements in a circle',
    altered((rows) => {
      const [a = '', b = ''] = [find(rows, 'enhancements', 0), find(rows, 'enhancements', 1)].map(({ id }) =>
        String(id),
      );
      const at = rows.findIndex(({ table }) => table === 'vendors');
      const pair = (enhancement_id: string, depends_on_id: string) => ({
        table: 'enhancement_dependencies',
        row: { enhancement_id, depends_on_id },
      });
      return rows.toSpliced(at, 0, pair(a, b), pair(b, a));
    }),
    /enhancements close a cycle/,
  ],
  ['a note on nothing', set('notes', { item_id: NOBODY }), /item_id leads to nothing/],
  ['a note that is a list', set('notes', { text: [] }), /text must be a string/],
  [
    'a quarter that is none',
    set('enhancements', { target_quarter: 'soon' }),
    /target_quarter must be a quarter/,
  ],
  ['an enhancement of an unknown status', set('enhancements', { status: 'pwned' }), /status must be one of/],
  [
    'a vendor named twice',
    altered((rows) => {
      Object.assign(vendorNamed(rows, 'Zeta'), { name: 'ACME', name_key: 'acme' });
      return undefined;
    }),
    /name is taken/,
  ],
  ['a name that is compared as another', set('vendors', { name_key: 'other' }), /name_key does not fit/],
  ['a vendor without its formats', set('vendors', { metadata: {} }), /metadata.format_support is required/],
  ['a deployment of nobody', set('deployment_vendors', { vendor_id: NOBODY }), /vendor_id leads to nothing/],
  ['compliance that nobody said', set('deployments', { compliant: 0 }), /compliant does not fit/],
  ['no configuration', without('project_configuration'), /no row of configuration/],
  [
    'a session that is not there',
    set('project_configuration', { current_session_id: NOBODY }),
    /current_session_id leads to nothing/,
  ],
  [
    'a budget of 1',
    set('project_configuration', { default_token_budget: 1 }),
    /default_token_budget must be at least/,
  ],
  ['counts that lie', set('work_item_counts', { items: 9 }), /items is 9/],
  [
    'a change past the feed',
    altered((rows) => {
      const changes = rows.filter(({ table }) => table === 'changes');
      Object.assign(changes.at(-1)?.row ?? {}, { seq: 10_000 });
      return undefined;
    }),
    /seq is past the end/,
  ],
  ['a change of an unknown kind', set('changes', { kind: 'explode' }), /kind must be one of/],
  ['a change whose fields are text', set('changes', { fields: 'none' }), /fields must be an array/],
  [
    'a row that comes twice',
    altered((rows) => {
      const at = rows.findIndex(({ table }) => table === 'notes');
      return rows.toSpliced(at, 0, structuredClone(rows[at] as Line));
    }),
    /id comes twice/,
  ],
  [
    'tables in another order',
    altered((rows) => [...rows.slice(1), rows[0] as Line]),
    /wrong place|first line/,
  ],
  [
    'a key that is used twice',
    altered((rows) => {
      const keyed = rows.filter(
        ({ table, row }) => table === 'applied_changes' && row['idempotency_key'] !== null,
      );
      for (const { row } of keyed) row['idempotency_key'] = 'same';
      return undefined;
    }),
    /idempotency_key is taken/,
  ],
  [
    'metadata 100,000 levels deep',
    inMetadata(`"a":${'['.repeat(100_000)}${']'.repeat(100_000)}`),
    /nested deeper/,
  ],
  ['a number that is none', inMetadata('"a":1e999'), /finite number/],
];

/** As text, where the value itself could not be written. */
function inMetadata(text: string): () => (Line | string)[] {
  return () => {
    const rows = copy();
    const at = rows.findIndex(({ table }) => table === 'work_items');
    const forged = JSON.stringify(rows[at]).replace('"metadata":{}', `"metadata":{${text}}`);
    return [...rows.slice(0, at), forged, ...rows.slice(at + 1)];
  };
}

/** What a driver or the language itself says. */
const FOREIGN = /constraint failed|SQLITE|violates|call stack|syntax|undefined|is not a function/i;

describe('a forged export', () => {
  beforeAll(makeHonest);

  it('would be taken if it were honest', async () => {
    const place = await emptyPlace(sqlite);
    const file = path.join(place.projectDir, 'given.jsonl');
    await writeFile(file, seal(copy()));
    expect(await loadExport({ ...place, file })).toMatchObject({ outcome: 'loaded' });
  });

  it.each(CASES)('with %s is refused', async (_name, forge, says) => {
    const place = inFolder(await temporaryProject(), undefined);
    const file = path.join(place.projectDir, 'given.jsonl');
    await writeFile(file, seal(forge()));
    for (const take of [loadExport, restoreExport]) {
      const refusal = await take({ ...place, file }).then(
        () => undefined,
        (error: unknown) => error as Error & { code: string },
      );
      expect(refusal).toMatchObject({ code: 'ValidationError' });
      expect(refusal?.message).toMatch(says);
      expect(refusal?.message).not.toMatch(FOREIGN);
      expect(refusal?.message.length).toBeLessThan(2_000);
    }
    expect(existsSync(place.dataDir)).toBe(false);
  });
});

describeEachBackend('a forged export of a tracker that is in use', (backend) => {
  it('changes nothing', async () => {
    await makeHonest();
    const place = await emptyPlace(backend);
    const id = await useTracker(place, async (tracker) => (await tracker.create({ title: 'ours' })).id);
    const file = path.join(place.projectDir, 'given.jsonl');
    await writeFile(file, seal(item({ status: 'pwned' })()));
    await expect(restoreExport({ ...place, file })).rejects.toThrow(
      /line \d+, work_items: status must be one of/,
    );
    await useTracker(place, async (tracker) => {
      expect(await tracker.query(id)).toMatchObject({ title: 'ours' });
    });
  });
});
