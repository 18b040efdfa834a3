/**
 * Writes that a database acknowledged and then lost, as they are made again. They were made on a branch that is gone:
 * the versions and claim tokens that they name may by now stand for what others did. So they get what a write has that
 * was made while the database was away: the version that both branches share, and the own changes that came after it.
 */
import { partsOf, withParts } from './batch.ts';
import type { Change } from './change.ts';
import { provisionalToken } from './claim.ts';
import { PROVISIONAL_STEP, knownVersion, provisionalStep } from './provisional-version.ts';

/**
 * @param writes in the order in which they had been applied
 * @param sharedVersion the last version of a record that is the same on both branches; 0 for one that was made since
 */
export function madeAgain(
  writes: readonly (readonly Change[])[],
  sharedVersion: (record_id: string) => number,
): Change[][] {
  const own = new Map<string, string[]>();
  const grants = new Map<string, string>();
  return writes.map((changes) => changes.map((change) => again(change)));

  function again(change: Change): Change {
    const made = withTruePart(change);
    for (const { entity_id, kind, claim_token, patch, id } of partsOf(change)) {
      const earlier = own.get(entity_id) ?? [];
      if (earlier.at(-1) !== id) own.set(entity_id, [...earlier, id]);
      const { action } = patch;
      const isGrant =
        kind === 'claim' && (action === 'hand_over' || (action === 'take' && claim_token === null));
      if (isGrant) grants.set(entity_id, id);
    }
    return made;
  }

  function withTruePart(change: Change): Change {
    if (change.kind === 'batch') return withParts(change, partsOf(change).map(withTruePart));
    return { ...change, ...versionOf(change), ...tokenOf(change) };
  }

  function versionOf({ id, entity_id, base_version, own_changes = [] }: Change): Partial<Change> {
    const shared = sharedVersion(entity_id);
    if (base_version === null || knownVersion(base_version) <= shared) return {};
    // A change of several records is not its own forerunner.
    const led = [...new Set([...own_changes, ...(own.get(entity_id) ?? [])])].filter((one) => one !== id);
    const steps = led.reduce((sum, one) => sum + provisionalStep(one), 0);
    return {
      base_version: shared + (led.length === 0 ? PROVISIONAL_STEP : steps),
      ...(led.length > 0 && { own_changes: led }),
    };
  }

  /** A token that was granted on the lost branch may be somebody else's now. */
  function tokenOf({ entity_id, claim_token, patch }: Change): Partial<Change> {
    if (claim_token === null) return {};
    const grant = grants.get(entity_id) ?? grants.get(String(patch['target_id']));
    return grant === undefined ? {} : { claim_token: provisionalToken(grant) };
  }
}
