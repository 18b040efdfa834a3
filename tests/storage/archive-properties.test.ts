// Archiving and restoring in any order, mixed with everything else that happens to items: nothing is orphaned, no
// link is lost, and what comes back is what was there. A model that knows nothing of the archive tells what should be.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { archiveInput } from '../../src/domain/archive.ts';
import { parseInput } from '../../src/domain/validate.ts';
import {
  isClosed,
  ITEM_STATUSES,
  shelfOf,
  type ItemStatus,
  type WorkItem,
} from '../../src/domain/work-item.ts';
import { archiveDue, archiveWorkItems } from '../../src/use-cases/archive/archive.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import type { Session } from '../../src/storage/database/connection.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeEachBackend, openTracker, type Backend } from './backends.ts';
import type { Tracker } from './tracker.ts';
import { episodes } from '../torture/scale.ts';

const RUNS = episodes(8, 25);
const KINDS = ['blocks', 'depends_on', 'relates_to', 'discovered_from'] as const;

/** Items are chosen by a number, whatever there is of them at that moment. */
const pick = fc.nat({ max: 999 });
const status = fc.constantFrom(...ITEM_STATUSES, 'completed' as const, 'completed' as const);
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), at: fc.option(pick), status }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), item: pick, to: fc.option(pick) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('status' as const), item: pick, status }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'undelete' as const),
      item: pick,
      cascade: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('link' as const, 'link' as const, 'unlink' as const),
      item: pick,
      to: pick,
      kind: fc.constantFrom(...KINDS),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('archive' as const), item: pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restore' as const), item: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('archiveDue' as const) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

interface Known {
  parent: string | null;
  status: ItemStatus;
  deleted_at: string | null;
}

/** What should be, had there never been an archive. */
class Model {
  readonly items = new Map<string, Known>();
  readonly links = new Set<string>();

  below(id: string): string[] {
    const children = [...this.items].filter(([, { parent }]) => parent === id).map(([child]) => child);
    return children.flatMap((child) => [child, ...this.below(child)]);
  }
}

const linkName = (source: string, kind: string, target: string) => `${source} ${kind} ${target}`;

class Scene {
  readonly model = new Model();
  archivings = 0;

  constructor(
    readonly tracker: Tracker,
    readonly session: Session,
  ) {}

  async run(operations: Operation[]): Promise<void> {
    for (const one of operations) {
      this.tracker.clock.advance(1);
      await this.#accepted(() => this.#do(one));
      await this.check();
    }
  }

