/** Which writes have to do with each other, so that one waits for another. Pure. */
import { partsOf } from './batch.ts';
import type { Change, Entity } from './change.ts';
import { vendorNameKey } from './vendor.ts';

/**
 * What a write has to do with other writes, in names: ids of records, `new:<id>` for the making of one,
 * `vendor:<name>` for names of vendors, `link:<id>:<id>` for a pair of items.
 */
export interface Footprint {
  /** What it makes or changes. */
  alters: string[];
  /** What must be there, and settled, before it. */
  needs: string[];
  /** The items that it tells something about without changing them: it keeps its place among the writes to these. */
  about: string[];
}

/** The fields of patches that name other records by their ids, one or several. */
const REFERENCES_OF: { readonly [E in Entity]: readonly string[] } = {
  work_item: ['parent_id'],
  /** Links and notes are told apart below. */
  dependency: [],
  note: [],
  enhancement: ['work_item_id', 'depends_on'],
  vendor: [],
  deployment: ['affected_vendor_ids', 'related_work_item_ids'],
  configuration: ['current_session_id'],
  /** What is decided about needs nothing that waits: it is in the database. */
  conflict: [],
};
const REFERENCES = new Set(Object.values(REFERENCES_OF).flat());

export function footprintOf(changes: readonly Change[]): Footprint {
  const alters = new Set<string>();
  const needs = new Set<string>();
  const about = new Set<string>();
  const need = (value: unknown) => typeof value === 'string' && needs.add(value);
  const concern = (value: unknown) => typeof value === 'string' && about.add(value);
  for (const { entity, entity_id, kind, patch, claim_token } of changes.flatMap(partsOf)) {
    if (entity === 'dependency') {
      alters.add(`link:${[entity_id, patch['target_id']].sort().join(':')}`);
      for (const end of [entity_id, patch['target_id']]) {
        need(end);
        concern(end);
      }
      continue;
    }
    alters.add(entity_id);
    if (kind === 'create' && entity === 'work_item') alters.add(making(entity_id));
    if (entity === 'note') {
      // A note disturbs no change and is disturbed by none: its item must be there, and with a token its claim.
      need(claim_token === null ? making(String(patch['item_id'])) : patch['item_id']);
      concern(patch['item_id']);
      continue;
    }
    if (entity === 'vendor' && typeof patch['name'] === 'string') alters.add(vendorName(patch['name']));
    for (const field of REFERENCES) [patch[field]].flat().forEach(need);
    for (const name of listOf(patch['affected_vendors'])) need(vendorName(String(name)));
  }
  for (const name of alters) {
    needs.delete(name);
    about.delete(name);
  }
  return { alters: [...alters], needs: [...needs], about: [...about] };
}

/**
 * For how long a write waits. `moment`: something is in the way that passes by itself, and everything about an item
 * keeps its order meanwhile. `person`: somebody has to decide or to do something; only what cannot do without waits.
 */
export type Wait = 'moment' | 'person';

/** What is held back, as writes are gone through in order. */
export class HeldBack {
  readonly #names: Readonly<Record<Wait, Set<string>>> = { moment: new Set(), person: new Set() };

  /** Why a write has to wait behind those that are held back; undefined when it need not. */
  waitOf({ alters, needs, about }: Footprint): Wait | undefined {
    const { moment, person } = this.#names;
    const strict = [...alters, ...needs];
    if (strict.some((name) => person.has(name))) return 'person';
    return [...strict, ...about].some((name) => moment.has(name)) ? 'moment' : undefined;
  }

  hold({ alters, about }: Footprint, wait: Wait): void {
    for (const name of alters) this.#names[wait].add(name);
    if (wait === 'moment') for (const name of about) this.#names.moment.add(name);
  }
}

const making = (id: string) => `new:${id}`;
const vendorName = (name: string) => `vendor:${vendorNameKey(name)}`;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
