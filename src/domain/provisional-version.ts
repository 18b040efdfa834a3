/**
 * Versions that a record has while its primary store is away. A change raises version 3 by a number of its own, a
 * multiple of a million: 31415000003, say. Such a version is never mistaken for a real one, tells the real one that
 * the changes lie on (its last six digits), and stands for exactly these changes: on another copy, with other
 * changes on top, the record has another version.
 */
import { createHash } from 'node:crypto';

/** The least provisional version. */
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

/**
 * By how much a change raises a version while the primary is away, wherever it is applied: 1 to 65,536 million. One
 * record takes at least 137,000 of them before a number cannot hold its version exactly.
 */
export function provisionalStep(change_id: string): number {
  return (createHash('sha256').update(change_id).digest().readUInt16BE(0) + 1) * PROVISIONAL_STEP;
}

/** A version that a change made. */
export interface MadeVersion {
  change_id: string;
  version: number | null;
}

/** Whether these changes, in this order, are all that lies between two versions of one record. */
export function isUnbroken(from: number, to: number, changes: readonly MadeVersion[]): boolean {
  let at = from;
  for (const { change_id, version } of changes) {
    at += version !== null && isProvisional(version) ? provisionalStep(change_id) : 1;
    if (at !== version) return false;
  }
  return at === to;
}
