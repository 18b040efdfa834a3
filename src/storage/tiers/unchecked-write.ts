/** What is answered for a write that was kept although no copy could check it: what was asked, and nothing more. */
import { partsOf } from '../../domain/batch.ts';
import type { Applied, Change, Entity } from '../../domain/change.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import { provisionalStep } from '../../domain/provisional-version.ts';
import type { DataSource } from '../store.ts';
import type { JournalName } from './journal.ts';

/** The answer shows what the journal holds. */
export const SOURCE_OF_JOURNAL: Readonly<Record<JournalName, DataSource>> = {
  outbox: 'sqlite_cache',
  git: 'git_history',
  markdown: 'markdown_file',
};

export function uncheckedAnswer(change: Change): Applied {
  return {
    change_id: change.id,
    entity: change.entity,
    entity_id: change.entity_id,
    record:
      change.kind === 'batch'
        ? { id: change.entity_id, records: partsOf(change).map(summaryOf) }
        : recordOf(change),
    merged_with: [],
    warnings: [],
    repeated: false,
  };
}

/** The versions that these changes make, as `TierMemory` notes them. */
export function uncheckedVersions(changes: readonly Change[]) {
  return changes.flatMap((change) =>
    partsOf(change).flatMap((part) => {
      const version = versionOf(part);
      return version === undefined ? [] : [{ record_id: part.entity_id, version, change_id: change.id }];
    }),
  );
}

function recordOf(change: Change): JsonObject {
  const { entity_id: id, patch, at, actor, kind } = change;
  const version = versionOf(change);
  return {
    id,
    ...patch,
    ...(version !== undefined && { version }),
    ...(kind === 'create' && { created_at: at, created_by: actor }),
    ...(version !== undefined && { updated_at: at, updated_by: actor }),
  };
}

function summaryOf(part: Change): JsonObject {
  const { entity, entity_id: id, patch } = part;
  const { title, name } = patch;
  return {
    entity,
    id,
    version: versionOf(part) ?? null,
    ...(title !== undefined && { title }),
    ...(name !== undefined && { name }),
  } as Record<string, JsonValue>;
}

const VERSIONED: ReadonlySet<Entity> = new Set([
  'work_item',
  'enhancement',
  'vendor',
  'deployment',
  'configuration',
]);

/** The same that a copy would give it: it follows from the change and from the version that it is based on. */
function versionOf({ id, entity, kind, base_version }: Change): number | undefined {
  if (!VERSIONED.has(entity)) return undefined;
  if (kind === 'create') return provisionalStep(id);
  return kind === 'update' && base_version !== null ? base_version + provisionalStep(id) : undefined;
}
