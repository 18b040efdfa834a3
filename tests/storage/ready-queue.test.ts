// The queue of open work against a plain computation, over random graphs and writes: same items, same order.
// And never a cycle over the links that block.
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blockingPair } from '../../src/domain/dependency.ts';
import { WAITS } from '../../src/domain/readiness.ts';
import { isOpen, type WorkItem } from '../../src/domain/work-item.ts';
import { refillQueue } from '../../src/storage/apply/readiness.ts';
import type { Connection, Session } from '../../src/storage/database/connection.ts';
import { openMemorySqlite } from '../../src/storage/primary/memory-session.ts';
import { openPostgres } from '../../src/storage/primary/postgres.ts';
import { openSqlite } from '../../src/storage/primary/sqlite.ts';
import { SQLITE_FILE, openPrimary, schemaName } from '../../src/storage/opening/open-primary.ts';
import { SqlStore } from '../../src/storage/primary/sql-store.ts';
import { CacheReplica } from '../../src/storage/replicas/cache.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import type { OpenOptions } from '../../src/storage/opening/open-store.ts';
import { findDifferences, mendDifferences } from '../../src/storage/maintenance/mend-derived.ts';
import { describeEachBackend, inFolder, openTrackerAt } from './backends.ts';
import { databaseRows } from './database-rows.ts';
import { found } from './tiers/filled-session.ts';
import { Runner, steps } from './random-work.ts';
import { Tracker } from './tracker.ts';
import { episodes } from '../torture/scale.ts';

interface Records {
  items: WorkItem[];
  links: { source_id: string; target_id: string; dependency_type: never }[];
  queue: { item_id: string; waits: number | null; priority: number; rank: number; position: string }[];
}

async function recordsOf(session: Pick<Session, 'read'>): Promise<Records> {
  return await session.read(async (c) => ({
    items: await c.db.select().from(c.tables.workItems),
    links: (await c.db.select().from(c.tables.dependencies)) as never,
    queue: await c.db.select().from(c.tables.readyQueue),
  }));
}

/** The open items in the order of the queue, with what each waits for, worked out one item after the other. */
function reference({ items, links }: Records): Records['queue'] {
  const byId = new Map(items.map((one) => [one.id, one]));
  const pairs = links.flatMap((link) => blockingPair(link) ?? []);
  const isOpenId = (id: string) => isOpen(byId.get(id) as WorkItem);
  const isBlocked = (one: WorkItem): boolean =>
    one.status === 'blocked' || pairs.some(({ blocker, blocked }) => blocked === one.id && isOpenId(blocker));
  const isStopped = (id: string | null): boolean => {
    if (id === null) return false;
    const one = byId.get(id) as WorkItem;
    return !isOpen(one) || isBlocked(one) || isStopped(one.parent_id);
  };
  const waitsOf = (one: WorkItem): number => {
    if (isBlocked(one) || isStopped(one.parent_id)) return WAITS.FOR_OTHERS;
    return items.some((child) => child.parent_id === one.id && isOpen(child))
      ? WAITS.FOR_CHILDREN
      : WAITS.FOR_NOTHING;
  };
  return items
    .filter(isOpen)
    .map((one) => {
      const held = new Set(
        pairs.filter(({ blocker, blocked }) => blocker === one.id && isOpenId(blocked)).map((p) => p.blocked),
      );
      const { id: item_id, priority: urgency, position } = one;
      return { item_id, waits: waitsOf(one), priority: urgency, rank: 0 - held.size, position };
    })
    .sort(
      (a, b) =>
        a.priority - b.priority ||
        a.rank - b.rank ||
        (a.position < b.position ? -1 : Number(a.position > b.position)) ||
        (a.item_id < b.item_id ? -1 : 1),
    );
}

const startable = (queue: Records['queue']) => queue.filter(({ waits }) => waits === WAITS.FOR_NOTHING);

function expectNoCycle({ links }: Records): void {
  const next = new Map<string, string[]>();
  for (const link of links) {
    const pair = blockingPair(link);
    if (pair !== undefined) next.set(pair.blocker, [...(next.get(pair.blocker) ?? []), pair.blocked]);
  }
  const finished = new Set<string>();
  const visit = (id: string, path_: string[]): void => {
    expect(path_, 'a cycle of blocking links').not.toContain(id);
    if (finished.has(id)) return;
    for (const one of next.get(id) ?? []) visit(one, [...path_, id]);
    finished.add(id);
  };
  for (const id of next.keys()) visit(id, []);
}

async function expectQueue(session: Pick<Session, 'read'>, tracker: Tracker): Promise<void> {
  const records = await recordsOf(session);
  expectNoCycle(records);
  const expected = reference(records);
  const sorted = [...records.queue].sort((a, b) => (a.item_id < b.item_id ? -1 : 1));
  expect(sorted).toEqual([...expected].sort((a, b) => (a.item_id < b.item_id ? -1 : 1)));
  const all = await tracker.list({ ready: true, limit: 100 });
  expect(all.items.map(({ id }) => id)).toEqual(startable(expected).map(({ item_id }) => item_id));
  expect(all.total_count).toBe(startable(expected).length);
  const others = await tracker.list({ ready: false, include_deleted: true, limit: 100, explain: true });
  expect(others.total_count + all.total_count).toBe(records.items.length);
  for (const one of others.items) expect(one.not_ready, one.title).toBeDefined();
}

async function pages(tracker: Tracker): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await tracker.list({ ready: true, limit: 2, ...(cursor !== undefined && { cursor }) });
    ids.push(...page.items.map(({ id }) => id));
    if (page.next_cursor === null) return ids;
    cursor = page.next_cursor;
  }
}

