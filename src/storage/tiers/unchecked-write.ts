/** What is answered for a write that was kept although no copy could check it: what was asked, and nothing more. */
import { partsOf } from '../../domain/batch.ts';
import type { Applied, Change } from '../../domain/change.ts';
import { LEASE_DEFAULT_MINUTES, provisionalToken, leaseEnd, type ClaimRequest } from '../../domain/claim.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import { oneLine } from '../../domain/others-text.ts';
import { partlyShown, provisionalStep } from '../../domain/provisional-version.ts';
import { count } from '../../domain/text.ts';
import { placeBelow } from '../../domain/work-item.ts';
import { PROVISIONAL_CLAIM } from '../apply/claims.ts';
import { NOUNS } from '../queries/nouns.ts';
import type { DataSource } from '../contract/store.ts';
import type { JournalName } from '../contract/journal.ts';

/** The answer shows what the journal holds. */
export const SOURCE_OF_JOURNAL: Readonly<Record<JournalName, DataSource>> = {
  outbox: 'sqlite_cache',
  git: 'git_history',
  markdown: 'markdown_file',
};

export function uncheckedAnswer(change: Change): Applied {
  const takes = change.kind === 'claim' && change.patch['action'] === 'take';
  return {
    change_id: change.id,
    entity: change.entity,
    entity_id: change.entity_id,
    record: recordOf(change),
    merged_with: [],
    warnings: takes ? [PROVISIONAL_CLAIM] : [],
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

/** Changes that a line names; more are counted. */
const NAMED_MAX = 6;

/** What was kept, on one line. Ids are whole: nothing can be asked at the moment which record a prefix means. */
export function uncheckedLine(changes: readonly Change[]): string {
  const parts = changes.flatMap(partsOf);
  const named = parts.slice(0, NAMED_MAX).map(nameOf);
  const more = parts.length > named.length ? ` and ${count(parts.length - named.length, 'more change')}` : '';
  return named.join('; ') + more;
}

function recordOf(change: Change): JsonObject {
  const { entity, entity_id: id, patch, at, actor, kind } = change;
  if (kind === 'batch') return { id, records: partsOf(change).map(summaryOf) };
  if (kind === 'claim') return { id, ...claimOf(change) };
  if (kind === 'link' || kind === 'unlink') {
    return { source_id: id, ...patch, ...(kind === 'link' && { created_at: at, created_by: actor }) };
  }
  const version = kind === 'resolve' ? SETTLED_VERSION : versionOf(change);
  const isRoot = entity === 'work_item' && kind === 'create' && patch['parent_id'] === null;
  return {
    id,
    ...patch,
    ...(isRoot && placeBelow(null, id)),
    ...(version !== undefined && { version }),
    ...(kind === 'create' && { created_at: at, created_by: actor }),
    ...(version !== undefined && kind !== 'resolve' && { updated_at: at, updated_by: actor }),
    ...(kind === 'resolve' && { resolved_at: at, resolved_by: actor }),
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

/** A claim as its holder goes on with it. Its end is left out where it depends on the lease before. */
function claimOf({ id, at, actor, patch, claim_token }: Change): JsonObject {
  const { action, lease_seconds, to } = patch as unknown as ClaimRequest;
  if (action === 'release') return { claim_token: null, claimed_by: null, claim_expires_at: null };
  // Its session need not say the token of a claim that it renews.
  const isNew = action === 'take' && claim_token === null;
  const seconds = lease_seconds ?? (isNew ? LEASE_DEFAULT_MINUTES * 60 : undefined);
  return {
    claim_token: isNew || action === 'hand_over' ? provisionalToken(id) : claim_token,
    claimed_by: action === 'hand_over' ? (to ?? null) : actor,
    ...(seconds !== undefined && { claim_expires_at: leaseEnd(at, seconds) }),
  };
}

/** A conflict is settled once. */
const SETTLED_VERSION = 2;

/**
 * The same that a copy would give it: it follows from the change and from the version that it is based on. An update's is
 * marked as partly shown, because its answer shows what was asked and no more.
 */
function versionOf({ id, entity, kind, base_version }: Change): number | undefined {
  if (!NOUNS[entity].hasVersion) return undefined;
  if (kind === 'create') return provisionalStep(id);
  return kind === 'update' && base_version !== null
    ? partlyShown(base_version + provisionalStep(id))
    : undefined;
}

function nameOf(change: Change): string {
  const { entity, entity_id: id, kind, patch } = change;
  switch (kind) {
    case 'link':
    case 'unlink': {
      const link = `${id} ${String(patch['dependency_type'])} ${String(patch['target_id'])}`;
      return kind === 'link' ? `link ${link}` : `link ${link} removed`;
    }
    case 'archive':
    case 'restore':
      return `${kind} ${id}`;
    case 'resolve':
      return `conflict ${id} settled with ${String(patch['resolution'])}`;
    case 'claim': {
      const { claim_token, claimed_by, claim_expires_at } = claimOf(change);
      if (patch['action'] === 'release') return `claim on ${id} released`;
      const until = claim_expires_at === undefined ? '' : ` until ${String(claim_expires_at)}`;
      const token = claim_token === null ? '' : `, claim_token ${String(claim_token)}`;
      return `claim on ${id} by ${oneLine(String(claimed_by))}${until}${token}`;
    }
    case 'create':
    case 'update':
    case 'batch': {
      if (entity === 'note') return `note ${id} on ${String(patch['item_id'])}`;
      const version = versionOf(change);
      const called = patch['title'] ?? patch['name'];
      return [
        entity.replace('_', ' '),
        id,
        ...(version === undefined ? [] : [`v${version}`]),
        ...(typeof called === 'string' ? [oneLine(called)] : []),
      ].join(' ');
    }
  }
}
