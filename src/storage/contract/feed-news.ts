/** What listeners are told of the feed. */
import type { FeedEntry } from '../queries/feed.ts';

/** What is told at once. */
export interface FeedNews {
  /** In the order of the feed; then what waits for the primary. */
  entries: FeedEntry[];
  /** True when more may have changed than is listed: too much, or it is not known where to begin. */
  isPartial: boolean;
}

export type FeedListener = (news: FeedNews) => void;
