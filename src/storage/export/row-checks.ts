/**
 * Whether the rows of an export make a tracker together: each with what it refers to, the tree with its paths, no
 * cycles, and the counts that follow. One pass in the order of the file; what is remembered are ids.
 */
import { blockingPair, findCycle, type Dependency } from '../../domain/dependency.ts';
import { placeBelow, shelfOf, type WorkItem } from '../../domain/work-item.ts';
import { TABLE_NAMES, primaryKeyOf, type Row, type TableName } from '../database/table-copy.ts';
import { problemOfRow } from './row-shapes.ts';

/** What the columns of each table refer to. */
const REFERENCES: { readonly [Name in TableName]: Readonly<Record<string, TableName>> } = {
  meta: {},
  feed: {},
  workItems: {},
  workItemLabels: { item_id: 'workItems' },
  dependencies: { source_id: 'workItems', target_id: 'workItems' },
  claims: { item_id: 'workItems' },
  readyQueue: { item_id: 'workItems' },
  notes: { item_id: 'workItems' },
  enhancements: { work_item_id: 'workItems' },
  enhancementDependencies: { enhancement_id: 'enhancements', depends_on_id: 'enhancements' },
  vendors: {},
  deployments: {},
  deploymentVendors: { deployment_id: 'deployments', vendor_id: 'vendors' },
  deploymentWorkItems: { deployment_id: 'deployments', work_item_id: 'workItems' },
  configuration: { current_session_id: 'workItems' },
  conflicts: {},
  openConflicts: { conflict_id: 'conflicts' },
  workItemCounts: {},
  changes: {},
  appliedChanges: {},
};
const REFERRED: ReadonlySet<TableName> = new Set(Object.values(REFERENCES).flatMap(Object.values<TableName>));
const ONE_ROW: readonly TableName[] = ['meta', 'feed', 'configuration'];
/** Named in an error. */
const CYCLE_NAMED_MAX = 10;

type Pair = { blocker: string; blocked: string };
type Place = Pick<WorkItem, 'path' | 'depth'>;

export class RowChecks {
  readonly #ids = new Map<TableName, Set<string>>();
  readonly #places = new Map<string, Place>();
  readonly #rows = new Map<TableName, number>();
  readonly #unique = new Map<string, Set<string>>();
  readonly #blocking: Pair[] = [];
  readonly #awaited: Pair[] = [];
  /** Labels of items that have no row of their own yet. */
  readonly #labels = new Set<string>();
  readonly #claimed = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  #last: { table: TableName; row: Row } | undefined;
  #feed = 0;

  /** What cannot be right in this row, given those before it; undefined when nothing speaks against it. */
  problemOf(table: TableName, row: Row): string | undefined {
    const problem =
      problemOfRow(table, row) ??
      this.#orderProblem(table, row) ??
      this.#referenceProblem(table, row) ??
      this.#ownProblem(table, row);
    if (problem !== undefined) return problem;
    this.#last = { table, row };
    this.#rows.set(table, (this.#rows.get(table) ?? 0) + 1);
    if (REFERRED.has(table)) this.#idsOf(table).add(String(row['id']));
    return undefined;
  }

