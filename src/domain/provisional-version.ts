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

/**
 * Added to the version of a record that a layer showed without all of its fields, so that whoever comes with that
 * version is known not to have seen the rest: in another process, after a restart, at the primary. More than all
 * changes that can lie on one record make together.
 */
const PARTLY_SHOWN = 4_000_000_000 * PROVISIONAL_STEP;

export function isProvisional(version: number): boolean {
  return version >= PROVISIONAL_STEP;
}

/** Whether the record was shown without all of its fields where somebody read this version. */
export function isPartlyShown(version: number): boolean {
  return version >= PARTLY_SHOWN;
}

/** The version of a record as a layer answers it that lacks fields; 0 where it is not known which version it shows. */
export function partlyShown(version: number): number {
  return isPartlyShown(version) ? version : PARTLY_SHOWN + version;
}

/** The version that the record has where all of it is known: real, or with the changes that lie on a real one. */
export function withoutMark(version: number): number {
  return isPartlyShown(version) ? version - PARTLY_SHOWN : version;
}

/** The real version below a provisional one; a real version itself. 0 for a record that was made offline. */
export function knownVersion(version: number): number {
  return version % PROVISIONAL_STEP;
}

/**
 * By how much a change raises a version while the primary is away, wherever it is applied: 1 to 65,536 million. One
 * record takes at least 61,000 of them before its version looks like one that was partly shown.
 */
export function provisionalStep(change_id: string): number {
  return (createHash('sha256').update(change_id).digest().readUInt16BE(0) + 1) * PROVISIONAL_STEP;
}

/** A version that a change made. */
export interface MadeVersion {
  change_id: string;
  version: number | null;
}

/** Whether these changes, in this order, are all that lies between two versions of one record, however it was shown. */
export function isUnbroken(from: number, to: number, changes: readonly MadeVersion[]): boolean {
  let at = withoutMark(from);
  for (const { change_id, version } of changes) {
    at += version !== null && isProvisional(version) ? provisionalStep(change_id) : 1;
    if (version === null || at !== withoutMark(version)) return false;
  }
  return at === withoutMark(to);
}

/** Whether these changes led from a real version to this one. */
export function isAllOfIt(version: number, own: ReadonlySet<string>): boolean {
  const steps = [...own].reduce((sum, id) => sum + provisionalStep(id), 0);
  return version === knownVersion(version) + steps;
}

/**
 * What was recorded first since the real version below this one, if that led to it: then nothing was lost, whoever made it.
 * Where own changes are not among it, others' only happen to raise a version by as much.
 */
export function ledTo<Made extends MadeVersion>(
  version: number,
  own: ReadonlySet<string>,
  since: readonly Made[],
): Made[] | undefined {
  let at = knownVersion(version);
  const last = since.findIndex(({ change_id }) => (at += provisionalStep(change_id)) === version);
  const led = since.slice(0, last + 1);
  const isAmong = (id: string) => led.some(({ change_id }) => change_id === id);
  return led.length > 0 && [...own].every(isAmong) ? led : undefined;
}
