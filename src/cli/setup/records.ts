/**
 * What the files of a project were before they were set up, in the user's own folder, where no repository can bring it along.
 * Each file has a record of its own, so that two that set up at the same time do not undo each other's.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { openUserFolder, userFolder } from '../../platform/user-folder.ts';

const record = z.object({
  /** For whoever looks into it. */
  file: z.string(),
  /** The file without anything of ours; null where there was none. */
  before: z.base64().nullable(),
  /** The hash of what was written. */
  after: z.string(),
  /** Folders that were made for it. */
  made: z.array(z.string()),
  /** The clients that it was set up for. */
  clients: z.array(z.string()).default([]),
});
export type SetUpRecord = Omit<z.output<typeof record>, 'file'>;

/** Undefined where nothing is known of it; a damaged one is as good as none. */
export function readRecord(project: string, name: string): SetUpRecord | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(fileOf(project, name), 'utf8')));
  } catch {
    return undefined;
  }
}

export function writeRecord(project: string, name: string, kept: SetUpRecord): void {
  openUserFolder();
  const file = fileOf(project, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  const whole = { file: path.join(realpathSync(project), name), ...kept };
  writeFileSync(temporary, JSON.stringify(whole), { mode: 0o600, flush: true });
  renameSync(temporary, file);
}

export function forgetRecord(project: string, name: string): void {
  const file = fileOf(project, name);
  rmSync(file, { force: true });
  try {
    rmdirSync(path.dirname(file));
  } catch {
    // Others are in it, or it is not there.
  }
}

const fileOf = (project: string, name: string): string =>
  path.join(userFolder(), 'setup', digest(realpathSync(project)), `${digest(name)}.json`);

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);
