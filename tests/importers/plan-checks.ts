/** What holds for every import plan, and small inputs to make one of. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { addNoteInput } from '../../src/domain/note.ts';
import { createWorkItemInput, checkItemMetadata } from '../../src/domain/work-item.ts';
import type { ImportPlan, PlannedItem } from '../../src/importers/import/plan.ts';
import { temporaryProject } from '../support/temporary-project.ts';

/** A temporary folder with these files, removed when the test ends. */
export async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await temporaryProject();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}

export const jsonLines = (...rows: unknown[]): string =>
  rows.map((row) => JSON.stringify(row)).join('\n') + '\n';

export function itemOf(plan: ImportPlan, foreignId: string): PlannedItem {
  const item = plan.items.find(({ foreign_id }) => foreign_id === foreignId);
  expect(item, `${foreignId} is planned`).toBeDefined();
  return item as PlannedItem;
}

export function importedOf(item: PlannedItem): Record<string, unknown> {
  return item.metadata['imported'] as Record<string, unknown>;
}

/** Links as `<foreign id> <type> <foreign id>`. */
export function linkTexts(plan: ImportPlan): string[] {
  const names = new Map(plan.items.map(({ id, foreign_id }) => [id, foreign_id]));
  return plan.links.map(
    (link) => `${names.get(link.source_id)} ${link.dependency_type} ${names.get(link.target_id)}`,
  );
}

export const noteCodes = (plan: ImportPlan): string[] => plan.notes.map(({ code }) => code);

export function countBy(
  items: readonly PlannedItem[],
  field: 'status' | 'item_type',
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item[field]] = (counts[item[field]] ?? 0) + 1;
  return counts;
}

/** The promises of `ImportPlan`: limits, hierarchy, links. */
export function expectStorable(plan: ImportPlan): void {
  const depths = new Map<string, number>();
  const parents = new Map<string, string | null>();
  for (const item of plan.items) {
    expect(item.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(parents.has(item.id), `${item.foreign_id} is there once`).toBe(false);
    const parentDepth = item.parent_id === null ? -1 : depths.get(item.parent_id);
    expect(parentDepth, `the parent of ${item.foreign_id} comes first`).toBeDefined();
    depths.set(item.id, (parentDepth ?? 0) + 1);
    expect(depths.get(item.id)).toBeLessThanOrEqual(5);
    parents.set(item.id, item.parent_id);
    expectFields(item);
  }
  expectLinks(plan, parents);
}

function expectFields(item: PlannedItem): void {
  const { foreign_id, comments, created_at, updated_at, completed_at } = item;
  const parsed = createWorkItemInput.safeParse(pick(item, Object.keys(createWorkItemInput.shape)));
  expect(parsed.error, foreign_id).toBeUndefined();
  expect(parsed.data?.labels, foreign_id).toEqual(item.labels);
  expect(checkItemMetadata(item.item_type, item.metadata).metadata).toEqual(item.metadata);
  expect(JSON.stringify(item).isWellFormed()).toBe(true);
  for (const text of [item.title, item.description ?? '', ...comments.map((comment) => comment.text)]) {
    expect(text.isWellFormed() && !text.includes('\0')).toBe(true);
  }
  for (const { text, author, created_at: at } of comments) {
    const note = { id: item.id, text, created_by: author };
    expect(addNoteInput.safeParse(note).error, foreign_id).toBeUndefined();
    expect(new Date(at).toISOString()).toBe(at);
  }
  for (const time of [created_at, updated_at, ...(completed_at === null ? [] : [completed_at])]) {
    expect(new Date(time).toISOString()).toBe(time);
  }
  expect(completed_at !== null).toBe(item.status === 'completed');
  expect(importedOf(item)).toMatchObject({ id: foreign_id, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
}

function pick(item: PlannedItem, names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));
}

function expectLinks(plan: ImportPlan, parents: ReadonlyMap<string, string | null>): void {
  const waits = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const { source_id, target_id, dependency_type } of plan.links) {
    expect(parents.has(source_id) && parents.has(target_id)).toBe(true);
    expect(source_id).not.toBe(target_id);
    const text = `${source_id} ${dependency_type} ${target_id}`;
    expect(seen.has(text)).toBe(false);
    seen.add(text);
    if (dependency_type !== 'blocks' && dependency_type !== 'depends_on') continue;
    const [from, to] = dependency_type === 'blocks' ? [target_id, source_id] : [source_id, target_id];
    expect(ancestorsOf(from, parents)).not.toContain(to);
    expect(ancestorsOf(to, parents)).not.toContain(from);
    waits.set(from, [...(waits.get(from) ?? []), to]);
  }
  expect(isAcyclic([...parents.keys()], waits)).toBe(true);
}

function ancestorsOf(id: string, parents: ReadonlyMap<string, string | null>): string[] {
  const parent = parents.get(id) ?? null;
  return parent === null ? [] : [parent, ...ancestorsOf(parent, parents)];
}

/** Kahn's algorithm, on purpose another one than the code under test uses. */
export function isAcyclic(nodes: readonly string[], edges: ReadonlyMap<string, readonly string[]>): boolean {
  const incoming = new Map(nodes.map((node) => [node, 0]));
  for (const targets of edges.values())
    for (const to of targets) incoming.set(to, (incoming.get(to) ?? 0) + 1);
  const free = nodes.filter((node) => incoming.get(node) === 0);
  let removed = 0;
  for (let node = free.pop(); node !== undefined; node = free.pop()) {
    removed += 1;
    for (const to of edges.get(node) ?? []) {
      const left = (incoming.get(to) ?? 0) - 1;
      incoming.set(to, left);
      if (left === 0) free.push(to);
    }
  }
  return removed === nodes.length;
}
