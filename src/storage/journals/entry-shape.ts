/** What is found in a record, held against the shape of an entry: see `domain/change-schema.ts`. */
import * as z from 'zod';
import { clockTime, decodeChanges, visibleReach } from '../../domain/change-schema.ts';
import { lazily, storedId } from '../../domain/fields.ts';
import { isPlainObject } from '../../domain/json.ts';
import type { JournalEntry } from '../contract/journal.ts';

/** Far past every clock, and far from where numbers are no longer exact. */
const LAMPORT_MAX = 2 ** 45;

/** Further fields are passed over: they are of whoever seals and carries entries. */
const envelope = lazily(() =>
  z.object({
    id: storedId,
    lamport: z.number().min(0).max(LAMPORT_MAX),
    device: storedId,
    project_id: storedId.optional(),
    at: clockTime(),
  }),
);

/**
 * The entry that was decoded from `record`, as it was written; undefined for one that nobody can have written. One
 * of a newer version has no changes that can be read here, and keeps its record.
 */
export function readEntry(value: unknown, record: () => string): JournalEntry | undefined {
  if (!isPlainObject(value)) return undefined;
  const { success, data } = envelope().safeParse(value);
  if (!success) return undefined;
  const { changes } = value;
  const decoded = decodeChanges(changes);
  if ('changes' in decoded) {
    return decoded.changes[0]?.id === data.id ? (value as unknown as JournalEntry) : undefined;
  }
  if (decoded.problem === 'damaged') return undefined;
  return { ...data, changes: [], newer: { alters: visibleReach(changes), record: record() } } as JournalEntry;
}
