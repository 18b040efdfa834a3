// What the machines show of what the database holds: every open conflict, and in the end the same rows.
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { ConflictRecord } from '../../../src/domain/conflict-record.ts';
import type { Row } from '../../../src/storage/database/table-copy.ts';
import type { Machine } from './machine.ts';
import type { Person } from './person.ts';
import { openConflictsOf, type Rows } from './rows.ts';

/** Every open conflict is listed on both machines, and counted on each record that it is about. */
export async function expectShown(machines: readonly Machine[], rows: Rows): Promise<void> {
  const open = openConflictsOf(rows);
  const counts = countByRecord(open);
  for (const { name, person } of machines) {
    const listed = await person.conflicts();
    expect(listed.map(({ id }) => id).sort()).toEqual(open.map(({ id }) => id).sort());
    for (const [id, count] of counts) {
      const record = await readRecord(person, id, rows);
      // Its creation is what was rejected.
      if (record === undefined) continue;
      expect(record, `as ${name} reads it`).toMatchObject({ id, open_conflicts: count });
    }
  }
}

function countByRecord(open: readonly ConflictRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { changes } of open) {
    const records = changes.flatMap(({ entity, entity_id, patch }) =>
      entity === 'dependency' ? [entity_id, String(patch['target_id'])] : [entity_id],
    );
    for (const id of new Set(records)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** A record of the database as a person reads it; undefined where the database has no such record. */
async function readRecord(person: Person, id: string, rows: Rows): Promise<object | undefined> {
  const is = (row: Row) => row['id'] === id;
  const vendor = rows.vendors?.find(is);
  if (rows.workItems?.some(is)) return await person.tracker.query(id, { include_children: false });
  if (vendor !== undefined) return await person.tracker.vendor(String(vendor['name']));
  if (rows.configuration?.some(is)) return await person.configuration();
  return undefined;
}

/** Every row of every table, but for what a copy cannot know. */
export function expectSameRows(copy: Rows, primary: Rows): void {
  const recorded = new Set(primary.changes?.map((row) => row['change_id']));
  const comparable = (name: string, all: Row[] = []) => {
    // What changed nothing is not in the feed.
    if (name === 'appliedChanges') return all.filter((row) => recorded.has(row['change_id']));
    if (name === 'workItemCounts') return all.filter((row) => row['items'] !== 0);
    return all;
  };
  for (const name of Object.keys(primary) as (keyof Rows)[]) {
    const [actual, expected] = [copy[name], primary[name]].map((all) => comparable(name, all));
    // Only then the message, which takes long to make.
    if (!isDeepStrictEqual(actual, expected)) expect(actual, name).toEqual(expected);
  }
}
