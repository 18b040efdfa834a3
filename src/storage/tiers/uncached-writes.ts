/**
 * What this process wrote to the primary and the feed has not brought to the cache yet. The feed is cheaper, so it
 * is left to it; only where the cache must answer before, the writes are applied there first.
 */
import type { Applied, Change } from '../../domain/change.ts';
import type { AppliedWrite, CacheReplica } from '../replicas/cache.ts';

/** From here on the feed should be asked: applying more than this would hold up an answer. */
const MANY_WRITES = 128;
/** Older ones are forgotten: the feed was held up for long, and brings them later. */
const WRITES_MAX = 1_000;

export class UncachedWrites {
  #writes: AppliedWrite[] = [];
  #applying: Promise<void> = Promise.resolve();
  /** The changes of these writes, and of those that the cache could not take or that were forgotten. */
  #lacking = new Set<string>();

  constructor(private readonly cache: Pick<CacheReplica, 'applyAhead'>) {}

  /** Changes that this process wrote to the primary and that the cache does not have, as far as is known. */
  get lacking(): ReadonlySet<string> {
    return this.#lacking;
  }

  /** @returns whether so many have come together that the feed should be asked */
  note(changes: readonly Change[], applied: readonly Applied[]): boolean {
    this.#writes.push({ changes, applied });
    for (const { change_id } of applied) this.#lacking.add(change_id);
    if (this.#writes.length > WRITES_MAX) this.#writes.shift();
    return this.#writes.length % MANY_WRITES === 0;
  }

  /** Resolves when the cache has everything noted so far, except where it lags behind: that is left to the feed. */
  apply(): Promise<void> {
    const writes = this.#writes;
    this.#writes = [];
    if (writes.length > 0) {
      const applying = this.cache
        .applyAhead(writes)
        .catch(() => [])
        .then((applied) => this.#hasNow(applied));
      this.#applying = Promise.all([this.#applying, applying]).then(() => undefined);
    }
    return this.#applying;
  }

  /** @returns forgets what is noted now; to be called when the feed has brought it */
  mark(): () => void {
    const [marked, lacking] = [new Set(this.#writes), [...this.#lacking]];
    return () => {
      this.#writes = this.#writes.filter((write) => !marked.has(write));
      for (const id of lacking) this.#lacking.delete(id);
    };
  }

  #hasNow(writes: readonly AppliedWrite[]): void {
    for (const { applied } of writes) for (const { change_id } of applied) this.#lacking.delete(change_id);
  }
}
