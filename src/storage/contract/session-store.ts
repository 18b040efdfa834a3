/**
 * A store as one session uses it: a program with its one client, or a session over HTTP. It knows how far the answers
 * were that the session was given, and one from a copy that stands before them says so (`went_back`).
 *
 * Of most answers of the primary it is noted right afterwards how far they were. One that could not be noted is from before
 * it arrived: a copy that was confirmed after that has all of it, and one that was not may have it all the same.
 */
import { isError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import { HeldTokens } from './held-tokens.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { Reader } from '../queries/reader.ts';
import type { ReadOptions } from '../database/connection.ts';
import type { Answer, CopyMoment, TrackerStore, WriteAnswer } from './store.ts';
import type { Change } from '../../domain/change.ts';

/** Of more own changes the oldest are forgotten: copies are seconds old. */
const OWN_CHANGES_MAX = 10_000;

export class SessionStore implements TrackerStore {
  /** When the primary answered last, and the latest moment that a copy was from: milliseconds since 1970, by the clock here. */
  #primaryAt = Number.NEGATIVE_INFINITY;
  #copyAt = Number.NEGATIVE_INFINITY;
  /** The greatest position that a copy answered from. */
  #shownSeq = 0;
  /** Whether any answer was from a layer that knows its position. */
  #knowsBetter = false;
  readonly #tokens = new HeldTokens();
  /** When its changes were acknowledged, the oldest first. */
  readonly #own = new Map<string, number>();

  private constructor(
    private readonly store: TrackerStore,
    private readonly now: () => number,
  ) {}

  /** The same store for a session that begins. */
  static begin(store: TrackerStore, now: () => number = Date.now): SessionStore {
    return new SessionStore(store instanceof SessionStore ? store.store : store, now);
  }

  async read<T>(work: (reader: Reader) => Promise<T>, options?: ReadOptions): Promise<Answer<T>> {
    return this.#show(await this.store.read(work, options));
  }

  async write(changes: readonly Change[]): Promise<WriteAnswer> {
    const tokens = this.#tokens;
    const fenced = changes.map((change) => tokens.added(change));
    const answer = await this.store.write(fenced).catch((error: unknown) => {
      if (isError(error, 'ClaimError')) tokens.forget(changes, error);
      throw error;
    });
    tokens.learn(fenced, answer.data);
    const at = this.now();
    // Where it was kept is said already; what it shows of others is beside the point.
    this.#note(answer);
    for (const { change_id } of answer.data) this.#own.set(change_id, at);
    for (const id of this.#own.keys()) {
      if (this.#own.size <= OWN_CHANGES_MAX) break;
      this.#own.delete(id);
    }
    return answer;
  }

  latest: TrackerStore['latest'] = (work, options) => this.store.latest(work, options);
  pending: TrackerStore['pending'] = () => this.store.pending();
  watch: TrackerStore['watch'] = (listener) => this.store.watch(listener);
  layers: TrackerStore['layers'] = () => this.store.layers();
  health: TrackerStore['health'] = () => this.store.health();
  close: TrackerStore['close'] = () => this.store.close();

  #show<A extends Answer<unknown>>(answer: A): A {
    const { copy } = answer;
    const warning = copy === undefined ? undefined : this.#wentBack(copy);
    this.#note(answer);
    return warning === undefined ? answer : { ...answer, warnings: [...answer.warnings, warning] };
  }

  #note(answer: Answer<unknown>): void {
    const { copy } = answer;
    const isKept = answer.durability !== undefined && answer.durability !== answer.source;
    const isPrimary = answer.as_of === undefined && !isKept;
    if (isPrimary) this.#primaryAt = Math.max(this.#primaryAt, this.now());
    else if (copy !== undefined) this.#copyAt = Math.max(this.#copyAt, Date.parse(copy.as_of));
    this.#shownSeq = Math.max(this.#shownSeq, copy?.seq ?? 0);
    if (isPrimary || copy?.seq != null) this.#knowsBetter = true;
  }

  #wentBack({ as_of, seq, shows, hasAllSeen }: CopyMoment): Warning | undefined {
    if (hasAllSeen && (seq ?? 0) >= this.#shownSeq) return undefined;
    const at = Date.parse(as_of);
    // Confirmed within the millisecond of an answer, a copy may be from before it.
    const isBefore = at <= this.#primaryAt || at < this.#copyAt || (seq !== null && seq < this.#shownSeq);
    // Of another machine's clock, as a status file may be, or of one that was set back: that tells nothing.
    const isUnknown = this.#knowsBetter && (seq === null || at > this.now());
    if (!isBefore && !isUnknown) return undefined;
    const lacking = [...this.#own].filter(([id, madeAt]) => (madeAt >= at || isUnknown) && !shows(id)).length;
    return wentBack(Math.max(this.#primaryAt, this.#copyAt), lacking);
  }
}

function wentBack(shownAt: number, lacking: number): Warning {
  const own = `${count(lacking, 'change')} made here ${lacking === 1 ? 'is' : 'are'} missing.`;
  const message = `This may be older than an earlier answer (from ${new Date(shownAt).toISOString()}): what others changed before that may be missing.`;
  return { code: 'went_back', message: lacking === 0 ? message : `${message} ${own}` };
}
