// Random work on a tracker: items in trees with links that block, and what people do with them.
import fc from 'fast-check';
import { TrackerError } from '../../src/domain/errors.ts';
import type { Tracker } from './tracker.ts';

type Link = { do: 'link' | 'unlink'; from: number; kind: string; to: number };
export type Step =
  | { do: 'create'; status: string; priority: number; below: number | null }
  | { do: 'status'; item: number; status: string }
  | { do: 'priority'; item: number; priority: number }
  | { do: 'title'; item: number }
  | { do: 'delete' | 'restore'; item: number; cascade: boolean }
  | Link
  | { do: 'move'; item: number; below: number | null };

const item = fc.nat({ max: 11 });
const below = fc.option(item);
const status = fc.constantFrom('planned', 'active', 'active', 'blocked', 'completed', 'cancelled');
const priority = fc.integer({ min: 1, max: 3 });
const kind = fc.constantFrom('blocks', 'depends_on', 'blocks', 'relates_to');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), status, priority, below }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('status' as const), item, status }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('priority' as const), item, priority }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('title' as const), item }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'restore' as const),
      item,
      cascade: fc.boolean(),
    }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('link' as const), from: item, kind, to: item }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unlink' as const), from: item, kind, to: item }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), item, below }) },
);
export const steps = fc.array(step, { minLength: 15, maxLength: 60 });

const isLink = (one: Step): one is Link => one.do === 'link' || one.do === 'unlink';

/** Does what it can of the steps: many name what is not there or break a rule, and then nothing happens. */
export class Runner {
  readonly ids: string[] = [];
  done = 0;

  constructor(readonly tracker: Tracker) {}

  async run(one: Step): Promise<void> {
    try {
      await this.#attempt(one);
      this.done += 1;
    } catch (error) {
      if (!(error instanceof TrackerError) || error.code === 'DatabaseError') throw error;
    }
  }

  async #attempt(one: Step): Promise<unknown> {
    const { tracker } = this;
    tracker.clock.advance(1);
    const parentOf = (at: number | null) => (at === null ? null : (this.ids[at] ?? null));
    if (one.do === 'create') {
      if (this.ids.length > 11) return undefined;
      const { id } = await tracker.create({
        title: `item ${this.ids.length}`,
        status: one.status,
        priority: one.priority,
        parent_id: parentOf(one.below),
      });
      return this.ids.push(id);
    }
    if (isLink(one)) {
      const [from, to] = [this.ids[one.from], this.ids[one.to]];
      if (from === undefined || to === undefined) return undefined;
      return one.do === 'link'
        ? await tracker.link({ id: from }, one.kind, { id: to })
        : await tracker.unlink({ id: from }, one.kind, { id: to });
    }
    const id = this.ids[one.item];
    if (id === undefined) return undefined;
    const current = await tracker.query(id);
    switch (one.do) {
      case 'status':
        return await tracker.update(current, { status: one.status });
      case 'priority':
        return await tracker.update(current, { priority: one.priority });
      case 'title':
        return await tracker.update(current, { title: `${current.title}.` });
      case 'delete':
        return await tracker.update(current, { deleted_at: tracker.clock.iso, cascade: one.cascade });
      case 'restore':
        return await tracker.update(current, { deleted_at: null, cascade: one.cascade });
      case 'move':
        return await tracker.update(current, { parent_id: parentOf(one.below) });
    }
  }
}
