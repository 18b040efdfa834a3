/**
 * Following the feed: whoever listens is told of every change made from then on, by any process on any machine.
 *
 * One follower runs per process, and only while somebody listens. It asks the feed after each hint (`hints.ts`), and
 * every few seconds without one, for what lies after the position it has reached, so that nothing is missed or told
 * twice whatever becomes of the hints. While the primary is away it tells of the writes that wait in the journals;
 * when it is back, of everything that happened to the primary meanwhile.
 */
import type { Entity } from '../../domain/change.ts';
import type { PendingWrite } from '../contract/store.ts';
import type { FeedEntry } from '../queries/feed.ts';
import type { Reader } from '../queries/reader.ts';
import type { Primary } from '../primary/sql-store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ChangeHints } from '../database/hints.ts';
import { describeFailure } from '../database/driver-errors.ts';
import type { FeedNews, FeedListener } from '../contract/feed-news.ts';

export interface FollowedStore {
  /** The primary, while it answers reads. */
  primary: () => Primary | undefined;
  /** Asks the primary; undefined when it fails, of which the store has then taken note. */
  ask: <T>(work: (reader: Reader) => Promise<T>) => Promise<T | undefined>;
  /** The position that the best copy has reached; undefined without one. */
  copyPosition: () => Promise<number | undefined>;
  /** The writes that wait for the primary. */
  waiting: () => Promise<readonly PendingWrite[]>;
  clock: Clock;
  log: (message: string) => void;
}

const BATCH = 500;
/** After a longer absence nobody wants every record by name. */
const NEWS_MAX = 5_000;
/** The pause between two looks at least: a burst of writes is told of together. */
const BURST_PAUSE_MS = 40;
/** How often the journals are looked at while the primary is away. */
const AWAY_PAUSE_MS = 250;

export class FeedWatch {
  readonly #listeners = new Set<FeedListener>();
  #follower: Follower | undefined;

  constructor(private readonly store: FollowedStore) {}

  /**
   * @returns when nothing that is committed from now on can be missed; call the result to stop listening
   */
  async listen(listener: FeedListener): Promise<() => void> {
    // Each call is a listener of its own, also with the same function.
    const own: FeedListener = (news) => listener(news);
    this.#listeners.add(own);
    this.#follower ??= new Follower(this.store, (news) => this.#tell(news));
    await this.#follower.started;
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Something may have changed: for what this process knows without being told. */
  wake(): void {
    this.#follower?.wake();
  }

  close(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    this.#follower?.stop();
    this.#follower = undefined;
  }

  #tell(news: FeedNews): void {
    for (const listener of this.#listeners) {
      try {
        listener(news);
      } catch (error) {
        this.store.log(`a listener failed: ${messageOf(error)}`);
      }
    }
  }
}

class Follower {
  /** Resolves when the position to begin from is known, or is found not to be. */
  readonly started: Promise<void>;
  /** Up to here everything was told; undefined while the position is not known. */
  #position: number | undefined;
  /** Ids of the waiting writes that were told of. */
  #told: Set<string> | undefined;
  #hints: { of: Primary; source: ChangeHints } | undefined;
  #isStopped = false;
  #isWoken = false;
  #wake: () => void = () => undefined;
  #problem = '';

  constructor(
    private readonly store: FollowedStore,
    private readonly tell: (news: FeedNews) => void,
  ) {
    this.started = this.#begin();
    void this.started.then(() => this.#loop());
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#hints?.source.stop();
    this.wake();
  }

  async #begin(): Promise<void> {
    try {
      this.#attach();
      this.#position = await this.#findPosition();
      this.#told = new Set((await this.store.waiting()).map(({ id }) => id));
    } catch (error) {
      this.#note(error);
    }
  }

  async #findPosition(): Promise<number | undefined> {
    const answer = this.store.primary() && (await this.store.ask((reader) => reader.findFeedPosition()));
    return answer?.seq ?? (await this.store.copyPosition());
  }

  async #loop(): Promise<void> {
    const { clock } = this.store;
    while (!this.#isStopped) {
      await this.#rest();
      if (this.#isStopped) return;
      try {
        await this.#look();
        this.#problem = '';
      } catch (error) {
        this.#note(error);
      }
      await clock.sleep(BURST_PAUSE_MS);
    }
  }

  async #look(): Promise<void> {
    this.#attach();
    const news: FeedNews = { entries: [], isPartial: false };
    if (this.store.primary() !== undefined) await this.#readFeed(news);
    await this.#readJournals(news);
    if (!this.#isStopped && (news.isPartial || news.entries.length > 0)) this.tell(news);
  }

  async #readFeed(news: FeedNews): Promise<void> {
    const found = await this.store.ask((reader) => reader.findFeedPosition());
    if (found === undefined || found.seq === this.#position) return;
    const from = this.#position;
    if (from === undefined || found.seq < from || found.seq - from > NEWS_MAX) {
      // Where it was is not known, was another database, or is too long ago.
      this.#position = found.seq;
      news.isPartial = true;
      return;
    }
    for (let at = from; ;) {
      const batch = await this.store.ask((reader) => reader.findFeedAfter(at, BATCH));
      if (batch === undefined) return;
      news.entries.push(...batch);
      at = this.#position = Number(batch.at(-1)?.seq ?? at);
      if (batch.length < BATCH) return;
    }
  }

  async #readJournals(news: FeedNews): Promise<void> {
    const waiting = await this.store.waiting();
    const told = this.#told;
    if (told === undefined) news.isPartial ||= waiting.length > 0;
    else {
      for (const write of waiting) if (!told.has(write.id)) news.entries.push(...entriesOf(write));
    }
    this.#told = new Set(waiting.map(({ id }) => id));
  }

  /** A primary that was opened anew gives hints anew. */
  #attach(): void {
    const primary = this.store.primary();
    if (primary === undefined || primary === this.#hints?.of || this.#isStopped) return;
    this.#hints?.source.stop();
    this.#hints = { of: primary, source: primary.hints(() => this.wake()) };
  }

  async #rest(): Promise<void> {
    if (!this.#isWoken) {
      const hinted = this.#hints?.source.pauseMs ?? AWAY_PAUSE_MS;
      const pauseMs = this.store.primary() === undefined ? AWAY_PAUSE_MS : hinted;
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      await Promise.race([this.store.clock.sleep(pauseMs), woken]);
    }
    this.#isWoken = false;
  }

  #note(error: unknown): void {
    const problem = describeFailure(error);
    if (problem !== this.#problem && !this.#isStopped)
      this.store.log(`changes cannot be followed: ${problem}`);
    this.#problem = problem;
  }
}

/** A write that waits, as the feed will tell of it; what it takes along is not known yet. */
function entriesOf({ changes }: PendingWrite): FeedEntry[] {
  return changes.map(({ id, at, actor, client, session = null, entity, entity_id, kind, patch }) => {
    const field = RELATED[entity];
    const related = field === null ? null : patch[field];
    return {
      seq: null,
      change_id: id,
      at,
      actor,
      client,
      session,
      entity,
      entity_id,
      related_id: typeof related === 'string' ? related : null,
      kind,
      version: null,
    };
  });
}

/** The field of a patch that names the other record which the feed tells of. */
const RELATED: { readonly [E in Entity]: string | null } = {
  work_item: null,
  dependency: 'target_id',
  note: 'item_id',
  enhancement: null,
  vendor: null,
  deployment: null,
  configuration: null,
  conflict: null,
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
