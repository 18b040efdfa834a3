// What is expected of a damaged tracker: of its reads meanwhile, and of everything once it is mended.
import { expect } from 'vitest';
import { TrackerError } from '../../../src/domain/errors.ts';
import type { Connection } from '../../../src/storage/database/connection.ts';
import { openSqlite } from '../../../src/storage/primary/sqlite.ts';
import { TABLE_NAMES, readTable, type Row } from '../../../src/storage/database/table-copy.ts';
import type { DataSource } from '../../../src/storage/contract/store.ts';
import { copiesAreFresh, eventually, settled } from './patience.ts';
import type { Scene } from './scene.ts';
import { CHILD, RENAMED, type Item } from './template.ts';

/**
 * @param sources where a list may come from; empty where nothing can answer
 * @param knows the title of an item that is in it; by default one that all copies have
 */
export async function expectReads(
  scene: Scene,
  sources: readonly DataSource[],
  knows = 'test-project item 8',
): Promise<void> {
  try {
    const { source, data } = await scene.list();
    expect(sources).toContain(source);
    expect(data.items.map(({ title }) => title)).toContain(knows);
    expect(data.items.filter(({ title }) => title.startsWith('other-project'))).toEqual([]);
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    expect(sources, error.message).toEqual([]);
    expect(error.code).toBe('DatabaseError');
    scene.told.push(error.message, error.next);
  }
}

/**
 * Everything that was acknowledged and not destroyed by the damage itself is there once, and all copies agree.
 * @param mayLose those of the waiting writes that may be missing
 * @returns how many of them are
 */
export async function expectConvergence(scene: Scene, mayLose: readonly number[] = []): Promise<number> {
  const { template } = scene;
  await settled(scene.tracker);
  await eventually('nothing to wait', async () => (await scene.store.pending()).length === 0);
  expect(scene.store.state).toBe('online');
  await copiesAreFresh(scene.tracker);
  const rows = await scene.inPrimary(tablesOf);
  const items = rows.workItems as unknown as (Item & Row)[];
  const changes = rows.changes as unknown as { change_id: string; entity_id: string; kind: string }[];

  // The primary has all it had, and nothing of others.
  for (const { id } of template.items) expect(items.map((item) => item.id)).toContain(id);
  expect(items.filter(({ title }) => title.startsWith('other-project'))).toEqual([]);
  expect(rows.vendors).toHaveLength(1);
  expect(rows.deployments).toHaveLength(1);
  expect(rows.conflicts).toEqual([]);

  // Each waiting write once.
  const times = template.waiting.map((id) => changes.filter(({ change_id }) => change_id === id).length);
  times.forEach((count, index) => {
    if (mayLose.includes(index)) expect(count, `write ${index + 1}`).toBeLessThanOrEqual(1);
    else expect(count, `write ${index + 1}`).toBe(1);
  });
  const first = items.find(({ id }) => id === template.items[0]?.id);
  if (times[0] === 1) expect(first?.title).toBe(RENAMED);
  if (times[2] === 1) expect(first?.['status']).toBe('blocked');
  expect(items.filter(({ title }) => title === CHILD)).toHaveLength(times[1] ?? 0);

  // Each new one too.
  for (const { id, title } of scene.created) {
    expect(items.filter((item) => item.title === title && item.id === id)).toHaveLength(1);
    expect(changes.filter(({ entity_id, kind }) => entity_id === id && kind === 'create')).toHaveLength(1);
  }
  expect(new Set(items.map(({ title }) => title)).size).toBe(items.length);
  const answer = await scene.list();
  expect(answer).toMatchObject({
    source: template.kind === 'postgres' ? 'postgres' : 'sqlite',
    warnings: [],
  });
  expect(answer.data.total_count).toBe(items.length);
  if (template.kind === 'postgres') await expectSameInCache(scene, rows);
  return times.filter((count) => count === 0).length;
}

type Tables = Record<(typeof TABLE_NAMES)[number], Row[]>;

export async function tablesOf(c: Connection): Promise<Tables> {
  const tables = {} as Tables;
  for (const name of TABLE_NAMES) {
    tables[name] = [];
    for await (const rows of readTable(c, name)) tables[name].push(...rows);
  }
  return tables;
}

async function expectSameInCache(scene: Scene, primary: Tables): Promise<void> {
  const { session } = await openSqlite({ file: scene.file('cache.db') });
  try {
    const cached = await session.read(tablesOf);
    // A kind of item of which there was one for a while may be counted as 0 in one and not at all in the other.
    const counted = ({ workItemCounts }: Tables) => workItemCounts.filter(({ items }) => items !== 0);
    expect(counted(cached)).toEqual(counted(primary));
    for (const name of TABLE_NAMES) {
      if (name !== 'workItemCounts') expect({ [name]: cached[name] }).toEqual({ [name]: primary[name] });
    }
  } finally {
    await session.close();
  }
}
