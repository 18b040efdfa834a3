// What the primary holds in the end, read past everything that is being tested.
import type { Change, FieldChange } from '../../../src/domain/change.ts';
import type { SqlRow } from './database.ts';
import type { World } from './world.ts';

export interface HistoryRow {
  seq: number;
  change_id: string;
  entity: string;
  entity_id: string;
  related_id: string | null;
  kind: string;
  version: number | null;
  fields: FieldChange[];
}

export interface ConflictRow {
  id: string;
  kind: string;
  device: string;
  changes: Change[];
  resolved_at: string | null;
  resolution: string | null;
  resolved_by_change: string | null;
}

export type Found = ReturnType<typeof readPrimary>;

export function readPrimary({ server: { right } }: World) {
  const parsed = <T>(row: SqlRow, ...names: string[]): T => {
    const copy = { ...row };
    for (const name of names) copy[name] = JSON.parse(String(row[name]));
    return copy as T;
  };
  const history = right
    .all('select * from changes order by seq')
    .map((row) => parsed<HistoryRow>(row, 'fields'));
  const conflicts = right.all('select * from conflicts').map((row) => parsed<ConflictRow>(row, 'changes'));
  const settled = new Set(
    right.all<{ change_id: string }>('select change_id from applied_changes').map((row) => row.change_id),
  );
  const conflicting = new Map(conflicts.flatMap((one) => one.changes.map(({ id }) => [id, one] as const)));
  const applied = new Set(
    history.filter((row) => row.entity !== 'conflict' || row.kind === 'resolve').map((row) => row.change_id),
  );
  return { history, conflicts, settled, conflicting, applied };
}

/** They follow from the parent's, without a change of their own. */
export const MOVED_ALONG: ReadonlySet<string> = new Set(['path', 'depth']);
