// Compares what clients were told with what the database holds once everything is whole again.
import { expect } from 'vitest';
import type { Change, FieldChange } from '../../src/domain/change.ts';
import type { Row } from '../processes/place.ts';
import type { Server } from '../processes/server.ts';
import { expectCompleteFeed, expectSoundPaths } from '../processes/soundness.ts';
import type { Scene } from './scene.ts';
import type { Ledger } from './workload.ts';

export interface Verdict {
  acknowledged: number;
  /** Of those without an answer, how many were saved. */
  unansweredSaved: number;
  unanswered: number;
  /** Acknowledged writes that are conflicts, each with a rival, open or settled. */
  conflicts: number;
}

/**
 * Every acknowledged write is in the record of changes once, or it is a conflict that a rival explains; no write
 * without an answer is there twice, no refused one at all, and nothing that nobody wrote. Items hold exactly what
 * the record of changes says.
 */
export async function expectAllThereOnce(scene: Scene, ledger: Ledger): Promise<Verdict> {
  expect(ledger.violations.slice(0, 5), `of ${ledger.violations.length} answers`).toEqual([]);
  const applied = await appliedTokens(scene);
  const conflicts = await conflictTokens(scene);
  const verdict: Verdict = { acknowledged: 0, unansweredSaved: 0, unanswered: 0, conflicts: 0 };
  const wrong = {
    lost: [] as string[],
    twice: [] as string[],
    unexplained: [] as string[],
    unasked: [] as string[],
  };
  for (const { token, kind, told, isContested } of ledger.deeds.values()) {
    const times = applied.get(token) ?? 0;
    const kept = conflicts.get(token) ?? [];
    const again = kept.filter(({ resolution }) => resolution === 'reapply').length;
    const settled = kept.length > 0 ? 1 : times;
    if (times > (kept.length > 0 ? again : 1) || kept.length > 1)
      wrong.twice.push(`${kind} ${token}: ${times} times`);
    if (kept.length > 0 && !isContested())
      wrong.unexplained.push(`${kind} ${token}: ${String(kept[0]?.reason)}`);
    if (told === 'acknowledged') {
      verdict.acknowledged += 1;
      verdict.conflicts += kept.length;
      if (settled === 0) wrong.lost.push(`${kind} ${token}`);
    } else if (told === 'unknown') {
      verdict.unanswered += 1;
      verdict.unansweredSaved += settled;
    } else if (settled > 0) wrong.unasked.push(`${kind} ${token}: refused, and there`);
  }
  for (const token of applied.keys()) if (!ledger.deeds.has(token)) wrong.unasked.push(token);
  expect(wrong).toEqual({ lost: [], twice: [], unexplained: [], unasked: [] });
  await expectItemsAsRecorded(scene);
  return verdict;
}

/** Gapless versions, the feed's order, and what is counted and derived: see soundness.ts. No call may be under way. */
export async function expectSoundDatabase(scene: Scene, server: Server): Promise<void> {
  const items = await expectSoundPaths(scene);
  const [{ seq } = { seq: 0 }] = await scene.rows('select seq from feed');
  await expectCompleteFeed(scene, server, Number(seq));
  const kinds = 'select item_type, status, count(*) as items from work_items group by 1, 2 order by 1, 2';
  const counts = 'select item_type, status, items from work_item_counts where items <> 0 order by 1, 2';
  const plain = (rows: Row[]) => rows.map((row) => ({ ...row, items: Number(row['items']) }));
  expect(plain(await scene.rows(counts))).toEqual(plain(await scene.rows(kinds)));
  expect(items.length).toBeGreaterThan(0);
}

interface RecordedRow {
  entity: string;
  entity_id: string;
  related_id: string | null;
  kind: string;
  version: number | null;
  fields: FieldChange[];
}

async function recordedChanges(scene: Scene): Promise<RecordedRow[]> {
  const rows = await scene.rows(
    `select entity, entity_id, related_id, kind, version, fields from changes
     where entity in ('work_item', 'dependency') order by seq`,
  );
  return rows.map((row) => ({ ...row, fields: json(row['fields']) })) as RecordedRow[];
}

async function appliedTokens(scene: Scene): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { entity, entity_id, related_id, kind, fields } of await recordedChanges(scene)) {
    const tokens =
      entity === 'dependency'
        ? [[entity_id, related_id].sort().join(' ')]
        : kind === 'create'
          ? fields.filter(({ field }) => field === 'title').map(({ to }) => String(to))
          : fields.flatMap(({ field }) =>
              field.startsWith('metadata.') ? [field.slice('metadata.'.length)] : [],
            );
    for (const token of tokens) found.set(token, (found.get(token) ?? 0) + 1);
  }
  return found;
}

async function conflictTokens(scene: Scene): Promise<Map<string, Row[]>> {
  const found = new Map<string, Row[]>();
  for (const row of await scene.rows('select changes, resolution, reason from conflicts')) {
    const [change] = json(row['changes']) as Change[];
    if (change === undefined) continue;
    const { entity, entity_id, kind, patch } = change;
    const token =
      entity === 'dependency'
        ? [entity_id, String(patch['target_id'])].sort().join(' ')
        : kind === 'create'
          ? String(patch['title'])
          : String(Object.keys(patch['metadata'] as object)[0]);
    found.set(token, [...(found.get(token) ?? []), row]);
  }
  return found;
}

/** Nothing was overwritten in silence: each item has every key that was ever set, the last title, and its version. */
async function expectItemsAsRecorded(scene: Scene): Promise<void> {
  const expected = new Map<string, { version: number; title: unknown; keys: string[] }>();
  for (const { entity, entity_id, version, fields } of await recordedChanges(scene)) {
    if (entity !== 'work_item') continue;
    const item = expected.get(entity_id) ?? { version: 0, title: undefined, keys: [] };
    item.version = Number(version);
    for (const { field, to } of fields) {
      if (field === 'title') item.title = to;
      if (field.startsWith('metadata.')) item.keys.push(field.slice('metadata.'.length));
    }
    expected.set(entity_id, item);
  }
  const stored = await scene.rows('select id, version, title, metadata from work_items');
  const found = stored.map(({ id, version, title, metadata }) => [
    String(id),
    { version: Number(version), title, keys: Object.keys(json(metadata) as object).sort() },
  ]);
  const recorded = [...expected].map(([id, item]) => [id, { ...item, keys: item.keys.sort() }]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(recorded));
}

/** PostgreSQL's driver answers JSON as values, SQLite's as text. */
function json(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : value;
}
