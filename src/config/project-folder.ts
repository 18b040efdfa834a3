/** Which folder the project is in, from what a person or a client says, and where the program was started. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { validationError, type TrackerError } from '../domain/errors.ts';
import { innermostWorkTree, mainWorkTree } from '../storage/git/main-work-tree.ts';

export interface ProjectFolder {
  projectDir: string;
  /** Where the current git branch is read. */
  workTree: string;
  /** The flag or variable that named the folder; undefined where it was found. */
  origin: string | undefined;
}

/**
 * The folder that `--project` or WORKTRAIL_PROJECT names; else the main work tree around the folder that Claude Code was
 * started in (it starts its servers and hooks in other folders, too), else around the current one.
 * @throws ValidationError for a named folder that is none
 */
export function findProject(
  flags: { project?: string | undefined },
  environment: NodeJS.ProcessEnv,
  folder: string,
): ProjectFolder {
  const client = clientsFolder(environment);
  const named = namedFolder(flags, environment, folder);
  const projectDir = named?.folder ?? mainWorkTree(client ?? folder);
  // Of the work trees of the project, the one that the program is in comes first.
  const inside = [folder, client].find((one) => one !== undefined && mainWorkTree(one) === projectDir);
  return {
    projectDir,
    workTree: inside === undefined ? projectDir : innermostWorkTree(inside),
    origin: named?.origin,
  };
}

function namedFolder(
  flags: { project?: string | undefined },
  environment: NodeJS.ProcessEnv,
  folder: string,
): { folder: string; origin: string } | undefined {
  const candidates = [
    ['--project', ifSet(flags.project)],
    ['WORKTRAIL_PROJECT', ifSet(environment['WORKTRAIL_PROJECT'])],
  ] as const;
  for (const [origin, value] of candidates) {
    if (value === undefined) continue;
    const absolute = path.resolve(folder, value);
    if (!isFolder(absolute)) throw settingError(origin, 'must be an existing folder', value);
    return { folder: absolute, origin };
  }
  return undefined;
}

function clientsFolder(environment: NodeJS.ProcessEnv): string | undefined {
  const folder = ifSet(environment['CLAUDE_PROJECT_DIR']);
  return folder !== undefined && isFolder(folder) ? path.resolve(folder) : undefined;
}

const isFolder = (folder: string): boolean =>
  statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;

/** A template that was never filled in (`${DATABASE_URL}`) is as good as nothing. */
export function ifSet(value: string | undefined): string | undefined {
  if (value === undefined || value.trim() === '' || /^\$\{.*\}$/.test(value.trim())) return undefined;
  return value.trim();
}

export function settingError(field: string, constraint: string, value: unknown): TrackerError {
  return validationError(
    // An address may hold a password, wherever somebody put it.
    { field, constraint, value: typeof value === 'string' && value.includes(':') ? null : value },
    'Correct this setting, then start again.',
  );
}
