// Every acknowledged write is in the tables once, or kept as one conflict; none that was refused is there, and nothing
// that nobody asked for.
import type { History, Violation } from '../history.ts';
import { eachWrite, linkMark, makeLedger, marksOfChange, type Ledger, type Write } from '../ledger.ts';

export function checkAppliedOnce(history: History): Violation[] {
  const ledger = makeLedger(history);
  return [
    ...eachWrite(ledger).flatMap((write) => checkWrite(ledger, write)),
    ...[...ledger.changesOf.keys()]
      .filter((mark) => !ledger.writes.has(mark))
      .map((mark) => ({ guarantee: 'no phantoms', what: `nobody wrote "${mark}"`, calls: [] })),
  ];
}

function checkWrite(ledger: Ledger, write: Write): Violation[] {
  const { deed, told, conflict, acknowledged } = write;
  const calls = write.calls.map(({ n }) => n);
  const times = deed.marks.map((mark) => ledger.changesOf.get(mark)?.length ?? 0);
  const most = Math.max(...deed.marks.map((mark) => rowsOfItsOwn(ledger, write, mark)));
  const found: Violation[] = [];
  const add = (guarantee: string, what: string) =>
    found.push({ guarantee, what: `${deed.kind} ${String(deed.marks[0])}: ${what}`, calls });
  // A decision about a conflict may apply the write, once; what was decided is the reader's word, whatever became of it.
  const allowed = conflict === undefined || conflict.resolution === 'reapply' ? 1 : 0;
  if (most > allowed) add('applied once', `is there ${most} times, ${allowed} is right`);
  if (most > 0 && Math.min(...times) === 0 && conflict === undefined)
    add('whole or not at all', `${times.filter((one) => one > 0).length} of ${times.length} parts are there`);
  if (deed.kind === 'plan' && most > 0 && !isChained(ledger, deed.marks))
    add('whole or not at all', 'its links are missing');
  const isThere = most > 0 || conflict !== undefined;
  if (told === 'refused' && isThere)
    add('what is refused is not applied', `was answered with ${String(write.calls[0]?.answer['error'])}`);
  if (told === 'acknowledged' && !isThere && !mayBeLost(ledger.history, write))
    add('nothing acknowledged is lost', `durability ${String(acknowledged?.answer['durability'])}`);
  return found;
}

/** A label may be there because somebody else saw it, where it waited, and put it on the item too. */
function rowsOfItsOwn({ changesOf, writes }: Ledger, write: Write, mark: string): number {
  const rows = changesOf.get(mark) ?? [];
  if (!mark.startsWith('L.')) return rows.length;
  const isAnothers = (one: string) => !one.startsWith('L.') && writes.get(one) !== write;
  return rows.filter((row) => !marksOfChange(row).some(isAnothers)).length;
}

/** Each item of a plan depends on the one before it. */
function isChained({ changesOf, history }: Ledger, marks: readonly string[]): boolean {
  const ids = marks.flatMap((mark) => changesOf.get(mark)?.slice(0, 1) ?? []).map((row) => row.entity_id);
  const links = new Set(history.tables.dependencies.map((row) => linkMark(row.source_id, row.target_id)));
  return ids.slice(1).every((id, index) => links.has(linkMark(ids[index] ?? '', id)));
}

/** Whether a fault is documented to destroy the one place where the write was. */
function mayBeLost({ faults, primary }: History, { acknowledged }: Write): boolean {
  if (acknowledged === undefined) return false;
  const { folder, start, answer } = acknowledged;
  const isKept = answer['durability'] !== primary;
  // What the primary forgets, the folders give back.
  return faults.some(({ destroysJournalsOf, to }) => isKept && destroysJournalsOf === folder && start <= to);
}
