// What one client wrote about one item is applied in the order in which it was acknowledged.
import { partsOf } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { footprintOf } from '../../../src/domain/footprint.ts';
import { describe } from './answers.ts';
import type { Client } from './client.ts';
import type { Found } from './found.ts';
import type { World } from './world.ts';

interface Done {
  change: Change;
  items: ReadonlySet<string>;
  seq: number;
  startedAt: number;
  endedAt: number;
  isBehindConflict: boolean;
  alters: readonly string[];
  /** What it cannot do without. */
  needed: readonly string[];
}

export function checkOrder(world: World, found: Found): void {
  const seqs = new Map<string, number>();
  for (const { change_id, seq } of found.history) if (!seqs.has(change_id)) seqs.set(change_id, seq);
  for (const client of world.clients) {
    const done = appliedOf(client, found, seqs);
    for (const [at, later] of done.entries()) {
      for (const earlier of done.slice(0, at)) {
        if (earlier.seq < later.seq || earlier.endedAt > later.startedAt) continue;
        // Where somebody has to decide first, only what cannot do without goes behind it. What else concerns the item may
        // be held back as well, by this conflict or another one, and which is settled first is up to people.
        if (earlier.isBehindConflict && !later.needed.some((name) => earlier.alters.includes(name))) continue;
        if ([...later.items].some((id) => earlier.items.has(id)))
          world.violated(`overtaken: ${describe(later.change)} came before ${describe(earlier.change)}`);
      }
    }
  }
}

function appliedOf(client: Client, { conflicts }: Found, seqs: ReadonlyMap<string, number>): Done[] {
  const { machine } = client.slot;
  const inTheWay = new Set(
    conflicts
      .filter(({ device }) => device === machine.id)
      .flatMap(({ changes }) => footprintOf(changes).alters),
  );
  const done: Done[] = [];
  for (const { changes, attempts } of client.writes) {
    const [attempt] = attempts;
    const { alters, needs } = footprintOf(changes);
    // Whatever changes a record that is in conflict by now, its making came before.
    const made = changes.flatMap(partsOf).filter(({ kind }) => kind === 'create');
    const altered = alters.filter((name) => !made.some(({ entity_id }) => name.includes(entity_id)));
    const isBehindConflict = [...altered, ...needs].some((name) => inTheWay.has(name));
    if (isBehindConflict) for (const name of alters) inTheWay.add(name);
    // What was tried again, or in another journal while one failed, has no one place.
    if (attempts.length !== 1 || attempt?.outcome !== 'acknowledged' || attempt.wasTroubled === true)
      continue;
    for (const change of changes) {
      const seq = seqs.get(change.id);
      const items = itemsOf(change);
      if (seq === undefined || items.size === 0) continue;
      const { startedAt, endedAt = Number.POSITIVE_INFINITY } = attempt;
      const needed = [...alters, ...needs];
      done.push({ change, items, seq, startedAt, endedAt, isBehindConflict, alters, needed });
    }
  }
  return done;
}

function itemsOf(change: Change): Set<string> {
  const ids = partsOf(change).flatMap(({ entity, entity_id, patch }) => {
    if (entity === 'work_item') return [entity_id];
    if (entity === 'note') return [String(patch['item_id'])];
    return entity === 'dependency' ? [entity_id, String(patch['target_id'])] : [];
  });
  return new Set(ids);
}
