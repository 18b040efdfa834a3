/** The last generated line of `.project_status.md`: whose it is, and by which hand edits of generated lines are noticed. */
import { createHash } from 'node:crypto';
import { hashOfParts, readLayout, type StatusLayout } from './status-layout.ts';

const MARK =
  /^<!-- worktrail status: (generated from the tracker; text of your own stays|do not edit below or above by hand); (?:project ([0-9a-f-]{36}); )?(?:as of ([0-9T:.Z-]{24}); )?sha256 ([0-9a-f]{64}) -->$/;
const BEGINNING = '\n<!-- worktrail status:';

export interface StatusMark {
  /** Null where the mark does not say. */
  project_id: string | null;
  /** The time of the last change that the file shows, ISO 8601 with milliseconds; null where the mark does not say. */
  as_of: string | null;
  /** Whether the generated lines are as Worktrail wrote them; what people wrote beside them does not count. */
  isIntact: boolean;
}

/**
 * The whole text for a body in which nobody else wrote.
 * @param as_of the time of the last change that it shows, ISO 8601 with milliseconds; null where that is not known
 */
export function withMark(body: string, project_id: string, as_of: string | null): string {
  const hash = hashOfParts(readLayout(Buffer.from(body)));
  return `${body}${BEGINNING} generated from the tracker; text of your own stays; project ${project_id}; ${as_of === null ? '' : `as of ${as_of}; `}sha256 ${hash} -->\n`;
}

/** Undefined for a file that Worktrail did not write. Line ends do not count: git may change them. */
export function readMark(file: Buffer | string): StatusMark | undefined {
  const bytes = typeof file === 'string' ? Buffer.from(file) : file;
  return markOf(readLayout(bytes), bytes);
}

/** The same for a file that was read. */
export function markOf(layout: StatusLayout, file: Buffer): StatusMark | undefined {
  const piece = layout.pieces.find(({ part }) => part === 'mark');
  if (piece?.part !== 'mark') return undefined;
  const [, wording = '', project_id = null, as_of = null, hash] = MARK.exec(piece.lines[0]?.text ?? '') ?? [];
  // Early versions hashed the whole file, and some did not name the project.
  const isOld = wording.startsWith('do not edit');
  return { project_id, as_of, isIntact: hash === (isOld ? hashOfWhole(file) : hashOfParts(layout)) };
}

function hashOfWhole(file: Buffer): string {
  const text = file.toString().replaceAll('\r\n', '\n');
  return createHash('sha256')
    .update(text.slice(0, text.lastIndexOf(BEGINNING)))
    .digest('hex');
}
