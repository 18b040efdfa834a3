// Entries as the tracker would make them, for the tests of the journals.
import type { Change } from '../../../src/domain/change.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { CHANGE_SCHEMA_VERSION } from '../../../src/domain/change.ts';
import { newChangeId, newRecordId } from '../../../src/domain/ids.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';

export const DEVICE = '6f1c1f0e-6e0b-4a53-9a57-0e6d3a3f5b11';

/** The fields that a new item has. */
const itemPatch = {
  ...{ item_type: 'task', title: 'Write it down', parent_id: null, status: 'active', priority: 3 },
  ...{ description: null, labels: [], assignee: null, metadata: {} },
  ...{ branch_name: null, commit_hash: null, pr_number: null },
} satisfies JsonObject;

export function makeChange(overrides: Partial<Change> = {}): Change {
  const { kind = 'create', entity = 'work_item' } = overrides;
  const isNewItem = kind === 'create' && entity === 'work_item';
  return {
    id: newChangeId(),
    at: '2026-01-02T03:04:05.678Z',
    actor: 'a test',
    client: 'vitest/1',
    entity: 'work_item',
    entity_id: newRecordId(),
    kind: 'create',
    base_version: null,
    on_conflict: 'reject',
    cascade: false,
    claim_token: null,
    idempotency_key: null,
    schema_version: CHANGE_SCHEMA_VERSION,
    ...overrides,
    // Of a new item the fields that are not said too, as the services say them.
    patch: isNewItem ? { ...itemPatch, ...overrides.patch } : (overrides.patch ?? {}),
  };
}

export function makeEntry(change: Partial<Change> = {}): JournalEntry {
  const changes = [makeChange(change)];
  const id = changes[0]?.id ?? '';
  return { id, lamport: Date.now(), device: DEVICE, at: '2026-01-02T03:04:05.678Z', changes };
}

export const makeEntries = (count: number): JournalEntry[] =>
  Array.from({ length: count }, () => makeEntry());

export const idsOf = (entries: readonly JournalEntry[]): string[] => entries.map(({ id }) => id).sort();
