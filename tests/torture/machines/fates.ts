// What became of each write: nothing that was acknowledged is lost or applied twice, nothing refused is applied.
import { expect } from 'vitest';
import type { Change, RecordedChange } from '../../../src/domain/change.ts';
import type { ConflictKind, ConflictRecord } from '../../../src/domain/conflict-record.ts';
import { knownVersion } from '../../../src/domain/provisional-version.ts';
import { askedFields, type Ledger } from './ledger.ts';
import type { Machine } from './machine.ts';
import { historyOf, type Rows } from './rows.ts';

/** Counts of writes made offline; `contested` counts fields, and `applied` what waits or had nothing to do, too. */
export interface Figures {
  changes: number;
  applied: number;
  merged: number;
  conflicts: number;
  rejected: number;
  refused: number;
  contested: number;
}

type Fate = 'applied' | 'nothing to do' | ConflictKind | 'waiting';

/** Each acknowledged write is one of: applied, a conflict that both machines list, waiting; a refused one is nowhere. */
export async function expectFates(
  machines: readonly Machine[],
  rows: Rows,
  ledger: Ledger,
): Promise<Figures> {
  const found = await findTraces(machines, rows);
  const wrong: string[] = [];
  for (const { change, maker, told } of ledger.values()) {
    const fates = fatesOf(change, found);
    if (fates.length !== (told === 'acknowledged' ? 1 : 0))
      wrong.push(`${told} by ${maker}, and ${fates.join(' and ') || 'nowhere'}: ${JSON.stringify(change)}`);
  }
  for (const id of [...found.applied, ...found.conflicts.keys()])
    if (!ledger.has(id)) wrong.push(`nobody wrote ${id}`);
  wrong.push(...repeated(found.done));
  expect(wrong).toEqual([]);
  return countFates(found, ledger);
}

/** Where writes leave traces, by the ids of their changes. */
interface Traces {
  /** The history, without the conflicts that were found. */
  done: RecordedChange[];
  applied: ReadonlySet<string>;
  /** What the database remembers as dealt with. */
  settled: ReadonlySet<string>;
  conflicts: ReadonlyMap<string, ConflictRecord>;
  waiting: ReadonlySet<string>;
  /** Pairs of items that were linked at some time. */
  linked: ReadonlySet<string>;
}

async function findTraces(machines: readonly Machine[], rows: Rows): Promise<Traces> {
  const done = historyOf(rows).filter(({ entity, kind }) => entity !== 'conflict' || kind === 'resolve');
  const links = done.filter(({ kind }) => kind === 'link');
  const conflicts = await listedByAll(machines);
  const pending = await Promise.all(machines.map(({ store }) => store.pending()));
  return {
    done,
    applied: new Set(done.map(({ change_id }) => change_id)),
    settled: new Set(rows.appliedChanges?.map((row) => String(row['change_id']))),
    conflicts: new Map(conflicts.map((conflict) => [conflict.id, conflict])),
    waiting: new Set(pending.flat().map(({ id }) => id)),
    linked: new Set(links.map(({ entity_id, related_id }) => pairOf(entity_id, related_id))),
  };
}

/** The conflicts, open and settled, which are the same wherever they are listed. */
async function listedByAll(machines: readonly Machine[]): Promise<ConflictRecord[]> {
  const [listed = [], ...elsewhere] = await Promise.all(
    machines.map(async ({ person }) => [...(await person.conflicts()), ...(await person.conflicts(true))]),
  );
  for (const listedThere of elsewhere) expect(listedThere).toEqual(listed);
  return listed;
}

function fatesOf({ id, kind, entity_id, patch }: Change, found: Traces): Fate[] {
  const fates: Fate[] = [];
  const conflict = found.conflicts.get(id);
  if (found.applied.has(id)) fates.push('applied');
  if (conflict !== undefined) fates.push(conflict.kind);
  // Linking what is linked already is the only thing that leaves no trace in the history.
  const isLinked = kind === 'link' && found.linked.has(pairOf(entity_id, patch['target_id']));
  if (fates.length === 0 && found.settled.has(id) && isLinked) fates.push('nothing to do');
  if (found.waiting.has(id)) fates.push('waiting');
  return fates;
}

const pairOf = (one: unknown, other: unknown): string => [one, other].map(String).sort().join(' ');

/** What one change did to one record more than once. */
function repeated(done: readonly RecordedChange[]): string[] {
  const times = new Map<string, number>();
  for (const { change_id, entity, entity_id, related_id, kind } of done) {
    const what = [change_id, entity, entity_id, related_id, kind].join(' ');
    times.set(what, (times.get(what) ?? 0) + 1);
  }
  return [...times].filter(([, count]) => count > 1).map(([what, count]) => `${count} times: ${what}`);
}

function countFates(found: Traces, ledger: Ledger): Figures {
  const offline = [...ledger.values()].filter(({ wasOffline }) => wasOffline);
  const acknowledged = offline.filter(({ told }) => told === 'acknowledged');
  const fates = acknowledged.flatMap(({ change }) => fatesOf(change, found));
  const conflicts = fates.filter((fate) => fate === 'conflict').length;
  const rejected = fates.filter((fate) => fate === 'rejected').length;
  const merged = new Set(
    found.done.filter(({ merged_with }) => merged_with.length > 0).map(({ change_id }) => change_id),
  );
  return {
    changes: acknowledged.length,
    applied: fates.length - conflicts - rejected,
    merged: offline.filter(({ change }) => merged.has(change.id)).length,
    conflicts,
    rejected,
    refused: offline.length - acknowledged.length,
    contested: countContested(ledger),
  };
}

/** How many fields of shared records both machines set, each seeing the same version first. */
function countContested(ledger: Ledger): number {
  const makers = new Map<string, Set<string>>();
  for (const write of ledger.values()) {
    const { entity_id, base_version } = write.change;
    if (write.told !== 'acknowledged' || write.seen === undefined || base_version === null) continue;
    for (const field of Object.keys(askedFields(write))) {
      const name = `${entity_id} ${knownVersion(base_version)} ${field}`;
      makers.set(name, (makers.get(name) ?? new Set()).add(write.maker));
    }
  }
  return [...makers.values()].filter(({ size }) => size > 1).length;
}
