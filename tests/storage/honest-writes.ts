// Whatever the services write must be read back from a journal as it was: held against this in every test that writes.
import { expect } from 'vitest';
import { decodeChanges } from '../../src/domain/change-schema.ts';
import type { Change } from '../../src/domain/change.ts';
import type { TrackerStore } from '../../src/storage/contract/store.ts';

/** @throws where a journal would take these changes for damaged, or for those of a newer program */
export function expectHonest(changes: readonly Change[]): void {
  const written: unknown = JSON.parse(JSON.stringify(changes));
  expect(decodeChanges(written)).toEqual({ changes: written });
}

/** The store, with every write of it looked at first: also one that a rule refuses may be journaled unchecked. */
export function withHonestWrites(
  store: TrackerStore,
  seen: (changes: readonly Change[]) => void = () => undefined,
) {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      if (name !== 'write') return method;
      return (changes: readonly Change[]) => {
        expectHonest(changes);
        seen(changes);
        return method(changes);
      };
    },
  });
}
