/**
 * Versions that a record has while its primary store is away. An offline change makes version 3 into 1000003,
 * the next one into 2000003: such a version can never be mistaken for a real one, and still tells the real
 * version that the whole chain of changes began with.
 */
export const PROVISIONAL_STEP = 1_000_000;

/** The same for positions of the feed: what was recorded offline can not be mistaken for a real position. */
export const PROVISIONAL_FEED_STEP = 10_000_000_000;

export function isProvisional(version: number): boolean {
  return version >= PROVISIONAL_STEP;
}

/** The real version below a provisional one; a real version itself. 0 for a record that was made offline. */
export function knownVersion(version: number): number {
  return version % PROVISIONAL_STEP;
}

/** How many changes lie between two versions of one record. */
export function changesBetween(from: number, to: number): number {
  const difference = to - from;
  return Math.floor(difference / PROVISIONAL_STEP) + (difference % PROVISIONAL_STEP);
}