/** With so many, a statement that goes through all items for each of them takes longer than a statement may. */
const BELOW = 10_000;
const RUNS = { sqlite: episodes(12, 25), postgres: episodes(4, 8) } as const;

describeEachBackend('the ready queue', (backend) => {
  it('is what a plain computation finds, whatever is written', async () => {
    const outcome = { done: 0, asked: 0 };
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const place = await backend.place();
        const primary = await openPrimary(place);
        const { session } =
          place.databaseUrl === undefined
            ? await openSqlite({ file: path.join(place.dataDir, SQLITE_FILE) })
            : await openPostgres({ url: place.databaseUrl, schema: schemaName(place.slug.value) });
        try {
          const tracker = new Tracker(primary, place);
          const runner = new Runner(tracker);
          for (const [index, one] of all.entries()) {
            await runner.run(one);
            if (index % 10 === 9) await expectQueue(session, tracker);
          }
          await expectQueue(session, tracker);
          const kept = (await recordsOf(session)).queue;
          expect(await pages(tracker)).toEqual(
            (await tracker.list({ ready: true, limit: 100 })).items.map(({ id }) => id),
          );
          // Made anew from the records it is the same: what a copy without a queue does.
          const sort = (rows: Records['queue']) => rows.map((row) => JSON.stringify(row)).sort();
          const again = await session.write(async (c: Connection) => {
            await refillQueue(c);
            return await c.db.select().from(c.tables.readyQueue);
          });
          expect(sort(again)).toEqual(sort(kept));
          outcome.done += runner.done;
          outcome.asked += all.length;
        } finally {
          await session.close();
          await primary.close();
        }
      }),
      { numRuns: RUNS[backend.source as keyof typeof RUNS], endOnFailure: false },
    );
    // The steps are not refused as a rule.
    expect(outcome.done / outcome.asked).toBeGreaterThan(0.3);
  }, 240_000);
});

describeEachBackend('the ready queue of a large project', (backend) => {
  it('follows within the time of a statement when what stopped the project is done', async () => {
    const place = await backend.place();
    const tracker = await openTrackerAt(place);
    const project = await tracker.create({ title: 'Project', item_type: 'project' });
    const blocker = await tracker.create({ title: 'Blocker' });
    await manyBelow(place, project);
    await mendDifferences(place);
    await databaseRows(place).run('analyze');
    await tracker.link(project, 'depends_on', blocker);
    expect((await tracker.list({ ready: true })).total_count).toBe(1);
    const done = await tracker.updateAnswer(blocker, { status: 'completed' });
    // Not kept for later either.
    expect(done.warnings).toEqual([]);
    expect((await tracker.list({ ready: true })).total_count).toBe(BELOW);
    expect(await findDifferences(place)).toEqual([]);
  });
});

/** Rows put there past the program, which would take a while. */
async function manyBelow(place: OpenOptions, { id: parent }: WorkItem): Promise<void> {
  const isSqlite = place.databaseUrl === undefined;
  const numbers = isSqlite
    ? `(with recursive g(n) as (select 1 union all select n + 1 from g where n < ${BELOW}) select n from g) g`
    : `generate_series(1, ${BELOW}) g(n)`;
  const text = `'00000000-0000-4000-8000-' || substr(cast(1000000000000 + n as text), 2)`;
  const id = isSqlite ? text : `(${text})::uuid`;
  const json = (empty: string) => (isSqlite ? `'${empty}'` : `'${empty}'::jsonb`);
  await databaseRows(place).run(
    `insert into work_items (id, version, item_type, title, status, priority, labels, parent_id, path, depth, metadata, created_at, updated_at, created_by, updated_by)
     select ${id}, 1, 'task', 'Task', 'active', 3, ${json('[]')}, p.id, p.path || '/' || ${text}, 1, ${json('{}')}, p.created_at, p.created_at, 'ada', 'ada'
     from work_items p cross join ${numbers} where p.id = '${parent}'`,
  );
}

it('the ready queue of the local copy follows that of the primary', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const place = inFolder(await temporaryProject(), undefined);
      const primary = await openPrimary(place);
      const { project_id } = await primary.health();
      const file = path.join(await temporaryProject(), 'cache.db');
      const cache = new CacheReplica(
        file,
        () => project_id ?? undefined,
        systemClock,
        () => undefined,
      );
      const nothing = { fingerprint: 'nothing', list: () => Promise.resolve([]) };
      try {
        const tracker = new Tracker(primary, place);
        const runner = new Runner(tracker);
        for (const [index, one] of all.entries()) {
          await runner.run(one);
          if (index % 7 !== 6 && index !== all.length - 1) continue;
          await cache.refresh(
            primary,
            () => Promise.resolve(nothing),
            () => ({}),
          );
          const copied = await cache.run(nothing, ({ session }) => recordsOf(session));
          const sort = (rows: Records['queue']) => rows.map((row) => JSON.stringify(row)).sort();
          expect(sort(copied.queue)).toEqual(sort(reference(copied)));
        }
      } finally {
        await cache.close();
        await primary.close();
      }
    }),
    { numRuns: 10 },
  );
}, 240_000);

it('the ready queue is the same on a copy that stands in for the primary', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { session } = openMemorySqlite({ isReplica: true });
      try {
        await session.write((c) => found(c));
        const tracker = new Tracker(
          new SqlStore(session, 'current', 'memory'),
          inFolder('/nowhere', undefined),
        );
        const runner = new Runner(tracker);
        for (const one of all) await runner.run(one);
        await expectQueue(session, tracker);
      } finally {
        await session.close();
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);
