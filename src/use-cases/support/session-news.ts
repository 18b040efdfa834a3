/**
 * What one session is told of what others did meanwhile: with the first answer after something that concerns it, and never
 * twice. It goes by what it read, wrote or claimed; what happened before its first call is for the brief.
 */
import { newsLine, type News } from '../../domain/news.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { clientName } from '../../domain/worker.ts';
import { workerOf, type Caller, type Context } from './context.ts';

/** Records that a session goes by; of more the least recent are forgotten, those that it holds last. */
const RECORDS_MAX = 200;

/** What was found, up to a position in the feed. */
export interface FoundNews {
  upTo: number;
  news: News;
  person: string;
  session: string;
}

export class SessionNews {
  /** Up to here everything was told; undefined until it is known where to begin. */
  #told: number | undefined;
  /** The least recent first; whether the session holds it. */
  readonly #records = new Map<string, boolean>();

  /**
   * Looks for what happened before this moment: while the call itself is carried out, which costs it nothing. Of a primary
   * that does not answer, later calls ask again. Never rejects.
   */
  async look(context: Context, caller: Caller): Promise<FoundNews | undefined> {
    try {
      return await this.#look(context, caller);
    } catch {
      return undefined;
    }
  }

  async #look({ store, ...context }: Context, caller: Caller): Promise<FoundNews | undefined> {
    const after = this.#told;
    const head = await store.latest((reader) => reader.findFeedPosition(), { oneStatement: true });
    if (after === undefined) {
      const begin = head ?? (await store.read((reader) => reader.findFeedPosition())).data;
      this.#told ??= begin.seq % PROVISIONAL_FEED_STEP;
      return undefined;
    }
    // A tracker that was put back to an earlier state has nothing new.
    if (head !== undefined && head.seq < after) this.#told = head.seq;
    if (head === undefined || head.seq <= after) return undefined;
    const { actor, person, client, session } = await workerOf({ store, ...context }, caller);
    const names = [...new Set([actor, person, clientName(client)])];
    const ids = [...this.#records.keys()];
    const news = await store.latest((reader) =>
      reader.findNews({ session, names, ids, after, upTo: head.seq }),
    );
    return news === undefined ? undefined : { upTo: head.seq, news, person, session };
  }

  /**
   * What of it was not told yet, as one line; from here on it was.
   * @param rest the call that gives all that happened since a position; undefined where it is not offered
   */
  tell(found: FoundNews | undefined, rest: (since: number) => string | undefined): string | undefined {
    const since = this.#told;
    if (found === undefined || since === undefined || found.upTo <= since) return undefined;
    this.#told = found.upTo;
    const { person, session } = found;
    const changes = found.news.changes.filter(({ seq }) => seq > since);
    const held = new Set([...this.#records].filter(([, isHeld]) => isHeld).map(([id]) => id));
    const reader = { person, session, held, has: (id: string) => this.#records.has(id) };
    const line = newsLine({ ...found.news, changes }, reader, rest(since));
    // Whether a claim was lost is told once; how a conflict ends is of interest.
    for (const { kind, entity, entity_id } of changes) {
      if (kind === 'claim' && held.has(entity_id)) this.#records.set(entity_id, false);
      if (entity === 'conflict') this.goBy(entity_id);
    }
    return line;
  }

  /** Takes note of the record that a call was about. @param input of the call @param data its answer */
  learn(
    { action }: { action?: unknown },
    { id, item_id, claim_token }: Partial<Record<string, unknown>>,
  ): void {
    const record_id = item_id ?? id;
    if (typeof record_id !== 'string') return;
    const isClaim = claim_token !== undefined;
    this.goBy(record_id, ...(isClaim ? [claim_token !== null && action !== 'hand_over'] : []));
  }

  /** The session goes by a record, and holds it, as far as it knows. */
  goBy(record_id: string, isHeld = this.#records.get(record_id) ?? false): void {
    this.#records.delete(record_id);
    this.#records.set(record_id, isHeld);
    if (this.#records.size <= RECORDS_MAX) return;
    const [oldest] = this.#records.keys();
    const first = [...this.#records].find(([, held]) => !held)?.[0] ?? oldest;
    if (first !== undefined) this.#records.delete(first);
  }
}
