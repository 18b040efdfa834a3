/**
 * Entries without a seal, as the version before this one wrote them. They are believed where what a repository cannot
 * bring along says that they were made in this folder: the times that the kernel gives to files. A clone, an archive
 * that is unpacked, a copy: each of them gets its times then, and who made it cannot know that second.
 *
 * An entry names this folder's id, and was made after the id was and before the file that holds it was last written. All
 * such entries of a journal fit, or none is believed. That holds for folders that are older than this machine's key, and
 * ends a month after that was made.
 */
import { lstatSync } from 'node:fs';
import { mayBeTracked } from '../git/tracked.ts';
import { deviceFile, readDevice } from './device.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { ownSeal } from './seal.ts';

/** What the clock of a file system may lag behind that of the program. */
const TOLERANCE_MS = 2_000;
/** Programs of the version before may still run, and journals of folders that were not used may still wait. */
const BELIEVED_FOR_MS = 30 * 24 * 60 * 60 * 1000;

/** An entry without a seal, and the times between which its file says that it was made. */
export interface UnsealedFind {
  entry: JournalEntry;
  /** Milliseconds since 1970; without one, any time after the folder was first used. */
  from?: number | undefined;
  until: number;
}

/** The entries among `finds` that the version before wrote in this folder: all of its, or none. */
export type FindEarlier = (finds: readonly UnsealedFind[]) => ReadonlySet<JournalEntry>;

/** @param dataDir the tracker's folder */
export function earlierIn(dataDir: string): FindEarlier {
  return (finds) => {
    if (finds.length === 0) return NONE;
    const folder = readFolder(dataDir);
    const ours = finds.filter(({ entry }) => entry.device === folder?.device);
    if (folder === undefined || ours.length === 0) return NONE;
    const fits = ours.every(({ entry, from, until }) => {
      const at = Date.parse(entry.at);
      return at >= Math.max(from ?? 0, folder.madeAt) - TOLERANCE_MS && at <= until + TOLERANCE_MS;
    });
    // Git is asked last: it costs a process.
    return fits && isStillBelieved(folder) && !mayBeTracked(dataDir)
      ? new Set(ours.map(({ entry }) => entry))
      : NONE;
  };
}

/** For a journal of which nothing is known. */
export const NONE_EARLIER: FindEarlier = () => NONE;
const NONE: ReadonlySet<JournalEntry> = new Set();

/** When a file was last written, by the kernel; never for what is not a plain file. */
export function writtenAt(...files: string[]): number {
  return Math.max(
    ...files.map((file) => {
      const status = lstatSync(file, { throwIfNoEntry: false });
      return status?.isFile() === true ? status.ctimeMs : Number.NEGATIVE_INFINITY;
    }),
  );
}

/** A folder made after the key may be of an archive that a server makes when it is asked: that knows the second. */
function isStillBelieved({ madeAt }: { madeAt: number }): boolean {
  const began = ownSeal().keyMadeAt();
  return began === undefined || (madeAt <= began && Date.now() - began < BELIEVED_FOR_MS);
}

/** Undefined where the id, or when it was made, is not known. */
function readFolder(dataDir: string): { device: string; madeAt: number } | undefined {
  try {
    const status = lstatSync(deviceFile(dataDir));
    const device = readDevice(dataDir);
    const isKnown = status.isFile() && status.birthtimeMs > 0 && device !== undefined;
    return isKnown ? { device, madeAt: status.birthtimeMs } : undefined;
  } catch {
    return undefined;
  }
}
