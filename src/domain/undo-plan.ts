/**
 * How recorded changes are taken back: which of them can be, which not and why, and the updates that do it. Changes
 * of the same field must go from the newest on; nothing that others changed since is overwritten. Pure.
 */
import type { BatchPart } from './batch.ts';
import type { RecordedChange } from './change.ts';
import { groupBy } from './grouping.ts';
import { chooseChanges, type RefusedUndo } from './undo-choice.ts';
import type { UndoMaterial, WantedChange } from './undo-material.ts';
import { orderedParts, structuralProblem } from './undo-order.ts';
import { linksOf, targetsOf } from './undo-targets.ts';

export interface UndoPlan {
  /** What does it, in an order in which the rules allow it. */
  parts: BatchPart[];
  /** Ids of the changes that are taken back, newest first. */
  undone: string[];
  /** Newest first. */
  refused: RefusedUndo[];
}

export function planUndo(material: UndoMaterial): UndoPlan {
  const changes = groupByChange(material.wanted);
  const blocked = new Map<string, string>();
  for (;;) {
    const { accepted, refused } = chooseChanges(changes, material, blocked);
    const targets = targetsOf(accepted, material);
    const links = linksOf(accepted, material);
    const problem = structuralProblem(targets, links, material);
    if (problem === undefined) {
      const parts = orderedParts(targets, links, material);
      return { parts, undone: accepted.map(({ change_id }) => change_id), refused };
    }
    // One more change is left out each time, so this ends.
    const culprits = accepted.filter(({ rows }) => rows.some(({ entity_id }) => entity_id === problem.id));
    for (const { change_id } of culprits) blocked.set(change_id, problem.reason);
  }
}

/** Newest first. */
function groupByChange(rows: readonly RecordedChange[]): WantedChange[] {
  const groups = groupBy(rows, ({ change_id }) => change_id);
  const last = ({ rows: own }: WantedChange) => own.at(-1)?.seq ?? 0;
  return [...groups].map(([change_id, own]) => ({ change_id, rows: own })).sort((a, b) => last(b) - last(a));
}
