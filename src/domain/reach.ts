/** Which writes have to do with each other, so that one waits for another. Pure. */
import { partsOf } from './batch.ts';
import type { Change } from './change.ts';
import { vendorNameKey } from './vendor.ts';

/**
 * What a write has to do with other writes: `alters` names what it makes or changes, `needs` what must be there
 * before it. Ids of records, `vendor:<name>` for names of vendors, `link:<id>:<id>` for a pair of items.
 */
export function reachOf(changes: readonly Change[]): { alters: string[]; needs: string[] } {
  const alters = new Set<string>();
  const needs = new Set<string>();
  const need = (value: unknown) => typeof value === 'string' && needs.add(value);
  for (const { entity, entity_id, patch } of changes.flatMap(partsOf)) {
    if (entity === 'dependency') {
      alters.add(`link:${[entity_id, patch['target_id']].sort().join(':')}`);
      need(entity_id);
      need(patch['target_id']);
      continue;
    }
    alters.add(entity_id);
    if (entity === 'vendor' && typeof patch['name'] === 'string') alters.add(vendorName(patch['name']));
    need(patch['parent_id']);
    need(patch['current_session_id']);
    need(patch['item_id']);
    need(patch['work_item_id']);
    for (const field of ['affected_vendor_ids', 'related_work_item_ids', 'depends_on'])
      listOf(patch[field]).forEach(need);
    for (const name of listOf(patch['affected_vendors'])) need(vendorName(String(name)));
  }
  for (const name of alters) needs.delete(name);
  return { alters: [...alters], needs: [...needs] };
}

const vendorName = (name: string) => `vendor:${vendorNameKey(name)}`;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
