/**
 * Holds a database against what was seen of it before, wherever it is asked: what answers come from is noted, and one
 * that lacks what was seen is refused at the next call.
 */
import { TrackerError } from '../../domain/errors.ts';
import type { Connection, Session } from '../database/connection.ts';
import { IdentityMismatch, type Position, type Witness } from '../database/feed-guard.ts';
import { readHead } from '../queries/feed.ts';

/** Reads that follow each other more closely share a look: it costs as much as a small read does. */
const LOOK_PAUSE_MS = 25;

/** Its session may be used by any number of callers at the same time. */
export class PositionWatch {
  /** Found behind an answer that was given: the next call is refused with it. */
  #mismatch: IdentityMismatch | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #next: NodeJS.Timeout | undefined;
  /** Those that led to the database that was seen: another one can only be behind a connection that is made anew. */
  readonly #known = new WeakSet<Connection>();

  /**
   * @param witness without one nothing is compared
   * @param pauseMs between two looks, in milliseconds; 0 looks after every read
   */
  constructor(
    private readonly session: Session,
    private readonly witness: Witness | undefined,
    private readonly pauseMs = LOOK_PAUSE_MS,
  ) {}

  /**
   * Notes how far the database is that the answer came from, at once or within the pause. The answer does not wait, but for
   * the first one of a connection, which a takeover may have led elsewhere.
   * @throws IdentityMismatch where that one came from another database
   */
  async answer<T>(c: Connection, read: () => Promise<T>): Promise<T> {
    const { witness } = this;
    if (witness === undefined) return await read();
    const now = performance.now();
    const isKnown = this.#known.has(c);
    if (isKnown && now - this.#lookedAt < this.pauseMs) {
      const answer = await read();
      witness.answered();
      this.#lookLater();
      return answer;
    }
    this.#lookedAt = now;
    // Before the answer: what others of the folder note meanwhile may be newer than what is read.
    const seen = witness.seen();
    const earlier = witness.answers;
    const answer = await read();
    const own = witness.answered();
    // What was answered while this was read may be newer.
    const look = this.#look(c, seen, (number) => number <= earlier || number === own);
    if (isKnown) return answer;
    await look;
    this.#refuseMismatch();
    return answer;
  }

  /**
   * Runs a call of the store. A rule that was broken says nothing where the database lacks what was seen.
   * @throws IdentityMismatch in place of such a rule, and where the answers before came from such a database
   */
  async compared<T>(call: () => Promise<T>): Promise<T> {
    this.#refuseMismatch();
    try {
      return await call();
    } catch (error) {
      const isRule = error instanceof TrackerError && error.code !== 'DatabaseError';
      if (isRule && this.witness !== undefined) {
        await this.#lookNow();
        this.#refuseMismatch();
      }
      throw error;
    }
  }

  /** What was still to be looked at is asked for: to be called before the session closes. */
  async close(): Promise<void> {
    if (this.#next === undefined) return;
    clearTimeout(this.#next);
    await this.#lookNow();
  }

  #refuseMismatch(): void {
    const mismatch = this.#mismatch;
    this.#mismatch = undefined;
    if (mismatch !== undefined) throw mismatch;
  }

  #lookLater(): void {
    this.#next ??= setTimeout(() => {
      this.#next = undefined;
      this.#lookedAt = performance.now();
      void this.#lookNow();
    }, this.pauseMs).unref();
  }

  /** Of a database that fails, the next call tells. */
  async #lookNow(): Promise<void> {
    // Asked when there is a connection: that may take long, and lead to another database than the one before.
    const look = (c: Connection) => {
      const earlier = this.witness?.answers ?? 0;
      return this.#look(c, this.witness?.seen(), (number) => number <= earlier);
    };
    await this.session.read(look, { oneStatement: true }).catch(() => undefined);
  }

  /** @param covers whether an answer, by its number, can be no newer than what is looked at */
  async #look(c: Connection, seen: Position | undefined, covers: (answer: number) => boolean): Promise<void> {
    try {
      const head = await readHead(c, seen);
      this.#known.add(c);
      if (this.witness?.saw(head, seen) === true) this.witness.noted(covers);
      else this.#lookLater();
    } catch (error) {
      if (error instanceof IdentityMismatch) this.#mismatch = error;
    }
  }
}
