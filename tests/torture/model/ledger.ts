// What each caller was told. The oracle knows nothing else of the tracker's inside.
import { partsOf } from '../../../src/domain/batch.ts';
import type { Applied, Change } from '../../../src/domain/change.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { ModelProcess } from './machine.ts';
import type { Durability, DataSource } from '../../../src/storage/contract/store.ts';

/**
 * - `acknowledged`: it is saved
 * - `refused`: it breaks a rule, and nothing was saved
 * - `not_saved`: no layer could keep it
 * - `failed`: an error that says neither
 * - `unknown`: the process died before it answered
 */
export type Outcome = 'acknowledged' | 'refused' | 'not_saved' | 'failed' | 'unknown';

/** A record as its caller saw it when it based an update on it. */
export interface View {
  version: number;
  record: JsonObject;
  /** Fields that the answer said it does not know are left out of every comparison. */
  isComplete: boolean;
}

/** One call of `write`. */
export interface Attempt {
  outcome: Outcome;
  startedAt: number;
  endedAt: number | undefined;
  /** Simulated time of the answer. */
  time: number;
  /** The process that was asked; undefined for a client with a connection of its own. */
  at: ModelProcess | undefined;
  /** A fault left it open meanwhile whether something was done. */
  wasUncertain: boolean;
  /** A layer of its machine failed, or did a moment before. */
  wasTroubled?: boolean;
  durability?: Durability;
  source?: DataSource;
  /** It was saved without being checked against any copy. */
  isUnchecked?: boolean;
  /** What it was answered. */
  applied?: readonly Applied[];
  error?: string;
}

/** A write, with every attempt to make it. */
export interface Write {
  changes: Change[];
  /** By id of an updated record: what its maker saw. */
  seen: ReadonlyMap<string, View>;
  attempts: Attempt[];
  /** Writes that waited when it was first tried: they take effect after it was made. */
  waitingBefore: ReadonlySet<string>;
}

export class Ledger {
  readonly writes: Write[] = [];
  readonly #byChange = new Map<string, Write>();
  readonly #byRecord = new Map<string, Write[]>();
  readonly #byKey = new Map<string, Write[]>();
  #moment = 0;

  /** Orders what callers did. */
  next(): number {
    return ++this.#moment;
  }

  add(write: Write): void {
    this.writes.push(write);
    for (const change of write.changes) {
      this.#byChange.set(change.id, write);
      for (const id of touches(change)) into(this.#byRecord, id, write);
      if (change.idempotency_key !== null) into(this.#byKey, change.idempotency_key, write);
    }
  }

  writeOf(changeId: string): Write | undefined {
    return this.#byChange.get(changeId);
  }

  changeOf(changeId: string): Change | undefined {
    return this.#byChange.get(changeId)?.changes.find(({ id }) => id === changeId);
  }

  /** The writes with the same key, itself among them. */
  withKeyOf({ idempotency_key }: Change): readonly Write[] {
    return idempotency_key === null ? [] : (this.#byKey.get(idempotency_key) ?? []);
  }

  touching(recordId: string): readonly Write[] {
    return this.#byRecord.get(recordId) ?? [];
  }
}

/** How all attempts of a write together must be taken. */
export function verdictOf({ attempts }: Write): 'acknowledged' | 'refused' | 'open' {
  if (attempts.some(({ outcome }) => outcome === 'acknowledged')) return 'acknowledged';
  const isOpen = attempts.some(
    ({ outcome, wasUncertain }) =>
      outcome === 'unknown' || outcome === 'failed' || (outcome === 'not_saved' && wasUncertain),
  );
  return isOpen ? 'open' : 'refused';
}

/** Whether a write may have taken effect after a moment. */
export function mayFollow(other: Write, moment: number): boolean {
  return other.attempts.some(
    ({ outcome, endedAt }) =>
      outcome !== 'refused' && (outcome !== 'acknowledged' || (endedAt ?? Infinity) >= moment),
  );
}

/** The records that a change is about. */
export function touches(change: Change): string[] {
  const ids = partsOf(change).flatMap(({ entity, entity_id, patch }) => {
    const other =
      entity === 'dependency'
        ? patch['target_id']
        : entity === 'note'
          ? patch['item_id']
          : patch['parent_id'];
    return typeof other === 'string' ? [entity_id, other] : [entity_id];
  });
  return [...new Set(ids)];
}

function into<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
