// The rows of the database, or of a machine's copy of it, read past everything that is being tested.
import type { RecordedChange } from '../../../src/domain/change.ts';
import type { ConflictRecord } from '../../../src/domain/conflict-record.ts';
import type { allRows } from '../../storage/tiers/filled-session.ts';

export type Reads = Parameters<typeof allRows>[0];
export type Rows = Awaited<ReturnType<typeof allRows>>;

/** What changes did, in the order of the feed. */
export function historyOf({ changes = [] }: Rows): RecordedChange[] {
  // A table's rows are the records as the domain has them.
  return changes as unknown as RecordedChange[];
}

export function openConflictsOf({ conflicts = [] }: Rows): ConflictRecord[] {
  return (conflicts as unknown as ConflictRecord[]).filter(({ resolved_at }) => resolved_at === null);
}
