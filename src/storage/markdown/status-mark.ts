/** The last line of `.project_status.md`: whose it is, and by which hand edits are noticed. */
import { createHash } from 'node:crypto';

const BEGINNING = '\n<!-- worktrail status:';
/** The project is missing in files of early versions. */
const MARK =
  /^\n<!-- worktrail status: do not edit below or above by hand; (?:project ([0-9a-f-]{36}); )?sha256 ([0-9a-f]{64}) -->\n$/;
const MARK_MAX_CHARACTERS = 250;

export interface StatusMark {
  /** The file without the mark. */
  body: string;
  /** Null where the mark does not say. */
  project_id: string | null;
  /** Whether the file is as Worktrail wrote it. */
  isIntact: boolean;
}

/** The whole file for a body. */
export function withMark(body: string, project_id: string): string {
  return `${body}${BEGINNING} do not edit below or above by hand; project ${project_id}; sha256 ${sha256(body)} -->\n`;
}

/** Undefined for a file that Worktrail did not write. */
export function readMark(file: string): StatusMark | undefined {
  const start = file.lastIndexOf(BEGINNING);
  if (start === -1) return undefined;
  const found = MARK.exec(file.slice(start, start + MARK_MAX_CHARACTERS));
  const body = file.slice(0, start);
  return { body, project_id: found?.[1] ?? null, isIntact: found?.[2] === sha256(body) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
