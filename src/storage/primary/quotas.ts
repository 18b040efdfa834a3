/** Keeps a project within its quotas, in the transaction of the write that would be too much. */
import { ne, sql } from 'drizzle-orm';
import { partsOf } from '../../domain/batch.ts';
import type { Change } from '../../domain/change.ts';
import { quotaError, type Quota, type Quotas } from '../../domain/quotas.ts';
import type { Connection } from '../database/connection.ts';

/** Far from a quota it is looked at once in so many records; others that write meanwhile cannot exceed it by much. */
const UNLOOKED_MAX = 1_000;
/** The part of what is left that one process may fill before it looks again. */
const SHARE = 64;
/** What a record can need with its history and the search index. */
const RECORD_MAX_BYTES = 1024 * 1024;

/** Counted where one is small, measured where counting would cost: what there is, this transaction included. */
const USED: Record<Quota, (c: Connection) => Promise<number>> = {
  items: async (c) => {
    const { workItemCounts: t } = c.tables;
    const [row] = await c.db
      .select({ used: sql`coalesce(sum(${t.items}), 0)` })
      .from(t)
      .where(ne(t.shelf, 'archived'));
    return Number(row?.used);
  },
  notes: async (c) => {
    const [row] = await c.db.select({ used: sql`count(*)` }).from(c.tables.notes);
    return Number(row?.used);
  },
  bytes: async (c) => {
    const [row] = await c.db.select({ used: c.dialect.usedBytes }).from(c.tables.feed);
    return Number(row?.used);
  },
};

export class QuotaCheck {
  /** Records that may still be added before the next look. */
  readonly #unlooked: Record<Quota, number> = { items: 0, notes: 0, bytes: 0 };

  constructor(private readonly quotas: Quotas) {}

  /**
   * Called after the changes were applied.
   * @throws ValidationError, upon which the caller rolls back
   */
  async check(c: Connection, changes: readonly Change[]): Promise<void> {
    const adds = addedBy(changes);
    for (const quota of Object.keys(adds) as Quota[]) {
      if (adds[quota] === 0) continue;
      this.#unlooked[quota] -= adds[quota];
      if (this.#unlooked[quota] >= 0) continue;
      const max = this.quotas[quota];
      const left = max - (await USED[quota](c));
      this.#unlooked[quota] = 0;
      if (left < 0) throw quotaError(quota, max);
      const records = quota === 'bytes' ? left / RECORD_MAX_BYTES : left;
      this.#unlooked[quota] = Math.min(Math.floor(records / SHARE), UNLOOKED_MAX);
    }
  }
}

/** What frees room, or only alters what is there, is never refused. */
function addedBy(changes: readonly Change[]): Record<Quota, number> {
  const adds = { items: 0, notes: 0, bytes: 0 };
  for (const { kind, entity, patch } of changes.flatMap(partsOf)) {
    const isLong = kind === 'update' && ('description' in patch || 'metadata' in patch);
    if (kind !== 'create' && !isLong) continue;
    adds.bytes += 1;
    if (kind === 'create' && entity === 'work_item') adds.items += 1;
    if (kind === 'create' && entity === 'note') adds.notes += 1;
  }
  return adds;
}
