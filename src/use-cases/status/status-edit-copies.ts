/** Which of several lines with the comment of one record is the record, and which are copies made by hand. Pure. */
import { groupBy } from '../../domain/grouping.ts';
import type { JsonObject } from '../../domain/json.ts';
import { vendorNameKey } from '../../domain/vendor.ts';
import type { ParsedStatus } from '../../storage/status-file/status-parser.ts';
import { asShown } from './status-view.ts';

/**
 * The records of the file that are copies. The first one with the record's own name is the record itself; where none
 * of several has it, all are copies: which of them was meant would be a guess.
 * @param now the records as they are, by id
 */
export function copiesIn(parsed: ParsedStatus, now: ReadonlyMap<string, JsonObject>): ReadonlySet<object> {
  const titleOf = (id: string) => asShown(String(now.get(id)?.['title'] ?? ''));
  return new Set([
    ...copies(
      parsed.vendors,
      ({ name }, id) => vendorNameKey(name) === vendorNameKey(String(now.get(id)?.['name'] ?? '')),
    ),
    ...copies(parsed.work_items, ({ title }, id) => title === titleOf(id)),
    ...copies(parsed.enhancements, ({ title }, id) => title === titleOf(id)),
    ...copies(parsed.deployments, () => true),
  ]);
}

function copies<T extends { id: string | null }>(
  records: readonly T[],
  hasItsName: (record: T, id: string) => boolean,
): T[] {
  const byId = groupBy(records, ({ id }) => id);
  return [...byId].flatMap(([id, same]) => {
    if (id === null || same.length === 1) return [];
    const itself = same.find((record) => hasItsName(record, id));
    return same.filter((record) => record !== itself);
  });
}
