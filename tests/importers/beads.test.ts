import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBeads } from '../../src/importers/beads/beads.ts';
import {
  expectStorable,
  folderOf,
  importedOf,
  itemOf,
  jsonLines,
  linkTexts,
  noteCodes,
} from './plan-checks.ts';

const planOf = async (...rows: unknown[]) => {
  const plan = await readBeads(await folderOf({ 'issues.jsonl': jsonLines(...rows) }));
  expectStorable(plan);
  return plan;
};
const needs = (type: string, to: string) => ({ depends_on_id: to, type });

describe('a beads export', () => {
  it('keeps a title on one line, whatever breaks it', async () => {
    const folder = await folderOf({
      'issues.jsonl': jsonLines({ id: 'x-1', title: 'Read\u2028dates\nhere' }),
    });
    expect((await readBeads(folder)).items[0]?.title).toBe('Read dates here');
  });

  it('maps every kind of dependency', async () => {
    const plan = await planOf(
      { id: 'x-1', title: 'Epic', issue_type: 'epic' },
      { id: 'x-2', title: 'Second', dependencies: [needs('parent-child', 'x-1'), needs('related', 'x-3')] },
      { id: 'x-3', title: 'Third', dependencies: [needs('blocks', 'x-2'), needs('discovered-from', 'x-2')] },
      { id: 'x-4', title: 'Fourth', dependencies: [needs('waits-for', 'x-2'), needs('duplicates', 'x-3')] },
      {
        id: 'x-5',
        title: 'Fifth',
        dependencies: [needs('blocks', 'gone-1'), needs('parent-child', 'gone-2')],
      },
    );
    expect(itemOf(plan, 'x-1').item_type).toBe('project');
    expect(itemOf(plan, 'x-2').parent_id).toBe(itemOf(plan, 'x-1').id);
    expect(linkTexts(plan)).toEqual([
      'x-2 relates_to x-3',
      'x-3 depends_on x-2',
      'x-3 discovered_from x-2',
      'x-4 depends_on x-2',
      'x-4 relates_to x-3',
    ]);
    expect(noteCodes(plan).filter((code) => code === 'dependency_kind')).toHaveLength(2);
    expect(plan.unresolved.map(({ field, reference }) => [field, reference])).toEqual([
      ['dependencies (blocks)', 'gone-1'],
      ['parent', 'gone-2'],
    ]);
    expect(importedOf(itemOf(plan, 'x-5'))['dependencies']).toHaveLength(2);
  });

  it('keeps the first of several parents and relates to the others', async () => {
    const plan = await planOf(
      { id: 'x-1', title: 'A' },
      { id: 'x-2', title: 'B' },
      {
        id: 'x-3',
        title: 'C',
        parent: 'x-2',
        dependencies: [needs('parent-child', 'x-1'), needs('parent-child', 'x-2')],
      },
    );
    expect(itemOf(plan, 'x-3').parent_id).toBe(itemOf(plan, 'x-2').id);
    expect(linkTexts(plan)).toEqual(['x-3 relates_to x-1']);
    expect(noteCodes(plan)).toContain('parent_several');
  });

  it('turns a blocking link between an epic and its own issue into a relation', async () => {
    const plan = await planOf(
      { id: 'x-1', title: 'Epic', issue_type: 'epic', dependencies: [needs('blocks', 'x-2')] },
      { id: 'x-2', title: 'Child', parent: 'x-1' },
    );
    expect(linkTexts(plan)).toEqual(['x-1 relates_to x-2']);
    expect(noteCodes(plan)).toContain('dependency_on_relative');
  });

  it('leaves a self dependency out and says so', async () => {
    const plan = await planOf({ id: 'x-1', title: 'A', dependencies: [needs('blocks', 'x-1')] });
    expect(plan.links).toEqual([]);
    expect(noteCodes(plan)).toContain('self_dependency');
    expect(importedOf(itemOf(plan, 'x-1'))['dependencies']).toEqual([needs('blocks', 'x-1')]);
  });

  it('maps statuses, priorities, times with offsets, estimates, sections and comments', async () => {
    const plan = await planOf(
      {
        id: 'x-1',
        title: 'A',
        status: 'tombstone',
        priority: 9,
        issue_type: 'spike',
        created_at: '2025-10-16T20:46:08.971822-07:00',
        estimated_minutes: 90,
        description: 'Text',
        design: 'Plan',
        acceptance_criteria: '- [x] works\n- [ ] is fast',
        comments: [{ id: 1, author: 'ann', text: 'Hello', created_at: '2025-10-17T00:00:00Z' }],
      },
      { id: 'x-2', title: 'B', status: 'in_progress', priority: 0, external_ref: 'gh-9' },
    );
    expect(itemOf(plan, 'x-1')).toMatchObject({
      item_type: 'research',
      status: 'cancelled',
      priority: 5,
      created_at: '2025-10-17T03:46:08.971Z',
      description: 'Text\n\n## Design\n\nPlan\n\n## Acceptance criteria\n\n- [x] works\n- [ ] is fast',
      comments: [{ author: 'ann', text: 'Hello', created_at: '2025-10-17T00:00:00.000Z' }],
      metadata: {
        estimated_hours: 1.5,
        acceptance_criteria: [
          { text: 'works', done: true },
          { text: 'is fast', done: false },
        ],
      },
    });
    expect(importedOf(itemOf(plan, 'x-1'))).toMatchObject({
      status: 'tombstone',
      priority: 9,
      created_at: '2025-10-16T20:46:08.971822-07:00',
    });
    expect(itemOf(plan, 'x-2')).toMatchObject({ status: 'active', priority: 1, created_by: 'import:beads' });
    expect(importedOf(itemOf(plan, 'x-2'))['external_ref']).toBe('gh-9');
  });

  it('skips lines that are no issue, and exact repetitions, by number', async () => {
    const issue = JSON.stringify({ id: 'x-1', title: 'A' });
    const folder = await folderOf({
      '.beads/issues.jsonl': `\uFEFF${issue}\r\n\r\nnot json\n[1]\n{"title":"no id"}\n${issue}\n{"_type":"memory","id":"m"}\n<<<<<<< ours\n`,
    });
    const plan = await readBeads(folder);
    expect(plan.items).toHaveLength(1);
    expect(plan.skipped.map(({ line }) => line)).toEqual([3, 4, 5, 6, 7, 8]);
  });

  it('keeps both of two different issues with one id, the newer one under it', async () => {
    const plan = await planOf(
      { id: 'x-1', title: 'Old', updated_at: '2025-01-01T00:00:00Z' },
      { id: 'x-1', title: 'New', updated_at: '2025-02-01T00:00:00Z' },
    );
    expect(plan.items.map(({ foreign_id, title }) => [foreign_id, title])).toEqual([
      ['x-1', 'New'],
      ['x-1~2', 'Old'],
    ]);
  });

  it('brings text of any kind inside the limits without losing it', async () => {
    const long = 'ä'.repeat(40_000);
    const plan = await planOf({
      id: 'x-1',
      title: `Two\nlines ${'😀'.repeat(300)}`,
      description: long,
      labels: ['ok', 'ok', ' ', 'l'.repeat(80), ...Array.from({ length: 40 }, (_, index) => `n${index}`)],
      assignee: 'a'.repeat(150),
      notes: 'half \ud800 and NUL \0',
      odd: { __proto__x: 1, deep: nested(60) },
    });
    const item = itemOf(plan, 'x-1');
    const imported = importedOf(item);
    expect(Array.from(item.title)).toHaveLength(200);
    expect(item.title.endsWith('…')).toBe(true);
    expect(imported['full_title']).toBe(`Two\nlines ${'😀'.repeat(300)}`);
    expect(`${item.description}${String(imported['description_rest'])}`).toBe(
      `${long}\n\n## Notes\n\nhalf \uFFFD and NUL `,
    );
    expect(item.labels).toHaveLength(32);
    expect(imported['labels']).toHaveLength(43);
    expect(imported['assignee']).toBe('a'.repeat(150));
    expect([...new Set(noteCodes(plan))].sort()).toEqual([
      'date_missing', 'description_cut', 'labels_adjusted', 'name_cut', 'text_cleaned', 'title_cut',
    ]); // prettier-ignore
  });

  it('says loudly what fits nowhere, and imports the item all the same', async () => {
    const plan = await planOf(
      { id: 'x-1', title: 'A', description: '"'.repeat(400_000) },
      { id: 'x-2', title: 'B', blob: 'b'.repeat(300_000), small: 1 },
    );
    expect(
      plan.notes.filter(({ code }) => code === 'error_not_kept').map(({ foreign_id }) => foreign_id),
    ).toEqual(['x-1', 'x-2']);
    expect(importedOf(itemOf(plan, 'x-1'))['description_rest']).toMatch(/^"{40000,}$/);
    expect(importedOf(itemOf(plan, 'x-2'))).toMatchObject({ small: 1 });
  });

  it('keeps fields whose names the import uses itself', async () => {
    const plan = await planOf({ id: 'x-1', title: 'A', source: 'elsewhere', hash: 'abc', namespace: 1 });
    expect(importedOf(itemOf(plan, 'x-1'))).toMatchObject({
      source: 'beads', source_: 'elsewhere', hash_: 'abc', namespace: 'beads', namespace_: 1,
    }); // prettier-ignore
  });

  it('survives names of the object prototype and structures instead of text', async () => {
    const plan = await planOf(
      {
        id: 'constructor',
        title: ['list'],
        status: 'constructor',
        priority: { toString: 1 },
        issue_type: '__proto__',
      },
      {
        id: '__proto__',
        title: '',
        labels: 'a, b',
        dependencies: ['what', null, needs('__proto__', 'constructor')],
      },
    );
    expect(itemOf(plan, 'constructor').title).toBe('constructor');
    expect(importedOf(itemOf(plan, 'constructor'))['title']).toEqual(['list']);
    expect(itemOf(plan, '__proto__').labels).toEqual(['a', 'b']);
    expect(linkTexts(plan)).toEqual(['__proto__ relates_to constructor']);
  });

  it('reads what PowerShell writes', async () => {
    const text = Buffer.from(`\uFEFF${jsonLines({ id: 'x-1', title: 'Grüße' })}`, 'utf16le');
    const plan = await readBeads(await folderOf({ 'issues.jsonl': text }));
    expect(itemOf(plan, 'x-1').title).toBe('Grüße');
  });

  it('gives another namespace other ids, and refuses one that is no name', async () => {
    const folder = await folderOf({ 'issues.jsonl': jsonLines({ id: 'x-1', title: 'A' }) });
    const [a, b] = [await readBeads(folder), await readBeads(folder, { namespace: 'fork' })];
    expect(b.namespace).toBe('fork');
    expect(a.items[0]?.id).not.toBe(b.items[0]?.id);
    await expect(readBeads(folder, { namespace: ' ' })).rejects.toMatchObject({
      details: { field: 'namespace' },
    });
  });

  it.each(['nowhere', 'other', 'empty.jsonl', 'text.jsonl'])('refuses %s', async (name) => {
    const folder = await folderOf({
      'other/x.md': '',
      'empty.jsonl': '\n',
      'text.jsonl': '# A title\ntext\n',
    });
    await expect(readBeads(path.join(folder, name))).rejects.toMatchObject({
      code: 'ValidationError',
      details: { field: 'path', constraint: expect.stringContaining('expected a beads export') as string },
    });
  });
});

function nested(depth: number): unknown {
  let value: unknown = 'core';
  for (let level = 0; level < depth; level += 1) value = { value };
  return value;
}
