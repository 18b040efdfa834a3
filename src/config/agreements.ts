/**
 * What this user agreed to on this machine. It is kept in the user's own folder, where nothing that comes with a
 * repository can be or alter it: a file per agreement, named after what was agreed to, so that two programs never write
 * the same one differently, and looking one up reads one small file.
 *
 * What a repository brings along (`worktrail.config.json`, `.worktrail/project.json`) is a proposal until one of these
 * says that the person, or a proof, accepted it for this folder.
 */
import { createHash, randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readPlainFile } from '../platform/plain-file.ts';
import { openUserFolder, userFolder } from '../platform/user-folder.ts';
import { databaseError } from '../domain/errors.ts';

/**
 * - `database`: the folder, under this name of the project, may use the address
 * - `project`: the folder may join the project of this name at that place
 * - `met`: the folder works with the project of this name and id; recorded when a proof or an agreement was found
 */
export type Agreement = { folder: string } & (
  | { kind: 'database'; slug: string; address: string }
  | { kind: 'project'; slug: string; place: string }
  | { kind: 'met'; slug: string; project_id: string }
);

export type RecordedAgreement = Agreement & { agreed_at: string };

const FOLDER = 'agreements';
const FILE_MAX_BYTES = 16 * 1024;
/** Far more than a person has projects; a script that makes one after the other must not fill the disk. */
const AGREEMENTS_MAX = 20_000;

/** Whether exactly this was agreed to. Anything in the way of knowing counts as no. */
export function isAgreed(agreement: Agreement): boolean {
  if (!isOurs(userFolder())) return false;
  const folder = path.join(userFolder(), FOLDER);
  const found = readAgreement(path.join(folder, nameOf(agreement)), folder);
  return found !== undefined && nameOf(found) === nameOf(agreement);
}

/** Where others may write, they could agree for this user. */
function isOurs(folder: string): boolean {
  if (process.getuid === undefined) return true;
  try {
    const status = lstatSync(folder);
    return status.isDirectory() && status.uid === process.getuid() && (status.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/** @throws DatabaseError when the user's folder cannot be written */
export function agree(agreement: Agreement): void {
  try {
    const folder = path.join(openUserFolder(), FOLDER);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (readdirSync(folder).length >= AGREEMENTS_MAX) throw new Error('too many agreements');
    const recorded: RecordedAgreement = { ...agreement, agreed_at: new Date().toISOString() };
    const temporary = path.join(folder, `${randomUUID()}.tmp`);
    try {
      writeFileSync(temporary, `${JSON.stringify(recorded, null, 2)}\n`, {
        mode: 0o600,
        flag: 'wx',
        flush: true,
      });
      renameSync(temporary, path.join(folder, nameOf(agreement)));
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (cause) {
    throw databaseError(
      'agreements',
      `what was agreed to cannot be kept in ${userFolder()}`,
      'Check who owns that folder and the free disk space, or name another one in WORKTRAIL_HOME. Nothing was changed.',
      cause,
    );
  }
}

/** Every agreement of this user, the oldest first. */
export function listAgreements(): RecordedAgreement[] {
  const folder = path.join(userFolder(), FOLDER);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
  return names
    .flatMap((name) => readAgreement(path.join(folder, name), folder) ?? [])
    .sort((a, b) => a.agreed_at.localeCompare(b.agreed_at));
}

/** Takes one back; nothing where there is none. */
export function forget(agreement: Agreement): void {
  rmSync(path.join(userFolder(), FOLDER, nameOf(agreement)), { force: true });
}

/** Takes back what was agreed to for a folder. @returns what that was */
export function revokeAgreements(projectDir: string): RecordedAgreement[] {
  const folder = realFolder(projectDir);
  const revoked = listAgreements().filter((one) => one.folder === folder);
  for (const agreement of revoked) forget(agreement);
  return revoked;
}

/** The folder as agreements name it: where all links to it lead. */
export function realFolder(projectDir: string): string {
  try {
    return realpathSync(projectDir);
  } catch {
    return path.resolve(projectDir);
  }
}

function nameOf(agreement: Agreement): string {
  const { kind, folder } = agreement;
  const what =
    kind === 'database'
      ? [agreement.slug, agreement.address]
      : kind === 'project'
        ? [agreement.slug, agreement.place]
        : [agreement.slug, agreement.project_id];
  return `${createHash('sha256')
    .update(JSON.stringify([kind, folder, ...what]))
    .digest('hex')}.json`;
}

function readAgreement(file: string, folder: string): RecordedAgreement | undefined {
  try {
    const content = readPlainFile(file, { maxBytes: FILE_MAX_BYTES, inside: folder });
    if (content === undefined) return undefined;
    const found = JSON.parse(content.toString('utf8')) as Partial<RecordedAgreement>;
    const isKnown = found.kind === 'database' || found.kind === 'project' || found.kind === 'met';
    return isKnown && typeof found.folder === 'string' && typeof found.agreed_at === 'string'
      ? (found as RecordedAgreement)
      : undefined;
  } catch {
    return undefined;
  }
}