  /** What cannot be right in all of them together. */
  problemOfAll(): string | undefined {
    const lacking = ONE_ROW.find((table) => this.#rows.get(table) !== 1);
    if (lacking !== undefined) return `it has no row of ${lacking}, or several`;
    const [label] = this.#labels;
    if (label !== undefined) return `the row of a label is missing (${label})`;
    const [claimed] = this.#claimed.keys();
    if (claimed !== undefined) return `the claim on ${claimed} is missing`;
    const [miscounted] = [...this.#counts].find(([, items]) => items !== 0) ?? [];
    if (miscounted !== undefined) return `the number of items that are ${miscounted} is wrong`;
    return cycleProblem('links', this.#blocking) ?? cycleProblem('enhancements', this.#awaited);
  }

  /** In the order of an export, so that nothing comes twice and all that is referred to is known. */
  #orderProblem(table: TableName, row: Row): string | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    if (last.table !== table) {
      const isLater = TABLE_NAMES.indexOf(table) > TABLE_NAMES.indexOf(last.table);
      return isLater ? undefined : 'stands in the wrong place';
    }
    const keys = table === 'workItems' ? ['depth', ...primaryKeyOf(table)] : primaryKeyOf(table);
    for (const key of keys) {
      const order = compare(last.row[key], row[key]);
      if (order < 0) return undefined;
      if (order > 0) break;
    }
    return `${keys.at(-1)} comes twice, or in the wrong order`;
  }

  #referenceProblem(table: TableName, row: Row): string | undefined {
    for (const [column, referred] of Object.entries(REFERENCES[table])) {
      const id = row[column];
      if (typeof id === 'string' && !this.#idsOf(referred).has(id))
        return `${column} leads to nothing (${id})`;
    }
    return undefined;
  }

  #ownProblem(table: TableName, row: Row): string | undefined {
    switch (table) {
      case 'feed':
        this.#feed = Number(row['seq']);
        return undefined;
      case 'workItems':
        return this.#itemProblem(row as unknown as WorkItem);
      case 'workItemLabels': {
        const { item_id, label } = row as { item_id: string; label: string };
        return this.#labels.delete(`${label} of ${item_id}`) ? undefined : 'label is none of its item';
      }
      case 'dependencies': {
        const link = row as unknown as Dependency;
        if (link.source_id === link.target_id) return 'target_id must be another item than source_id';
        const pair = blockingPair(link);
        if (pair !== undefined) this.#blocking.push(pair);
        return undefined;
      }
      case 'claims':
        return this.#claimProblem(row);
      case 'enhancementDependencies':
        this.#awaited.push({ blocker: String(row['enhancement_id']), blocked: String(row['depends_on_id']) });
        return undefined;
      case 'vendors':
        return this.#takenProblem('name', row['name_key']);
      case 'appliedChanges':
        return row['idempotency_key'] === null
          ? undefined
          : this.#takenProblem('idempotency_key', row['idempotency_key']);
      case 'workItemCounts':
        return this.#countProblem(row);
      case 'changes':
        return Number(row['seq']) > this.#feed ? 'seq is past the end of the feed' : undefined;
      case 'meta':
      case 'configuration':
      case 'conflicts':
      case 'openConflicts':
      case 'deployments':
      case 'deploymentVendors':
      case 'deploymentWorkItems':
      case 'enhancements':
      case 'notes':
      case 'readyQueue':
        return undefined;
    }
  }

  #itemProblem(item: WorkItem): string | undefined {
    const { id, parent_id } = item;
    if (parent_id === id) return 'parent_id must be another item';
    const parent = parent_id === null ? null : this.#places.get(parent_id);
    if (parent === undefined) return `parent_id leads to nothing above it (${parent_id})`;
    const place = placeBelow(parent, id);
    if (item.depth !== place.depth) return `depth must be ${place.depth} below its parent`;
    if (item.path !== place.path) return `path must be ${place.path}`;
    this.#places.set(id, place);
    for (const label of item.labels) this.#labels.add(`${label} of ${id}`);
    if (item.claimed_by !== null) this.#claimed.set(id, claimText(item.claimed_by, item.claim_expires_at));
    else if (item.claim_expires_at !== null) return 'claim_expires_at says nothing without claimed_by';
    this.#count(`${shelfOf(item)} ${item.item_type} ${item.status}`, 1);
    return undefined;
  }

  #claimProblem({ item_id, holder, expires_at }: Row): string | undefined {
    const claimed = this.#claimed.get(String(item_id));
    this.#claimed.delete(String(item_id));
    const held = holder === null ? undefined : claimText(holder, expires_at);
    return held === claimed ? undefined : 'holder and expires_at are not those of its item';
  }

  #countProblem({ shelf, item_type, status, items }: Row): string | undefined {
    const kind = `${String(shelf)} ${String(item_type)} ${String(status)}`;
    const left = this.#count(kind, -Number(items));
    return left === 0
      ? undefined
      : `items is ${Number(items)}, and the file has ${left + Number(items)} of them`;
  }

  #count(kind: string, by: number): number {
    const count = (this.#counts.get(kind) ?? 0) + by;
    this.#counts.set(kind, count);
    return count;
  }

  #takenProblem(column: string, value: unknown): string | undefined {
    const taken = this.#unique.get(column) ?? new Set<string>();
    this.#unique.set(column, taken);
    if (taken.has(String(value))) return `${column} is taken by a row above`;
    taken.add(String(value));
    return undefined;
  }

  #idsOf(table: TableName): Set<string> {
    const ids = this.#ids.get(table) ?? new Set<string>();
    this.#ids.set(table, ids);
    return ids;
  }
}

function cycleProblem(what: string, pairs: readonly Pair[]): string | undefined {
  const cycle = findCycle(pairs);
  if (cycle === undefined) return undefined;
  const named = cycle.slice(0, CYCLE_NAMED_MAX).join(' > ');
  return `its ${what} close a cycle: ${named}${cycle.length > CYCLE_NAMED_MAX ? ' > …' : ''}`;
}

const claimText = (holder: unknown, expires_at: unknown) => `${String(holder)} until ${String(expires_at)}`;

/** Text by its bytes, as both databases order it. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
