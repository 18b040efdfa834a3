// What was asked for on each machine, and what its maker was told: the verdict knows nothing else of their inside.
import type { Change } from '../../../src/domain/change.ts';
import { touchedFields } from '../../../src/domain/conflict.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { TrackerStore } from '../../../src/storage/contract/store.ts';
import type { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import type { Memory } from './memory.ts';

/** The writes of all machines by the ids of their changes, in the order in which they were made. */
export type Ledger = Map<string, Write>;

/** A write as its maker asked for it, and what he was told. */
export interface Write {
  change: Change;
  /** The name of the machine's user. */
  maker: string;
  told: 'acknowledged' | 'refused';
  wasOffline: boolean;
  /** The record in the version that an update names, as its maker saw it. */
  seen: JsonObject | undefined;
}

/** The fields that a write sets, as a record has them. */
export function askedFields({ change: { patch } }: Write): JsonObject {
  return touchedFields(patch, patch);
}

/** The same fields in the version that an update names, as its maker saw them; none where he saw no such version. */
export function seenFields({ change: { patch }, seen }: Write): JsonObject {
  return seen === undefined ? {} : touchedFields(patch, seen);
}

/** The store, with a record of what its user writes to it. */
export function noting(
  store: TieredStore,
  { ledger, maker, memory }: { ledger: Ledger; maker: string; memory: Memory },
): TrackerStore {
  return {
    read: (work, options) => store.read(work, options),
    latest: (work, options) => store.latest(work, options),
    write: async (changes) => {
      const wasOffline = store.state === 'offline';
      const writes = changes.map((change): Write => {
        const seen = memory.version(change.entity_id, change.base_version);
        return { change, maker, told: 'refused', wasOffline, seen };
      });
      for (const write of writes) ledger.set(write.change.id, write);
      const answer = await store.write(changes);
      for (const write of writes) write.told = 'acknowledged';
      return answer;
    },
    health: () => store.health(),
    close: () => store.close(),
    pending: () => store.pending(),
    watch: (listener) => store.watch(listener),
    layers: () => store.layers(),
  };
}
