/**
 * The claim tokens that sessions were given here. Their writes need not repeat them: they go with what a session writes about
 * those items, so that one which lost its claim is refused and overwrites nobody, also where the write waits for the primary.
 */
import { partsOf, withParts } from '../../domain/batch.ts';
import type { Applied, Change } from '../../domain/change.ts';
import type { TrackerError } from '../../domain/errors.ts';
import { isClosed, type ItemStatus } from '../../domain/work-item.ts';

/** Of more claims the oldest are forgotten: then only the primary knows who holds them. */
const TOKENS_MAX = 1_000;

/** What a session that lost its claim must not do. A note disturbs nobody. */
const FENCED = new Set(['update work_item', 'claim work_item']);

export class HeldTokens {
  /** By session and item. */
  readonly #tokens = new Map<string, number>();

  /** The change with the token of the claim that its session holds, where it names none. */
  added(change: Change): Change {
    if (this.#tokens.size === 0) return change;
    if (change.kind === 'batch') {
      return withParts(
        change,
        partsOf(change).map((part) => this.added(part)),
      );
    }
    const isTake = change.kind === 'claim' && change.patch['action'] === 'take';
    const isFenced = FENCED.has(`${change.kind} ${change.entity}`) && !isTake;
    const token = isFenced ? this.#tokens.get(keyOf(change)) : undefined;
    if (token === undefined || change.claim_token !== null) return change;
    return { ...change, claim_token: token, token_added: true };
  }

  /** Takes note of what became of claims. */
  learn(changes: readonly Change[], answers: readonly Applied[]): void {
    for (const [at, change] of changes.entries()) {
      // The first answer to an earlier call: what came after that counts.
      const isRepeated = answers[at]?.repeated === true;
      for (const part of isRepeated ? [] : partsOf(change)) {
        if (endsClaim(part)) this.#tokens.delete(keyOf(part));
      }
      const token = answers[at]?.record['claim_token'];
      const isGrant = change.kind === 'claim' && change.patch['action'] !== 'hand_over';
      if (!isGrant || typeof token !== 'number' || (isRepeated && this.#tokens.has(keyOf(change)))) continue;
      // The latest comes last.
      this.#tokens.delete(keyOf(change));
      this.#tokens.set(keyOf(change), token);
    }
    for (const key of this.#tokens.keys()) {
      if (this.#tokens.size <= TOKENS_MAX) break;
      this.#tokens.delete(key);
    }
  }

  /** Claims on what was refused have ended: who asked for it was told so, and decides anew. */
  forget(changes: readonly Change[], { details }: TrackerError): void {
    // The session holds the item that it asked for once more.
    if (details['claim_token'] !== undefined) return;
    const refused = details['refused'] as { id: string }[] | undefined;
    for (const part of changes.flatMap(partsOf))
      if (refused?.some(({ id }) => id === part.entity_id) !== false) this.#tokens.delete(keyOf(part));
  }
}

const keyOf = ({ session = '', entity_id }: Change): string => `${session} ${entity_id}`;

function endsClaim({ kind, patch }: Change): boolean {
  if (kind === 'claim') return patch['action'] === 'release' || patch['action'] === 'hand_over';
  const { status, deleted_at } = patch;
  const isClosing = typeof status === 'string' && isClosed(status as ItemStatus);
  return kind === 'archive' || isClosing || deleted_at != null;
}
