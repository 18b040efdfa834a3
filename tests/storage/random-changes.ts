// Random writes as a person makes them: every field, moves, deletes with all below, restores, links.
import fc from 'fast-check';
import { ITEM_STATUSES } from '../../src/domain/work-item.ts';
import { TrackerError } from '../../src/domain/errors.ts';
import type { Arguments, Tracker } from './tracker.ts';

export interface Step {
  kind: 'create' | 'update' | 'move' | 'delete' | 'restore' | 'link' | 'unlink' | 'plan' | 'updateMany';
  /** Which of the items; counted round. */
  item: number;
  other: number;
  fields: Arguments;
  link: string;
}

const label = fc.constantFrom('a', 'b', 'c', 'd');
const fields = fc.record(
  {
    title: fc.constantFrom('one', 'two', 'Zoë’s 🚀'),
    description: fc.constantFrom(null, 'text', 'line\nline'),
    status: fc.constantFrom(...ITEM_STATUSES),
    priority: fc.integer({ min: 1, max: 5 }),
    labels: fc.uniqueArray(label, { maxLength: 4 }),
    assignee: fc.constantFrom(null, 'ada', 'bob'),
    branch_name: fc.constantFrom(null, 'main'),
    commit_hash: fc.constantFrom(null, 'a'.repeat(40)),
    pr_number: fc.constantFrom(null, 1, 2),
    metadata: fc.dictionary(fc.constantFrom('estimated_hours', 'actual_hours'), fc.constantFrom(1, 2, null), {
      maxKeys: 2,
    }),
  },
  { requiredKeys: [] },
);

export const steps = (min: number, max: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom<Step['kind']>(
        ...(['create', 'create', 'create', 'update', 'update', 'update', 'move', 'move'] as const),
        ...(['delete', 'restore', 'link', 'link', 'unlink', 'plan', 'updateMany'] as const),
      ),
      item: fc.nat(20),
      other: fc.nat(20),
      fields,
      link: fc.constantFrom('blocks', 'depends_on', 'relates_to', 'discovered_from'),
    }),
    { minLength: min, maxLength: max },
  );

export class RandomWork {
  readonly ids: string[] = [];

  constructor(readonly tracker: Tracker) {}

  /** Makes the step; false when a rule refused it, or it changed no field. A minute passes either way. */
  async make(step: Step): Promise<boolean> {
    this.tracker.clock.advance(60);
    try {
      return await this.#make(step);
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      return false;
    }
  }

  async #make({ kind, item, other, fields: given, link }: Step): Promise<boolean> {
    const { tracker, ids } = this;
    const metadata = Object.fromEntries(
      Object.entries((given['metadata'] ?? {}) as Arguments).filter(([, value]) => value !== null),
    );
    const [id, otherId] = [this.#id(item), this.#id(other)];
    if (kind === 'create') {
      const parent_id = item % 3 === 0 ? null : (otherId ?? null);
      ids.push((await tracker.create({ title: 'new', ...given, metadata, parent_id })).id);
      return true;
    }
    if (kind === 'plan') {
      const items = [0, 1, 2].map((at) => ({
        ...{
          item_type: 'task',
          title: `planned ${at}`,
          key: `k${at}`,
          parent: at === 0 ? (otherId ?? null) : 'k0',
        },
        ...(at === 2 && { depends_on: ['k1'], ...given, metadata }),
      }));
      ids.push(...Object.values((await tracker.plan(items)).ids));
      return true;
    }
    if (id === undefined || otherId === undefined) return false;
    const current = await tracker.query(id);
    const before = await tracker.seq();
    switch (kind) {
      case 'update':
        await tracker.update(current, given);
        break;
      case 'updateMany': {
        const { version } = await tracker.query(otherId);
        await tracker.updateMany([
          { id, version: current.version, ...given },
          { id: otherId, version, priority: 1 + (item % 5) },
        ]);
        break;
      }
      case 'move':
        await tracker.update(current, { parent_id: item % 4 === 0 ? null : otherId });
        break;
      case 'delete':
        await tracker.update(current, { deleted_at: tracker.clock.iso, cascade: item % 4 !== 0 });
        break;
      case 'restore':
        await tracker.update(current, { deleted_at: null, cascade: item % 2 === 0 });
        break;
      case 'link':
        await tracker.link(current, link, { id: otherId });
        break;
      case 'unlink':
        await tracker.unlink(current, link, { id: otherId });
    }
    // A change to what is there already raises the version and nothing else.
    return (await tracker.history({ since: before })).items.some((change) => change.fields.length > 0);
  }

  #id(number: number): string | undefined {
    return this.ids[number % this.ids.length];
  }

  /** The items as they are, links included; without versions and times of change and deletion. */
  async snapshot(): Promise<Map<string, unknown>> {
    const items = new Map<string, unknown>();
    for (const id of this.ids) {
      const {
        version: _v,
        updated_at: _at,
        updated_by: _by,
        ancestors: _a,
        dependencies,
        deleted_at,
        ...item
      } = await this.tracker.query(id, { include_children: false });
      items.set(id, { ...item, deleted: deleted_at !== null, links: linksOf(dependencies ?? []) });
    }
    return items;
  }
}

export function linksOf(
  links: readonly { source_id: string; target_id: string; dependency_type: string }[],
): string[] {
  return links.map((link) => `${link.source_id} ${link.dependency_type} ${link.target_id}`).sort();
}
