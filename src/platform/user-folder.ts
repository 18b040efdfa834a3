/**
 * The folder of this user on this machine, outside of any project: what a repository brings along can neither be in it
 * nor alter it. It holds what the person agreed to and the key that seals journals.
 */
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { UnsuitableFile } from './plain-file.ts';

const OWNER_ONLY_FOLDER = 0o700;

/**
 * Its path, whether or not it is there: `$WORKTRAIL_HOME`, else `worktrail` in `$XDG_CONFIG_HOME`, in `%APPDATA%` on
 * Windows, or in `~/.config`. A relative path in a variable counts as unset, as the XDG specification asks.
 */
export function userFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = absolute(environment['WORKTRAIL_HOME']);
  if (own !== undefined) return own;
  const config =
    absolute(environment['XDG_CONFIG_HOME']) ??
    (process.platform === 'win32' ? absolute(environment['APPDATA']) : undefined) ??
    path.join(os.homedir(), '.config');
  return path.join(config, 'worktrail');
}

/**
 * Makes the folder where it is missing, for its owner alone (0700), and gives its path.
 * @throws UnsuitableFile when it is not a folder of this user; the error of the file system when it cannot be made
 */
export function openUserFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const folder = userFolder(environment);
  mkdirSync(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
  const status = lstatSync(folder);
  if (!status.isDirectory()) throw new UnsuitableFile(folder, 'is not a folder');
  if (process.getuid !== undefined) {
    if (status.uid !== process.getuid()) throw new UnsuitableFile(folder, 'belongs to another user');
    if ((status.mode & 0o077) !== 0) chmodSync(folder, OWNER_ONLY_FOLDER);
  }
  return folder;
}

function absolute(value: string | undefined): string | undefined {
  return value !== undefined && path.isAbsolute(value) ? value : undefined;
}
