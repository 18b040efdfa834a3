// Whole tables from one database into another, of the same kind or the other one.
import { randomUUID } from 'node:crypto';
import { getTableColumns, getTableName } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { newRecordId } from '../../../src/domain/ids.ts';
import type { WorkItem } from '../../../src/domain/work-item.ts';
import type { Session } from '../../../src/storage/database/connection.ts';
import { openPostgres } from '../../../src/storage/primary/postgres.ts';
import {
  TABLE_NAMES,
  clearTables,
  copyTables,
  insertRows,
  primaryKeyOf,
  readTable,
  type Row,
} from '../../../src/storage/database/table-copy.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeWithPostgres } from '../../support/describe-with.ts';
import { ITEMS, allRows, fillSession, found, memorySession } from './filled-session.ts';

async function copyAll(from: Session, to: Session) {
  return await from.read((source) => to.write((target) => copyTables(source, target)));
}

describe('copying tables', () => {
  it('gives another SQLite database the same rows, of every table', async () => {
    const [original, copy] = [memorySession(), memorySession()];
    await fillSession(original);
    const copied = await copyAll(original, copy);
    const rows = await allRows(original);
    for (const name of TABLE_NAMES) {
      expect(rows[name]?.length, name).toBeGreaterThan(0);
      expect(copied.get(name), name).toBe(rows[name]?.length);
    }
    expect(await allRows(copy)).toEqual(rows);
  });

  it('knows the primary key of every table', async () => {
    await memorySession().read(async (c) => {
      for (const name of TABLE_NAMES) {
        const { sql } = c.db
          .select()
          .from(c.tables[name] as never)
          .toSQL();
        expect(sql).toContain(getTableName(c.tables[name]));
        const columns = Object.keys(getTableColumns(c.tables[name] as never));
        expect(columns).toEqual(expect.arrayContaining([...primaryKeyOf(name)]));
      }
      return Promise.resolve();
    });
    expect(TABLE_NAMES.length).toBe(
      await memorySession().read((c) => Promise.resolve(Object.keys(c.tables).length)),
    );
  });

  it('reads the same rows in the same order whatever the size of the chunks, parents first', async () => {
    const session = memorySession();
    await session.write((c) => found(c));
    const items = chain(57);
    await session.write((c) => insertRows(c, 'workItems', items));
    for (const chunkRows of [1, 2, 7, 57, 1_000]) {
      const read = await session.read(async (c) => {
        const chunks: Row[][] = [];
        for await (const chunk of readTable(c, 'workItems', { chunkRows })) chunks.push(chunk);
        return chunks;
      });
      expect(Math.max(...read.map(({ length }) => length))).toBeLessThanOrEqual(chunkRows);
      const rows = read.flat() as unknown as WorkItem[];
      expect(rows.map(({ id }) => id).sort()).toEqual(items.map(({ id }) => id).sort());
      const place = (row: WorkItem) => `${row.depth} ${row.id}`;
      expect(rows.map(place)).toEqual(rows.map(place).sort());
    }
  });

  it('inserts more rows than one statement has parameters for', async () => {
    const session = memorySession();
    await session.write((c) => found(c));
    const items = chain(3_333);
    await session.write((c) => insertRows(c, 'workItems', items));
    expect((await allRows(session, ['workItems'])).workItems).toHaveLength(3_333);
  });

  it('tells how far it is, and copies only the tables asked for', async () => {
    const [original, copy] = [memorySession(), memorySession()];
    await fillSession(original);
    const told: string[] = [];
    await original.read((from) =>
      copy.write((to) =>
        copyTables(from, to, {
          tables: ['vendors', 'workItems'],
          onProgress: (table, rows) => told.push(`${table} ${rows}`),
        }),
      ),
    );
    expect(told.slice(-2)).toEqual([`workItems ${Object.keys(ITEMS).length}`, 'vendors 2']);
    expect(told.filter((line) => !/^(workItems|vendors) \d+$/.test(line))).toEqual([]);
    expect((await allRows(copy, ['deployments'])).deployments).toEqual([]);
  });

  it('empties every table, or those named', async () => {
    const session = memorySession();
    await fillSession(session);
    await session.write((c) => clearTables(c, ['appliedChanges']));
    const some = await allRows(session, ['appliedChanges', 'changes']);
    expect(some.appliedChanges).toEqual([]);
    expect(some.changes?.length).toBeGreaterThan(0);
    await session.write((c) => clearTables(c));
    for (const rows of Object.values(await allRows(session))) expect(rows).toEqual([]);
  });

  it('changes nothing in the target when it fails on the way', async () => {
    const [original, copy] = [memorySession(), memorySession()];
    await fillSession(original);
    await copy.write((c) => found(c));
    await expect(copyAll(original, copy)).rejects.toThrow();
    expect((await allRows(copy, ['workItems'])).workItems).toEqual([]);
  });
});

describeWithPostgres('copying tables between PostgreSQL and SQLite', (server) => {
  let url: string;
  beforeAll(async () => {
    url = await server.createDatabase();
  });

  const openCopy = async () => {
    const { session } = await openPostgres({ url, schema: `worktrail_${randomUUID().replaceAll('-', '_')}` });
    cleanUpLater(() => session.close());
    return session;
  };

  it('keeps every row there and back', async () => {
    const [original, there, back] = [memorySession(), await openCopy(), memorySession()];
    await fillSession(original);
    await copyAll(original, there);
    await copyAll(there, back);
    const rows = await allRows(original);
    expect(await allRows(there)).toEqual(rows);
    expect(await allRows(back)).toEqual(rows);
  });

  it('pages through PostgreSQL as through SQLite', async () => {
    const [original, there] = [memorySession(), await openCopy()];
    await original.write((c) => found(c));
    await original.write((c) => insertRows(c, 'workItems', chain(731)));
    await original.write((c) =>
      insertRows(
        c,
        'workItemLabels',
        Array.from({ length: 300 }, (_, index) => ({ item_id: FIRST, label: `label ${index} é` })),
      ),
    );
    await copyAll(original, there);
    expect(await allRows(there)).toEqual(await allRows(original));
  });
});

const FIRST = '00000000-0000-4000-8000-000000000000';

/** Items in chains of six, each below the one before it. */
function chain(count: number): (WorkItem & Row)[] {
  const items: (WorkItem & Row)[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = index === 0 ? FIRST : newRecordId();
    const parent = index % 6 === 0 ? undefined : items.at(-1);
    items.push({
      id,
      version: 1,
      position: String(index),
      item_type: 'task',
      title: `Item ${index}`,
      description: index % 2 === 0 ? null : 'Some text',
      status: 'active',
      priority: 3,
      labels: [],
      assignee: null,
      parent_id: parent?.id ?? null,
      path: `${parent?.path ?? ''}/${id}`,
      depth: index % 6,
      branch_name: null,
      commit_hash: null,
      pr_number: null,
      metadata: { index },
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:00:00.000Z',
      completed_at: null,
      created_by: 'ada',
      updated_by: 'ada',
      deleted_at: null,
      claimed_by: null,
      claim_expires_at: null,
      archived_at: null,
    });
  }
  return items;
}
