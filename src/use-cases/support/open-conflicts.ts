/** Conflicts on the records that a read shows: counted, and warned of. */
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';

/** The records, each with the number of its open conflicts where there are any. */
export async function withOpenConflicts<T extends { id: string }>(
  reader: Reader,
  records: T[],
): Promise<(T & { open_conflicts?: number })[]> {
  const counts = await reader.countOpenConflicts(records.map(({ id }) => id));
  if (counts.size === 0) return records;
  return records.map((record) => {
    const open_conflicts = counts.get(record.id);
    return open_conflicts === undefined ? record : { ...record, open_conflicts };
  });
}

/** The answer with a warning when what it shows has open conflicts. */
export function warnOfConflicts<T>(
  answer: Answer<T>,
  records: (data: T) => readonly { open_conflicts?: number }[],
): Answer<T> {
  const open = records(answer.data).reduce((sum, { open_conflicts = 0 }) => sum + open_conflicts, 0);
  if (open === 0) return answer;
  const message = `${open === 1 ? 'A change' : `${open} changes`} to what is shown here could not be applied and ${open === 1 ? 'waits' : 'wait'} for a decision: \`worktrail conflicts\` or the conflict tools show ${open === 1 ? 'it' : 'them'}.`;
  return { ...answer, warnings: [...answer.warnings, { code: 'open_conflicts', message }] };
}
