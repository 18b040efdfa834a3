/**
 * What one session is told of what others did meanwhile: with the first answer after something that concerns it, and never
 * twice. It goes by what it read, wrote or claimed; what happened before its first call is for the brief.
 */
import type { RecordedChange } from '../../domain/change.ts';
import { newsLine, type News } from '../../domain/news.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { isClosed, type ItemStatus } from '../../domain/work-item.ts';
import { clientName } from '../../domain/worker.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import { workerOf, type Caller, type Context } from './context.ts';

/** Records that a session goes by; of more the least recent are forgotten, those that it holds last. */
const RECORDS_MAX = 200;

/** What was found, up to a position in the feed. */
export interface FoundNews {
  /** Positions: after the one, up to the other. */
  after: number;
  upTo: number;
  /** Undefined where nothing happened. */
  about?: { news: News; ids: ReadonlySet<string>; person: string; session: string };
}

interface Known {
  isHeld: boolean;
  /** Up to here it was told what became of it: where another call told of more while this record was read. */
  since?: number;
}

export class SessionNews {
  /** Up to here everything was told; undefined until it is known where to begin. */
  #told: number | undefined;
  /** The least recent first. */
  readonly #records = new Map<string, Known>();

  get hasBegun(): boolean {
    return this.#told !== undefined;
  }

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

  async #look(context: Context, caller: Caller): Promise<FoundNews | undefined> {
    const { store } = context;
    const { actor, person, client, session } = await workerOf(context, caller);
    const told = this.#told;
    if (told === undefined) return await this.#begin(context, session);
    const after = Math.min(told, ...[...this.#records.values()].map(({ since }) => since ?? told));
    const head = await store.latest((reader) => reader.findUnheard(session, after), { oneStatement: true });
    // A tracker that was put back to an earlier state has nothing new.
    if (head !== undefined && head.seq < told) this.#beginAt(head.seq);
    if (head === undefined) return undefined;
    const upTo = head.seq;
    if (!head.isAny) return { after, upTo };
    const names = [...new Set([actor, person, clientName(client)])];
    const ids = [...this.#records.keys()];
    const question = { session, names, ids, after, upTo };
    const news = await store.latest((reader) => reader.findNews(question));
    return news === undefined
      ? undefined
      : { after, upTo, about: { news, ids: new Set(ids), person, session } };
  }

  /** A session that goes on after its server was restarted holds what it held. */
  async #begin({ store }: Context, session: string): Promise<FoundNews> {
    const position = (reader: Reader) => reader.findFeedPosition();
    const head = await store.latest(position, { oneStatement: true });
    const { seq } = head ?? (await store.read(position)).data;
    this.#told ??= seq % PROVISIONAL_FEED_STEP;
    const held = await store.latest((reader) => reader.findHeldIn(session, RECORDS_MAX));
    for (const id of held ?? []) if (!this.#records.has(id)) this.#goBy(id, { isHeld: true });
    return { after: this.#told, upTo: this.#told };
  }

  #beginAt(position: number): void {
    this.#told = position;
    for (const known of this.#records.values()) delete known.since;
  }

  /**
   * What of it was not told yet, as one line; from here on it was.
   * @param rest the call that gives all that happened since a position; undefined where it is not offered
   */
  tell(found: FoundNews | undefined, rest: (since: number) => string | undefined): string | undefined {
    const told = this.#told;
    if (found === undefined || told === undefined) return undefined;
    if (found.about === undefined) {
      // Nobody else did anything in between.
      const { after, upTo } = found;
      const heard = [...this.#records].filter(([, { since = told }]) => since >= after).map(([id]) => id);
      if (told >= after) this.#heard(heard, upTo);
      return undefined;
    }
    const { news, ids, person, session } = found.about;
    const sinceOf = ({ entity_id, related_id }: RecordedChange) =>
      (this.#records.get(entity_id) ?? this.#records.get(related_id ?? ''))?.since ?? told;
    const changes = news.changes.filter((change) => change.seq > sinceOf(change));
    const first = Math.min(told, ...changes.map(({ seq }) => seq - 1));
    const held = new Set([...this.#records].filter(([, { isHeld }]) => isHeld).map(([id]) => id));
    const reader = { person, session, held, has: (id: string) => this.#records.has(id) };
    const line = newsLine({ ...news, changes }, reader, rest(first));
    this.#heard(ids, found.upTo);
    // Whether a claim was lost is told once; how a conflict ends is of interest.
    for (const { kind, entity, entity_id, fields } of changes) {
      const known = this.#records.get(entity_id);
      if (known !== undefined && (kind === 'claim' || fields.some(({ field }) => field === 'claimed_by')))
        known.isHeld = false;
      if (entity === 'conflict') this.#goBy(entity_id, known ?? { isHeld: false });
    }
    return line;
  }

  /** Up to a position everything was told, of these records too. */
  #heard(ids: Iterable<string>, upTo: number): void {
    this.#told = Math.max(this.#told ?? upTo, upTo);
    for (const id of ids) {
      const known = this.#records.get(id);
      if (known?.since === undefined || known.since >= upTo) continue;
      if (upTo < this.#told) known.since = upTo;
      else delete known.since;
    }
  }

  /**
   * Takes note of the record that a call was about.
   * @param input of the call @param data its answer @param found what was found when the call began
   */
  learn(
    { action }: { action?: unknown },
    { id, item_id, claim_token, status }: Partial<Record<string, unknown>>,
    found: FoundNews | undefined,
  ): void {
    const record_id = item_id ?? id;
    if (typeof record_id !== 'string') return;
    const told = this.#told ?? 0;
    const known: Known = this.#records.get(record_id) ?? {
      isHeld: false,
      ...(found !== undefined && found.upTo < told && { since: found.upTo }),
    };
    if (claim_token !== undefined) known.isHeld = claim_token !== null && action !== 'hand_over';
    if (isClosed(status as ItemStatus)) known.isHeld = false;
    this.#goBy(record_id, known);
  }

  #goBy(record_id: string, known: Known): void {
    this.#records.delete(record_id);
    this.#records.set(record_id, known);
    if (this.#records.size <= RECORDS_MAX) return;
    const [oldest] = this.#records.keys();
    const first = [...this.#records].find(([, { isHeld }]) => !isHeld)?.[0] ?? oldest;
    if (first !== undefined) this.#records.delete(first);
  }
}