  /** What breaks a rule changes nothing, neither here nor there. */
  async #accepted(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Error) || !['ValidationError', 'NotFoundError'].includes(error.name))
        throw error;
    }
  }

  #pick(number: number): string | undefined {
    const ids = [...this.model.items.keys()];
    return ids[number % ids.length];
  }

  async #do(one: Operation): Promise<void> {
    const { tracker, model } = this;
    const { clock } = tracker;
    if (one.do === 'create') {
      const parent = one.at === null ? null : (this.#pick(one.at) ?? null);
      const made = await tracker.create({ parent_id: parent, status: one.status });
      model.items.set(made.id, { parent, status: one.status, deleted_at: null });
      return;
    }
    if (one.do === 'archiveDue') {
      const { data } = await archiveDue(tracker.context, tracker.caller, { olderThanDays: 0 });
      this.archivings += data.items_total;
      return;
    }
    const id = this.#pick(one.item);
    const known = id === undefined ? undefined : model.items.get(id);
    if (id === undefined || known === undefined) return;
    const based = async () => ({ id, version: (await tracker.query(id)).version });
    switch (one.do) {
      case 'move': {
        const parent_id = one.to === null ? null : (this.#pick(one.to) ?? null);
        await tracker.update(await based(), { parent_id });
        known.parent = parent_id;
        return;
      }
      case 'status':
        await tracker.update(await based(), { status: one.status });
        known.status = one.status;
        return;
      case 'delete': {
        if (known.deleted_at !== null) return;
        const at = clock.iso;
        await tracker.update(await based(), { deleted_at: at, cascade: one.cascade });
        for (const below of [id, ...model.below(id)]) {
          const item = model.items.get(below);
          if (item !== undefined) item.deleted_at ??= at;
        }
        return;
      }
      case 'undelete': {
        const was = known.deleted_at;
        if (was === null) return;
        await tracker.update(await based(), { deleted_at: null, cascade: one.cascade });
        for (const below of one.cascade ? [id, ...model.below(id)] : [id]) {
          const item = model.items.get(below);
          if (item?.deleted_at === was) item.deleted_at = null;
        }
        return;
      }
      case 'link':
      case 'unlink': {
        const to = this.#pick(one.to) ?? id;
        const answer = await tracker.linkAnswer(
          { id },
          one.kind,
          { id: to },
          { remove: one.do === 'unlink' },
        );
        const { source_id, dependency_type, target_id } = answer.data;
        const name = linkName(source_id, dependency_type, target_id);
        if (one.do === 'link') model.links.add(name);
        else model.links.delete(name);
        return;
      }
      case 'archive':
      case 'restore': {
        const input = parseInput(archiveInput, { ids: [id], restore: one.do === 'restore' });
        const { data } = await archiveWorkItems.run(tracker.context, tracker.caller, input);
        this.archivings += data.items_total;
      }
    }
  }

  async rows(): Promise<{ items: WorkItem[]; links: string[]; counts: Map<string, number> }> {
    return await this.session.read(async (c) => {
      const { workItems, dependencies } = c.tables;
      const links = await c.db.select().from(dependencies);
      const counts = await c.db.select().from(c.tables.workItemCounts);
      return {
        items: await c.db.select().from(workItems),
        links: links.map(({ source_id, dependency_type, target_id }) =>
          linkName(source_id, dependency_type, target_id),
        ),
        counts: new Map(
          counts
            .filter(({ items }) => items !== 0)
            .map(({ shelf, item_type, status: is, items }) => [`${shelf} ${item_type} ${is}`, items]),
        ),
      };
    });
  }

  async check(): Promise<WorkItem[]> {
    const { items, links, counts } = await this.rows();
    const byId = new Map(items.map((item) => [item.id, item]));
    const counted = new Map<string, number>();
    for (const item of items) {
      const parent = item.parent_id === null ? undefined : byId.get(item.parent_id);
      expect(item.path).toBe(`${parent?.path ?? ''}/${item.id}`);
      expect(item.depth).toBe(parent === undefined ? 0 : parent.depth + 1);
      if (item.archived_at === null) {
        expect(parent?.archived_at ?? null, 'nothing live is below the archive').toBeNull();
      } else
        expect(item.deleted_at !== null || isClosed(item.status), 'nothing open is in the archive').toBe(
          true,
        );
      if (item.deleted_at === null) {
        expect(parent?.deleted_at ?? null, 'nothing is below what is deleted but not deleted').toBeNull();
      }
      const kind = `${shelfOf(item)} ${item.item_type} ${item.status}`;
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
    }
    expect(counts).toEqual(counted);
    const mine = items.filter(({ id }) => this.model.items.has(id));
    expect(
      new Map(
        mine.map(({ id, parent_id, status: is, deleted_at }) => [
          id,
          { parent: parent_id, status: is, deleted_at },
        ]),
      ),
    ).toEqual(this.model.items);
    expect(links.filter((link) => this.model.items.has(link.slice(0, 36))).sort()).toEqual(
      [...this.model.links].sort(),
    );
    return mine;
  }

  /** Brings everything back, in the order of `seed`. */
  async restoreAll(seed: number): Promise<void> {
    const archived = (await this.check()).filter(({ archived_at }) => archived_at !== null);
    const order = archived
      .map(({ id }, index) => ({ id, place: (index * 7919 + seed) % 104_729 }))
      .sort((a, b) => a.place - b.place);
    for (const { id } of order) {
      const input = parseInput(archiveInput, { ids: [id], restore: true });
      await archiveWorkItems.run(this.tracker.context, this.tracker.caller, input);
      await this.check();
    }
    expect((await this.check()).filter(({ archived_at }) => archived_at !== null)).toEqual([]);
  }
}

async function newScene(backend: Backend): Promise<() => Scene> {
  const tracker = await openTracker(backend);
  const primary = await openPrimary(tracker.place);
  cleanUpLater(() => primary.close());
  const { session } = primary as unknown as { session: Session };
  return () => new Scene(tracker, session);
}

const content = ({ version: _v, updated_at: _at, updated_by: _by, ...rest }: WorkItem) => rest;
const sorted = (items: WorkItem[]) => items.map(content).sort((a, b) => (a.id < b.id ? -1 : 1));

describeEachBackend('archiving in any order', (backend) => {
  it('orphans nothing and loses no link, whatever happens in between', async () => {
    const scene = await newScene(backend);
    let archivings = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 10, maxLength: 40 }),
        pick,
        async (operations, seed) => {
          const one = scene();
          await one.run(operations);
          await one.restoreAll(seed);
          archivings += one.archivings;
        },
      ),
      { numRuns: RUNS },
    );
    expect(archivings).toBeGreaterThan(RUNS);
  });

  it('gives the first state back', async () => {
    const scene = await newScene(backend);
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 10, maxLength: 30 }),
        fc.array(fc.record({ do: fc.constantFrom('archive' as const, 'restore' as const), item: pick }), {
          minLength: 5,
          maxLength: 20,
        }),
        pick,
        async (before, moves, seed) => {
          const one = scene();
          await one.run(before.filter(({ do: kind }) => !/archive|restore/.test(kind)));
          const first = await one.check();
          await one.run(moves);
          await one.restoreAll(seed);
          const last = await one.check();
          expect(sorted(last)).toEqual(sorted(first));
        },
      ),
      { numRuns: RUNS },
    );
  });
});
