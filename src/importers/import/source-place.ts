/** Where a source lies, in words that mean the same in every clone: what a tracker remembers of it, and what a new one is called. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { NAME_MAX_CHARACTERS } from '../../domain/limits.ts';
import { folderWithGit, readGitLink } from '../../platform/git-link.ts';
import { askGit } from '../../storage/git/repository.ts';
import { cleanText, fitLine } from './within-limits.ts';
import type { ImportSource, SourcePlace } from './plan.ts';
import { isKind } from './source-files.ts';

const TEXT_MAX_CHARACTERS = 300;
/** The project's folder itself. */
const ROOT = '.';

/**
 * @param real the real path of the file or folder that is read
 * @param usual where such a tracker is kept below the folder that it belongs to
 * @param projectDir the project that it is imported into; null is answered without one
 */
export async function placeOf(
  source: ImportSource,
  real: string,
  usual: readonly string[],
  projectDir: string | undefined,
): Promise<SourcePlace | null> {
  if (projectDir === undefined) return null;
  const inside = await pathInProject(await realpath(projectDir).catch(() => projectDir), real);
  const owner = (file: string) => ownerOf(file, usual);
  if (inside !== undefined) {
    return { text: fit(inside), name: nameOf(owner(inside), source), inProject: inside };
  }
  const foreign = await pathInRepository(real);
  if (foreign !== undefined) {
    const repository = foreign.address.split('/').at(-1) ?? '';
    const name = nameOf(path.posix.join(repository, owner(foreign.path)), source);
    return { text: fit(`${foreign.address}: ${foreign.path}`), name, inProject: null };
  }
  const digest = createHash('sha256').update(real).digest('hex').slice(0, 12);
  const last = path.basename(owner(toPosix(real)));
  return {
    text: fit(`${toPosix(real).split('/').slice(-2).join('/')} (${digest})`),
    name: nameOf(last, source),
    inProject: null,
  };
}

/** In the project, or in another work tree or clone of its repository. */
async function pathInProject(project: string, real: string): Promise<string | undefined> {
  const inside = relativeInside(project, real);
  if (inside !== undefined) return inside;
  const [own, other] = [await repositoryAround(project), await repositoryAround(real)];
  if (own === undefined || other === undefined) return undefined;
  const isSame =
    own.common === other.common || (await isSameAddress(addressOf(own.folder), addressOf(other.folder)));
  // The project may be a folder inside its repository.
  return isSame
    ? relativeInside(path.resolve(other.folder, path.relative(own.folder, project)), real)
    : undefined;
}

async function isSameAddress(...asked: [Promise<string | undefined>, Promise<string | undefined>]) {
  const [own, other] = await Promise.all(asked);
  return own !== undefined && own === other;
}

async function pathInRepository(real: string): Promise<{ address: string; path: string } | undefined> {
  const around = await repositoryAround(real);
  const address = around === undefined ? undefined : await addressOf(around.folder);
  const inside = around === undefined ? undefined : relativeInside(around.folder, real);
  return address === undefined || inside === undefined ? undefined : { address, path: inside };
}

async function repositoryAround(real: string): Promise<{ folder: string; common: string } | undefined> {
  const folder = folderWithGit((await isKind(real, 'folder')) ? real : path.dirname(real));
  const link = folder === undefined ? undefined : readGitLink(folder);
  if (folder === undefined || link === undefined || link.kind === 'refused') return undefined;
  return { folder, common: link.common };
}

/** `host/owner/name` of the remote, without the user and password that its address may hold; undefined for a local one. */
async function addressOf(folder: string): Promise<string | undefined> {
  const remote = await askGit(folder, ['config', '--get', 'remote.origin.url']);
  const match = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^@/]*@)?([^:/@]+\.[^:/@]+)(?::\d+)?[:/](.+)$/i.exec(
    remote ?? '',
  );
  if (match === null) return undefined;
  const [, host = '', rest = ''] = match;
  return `${host}/${rest.replace(/^\/+|\/+$/g, '').replace(/\.git$/i, '')}`.toLowerCase();
}

function relativeInside(folder: string, real: string): string | undefined {
  const relative = path.relative(folder, real);
  if (relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative))
    return undefined;
  return relative === '' ? ROOT : toPosix(relative);
}

const toPosix = (file: string): string => file.split(path.sep).join('/');

/** `packages/a` of `packages/a/.taskmaster/tasks/tasks.json`; the path itself where it is no usual one. */
function ownerOf(file: string, usual: readonly string[]): string {
  const longestFirst = usual.toSorted((a, b) => b.length - a.length);
  const tail = longestFirst.find((one) => file === one || file.endsWith(`/${one}`));
  return tail === undefined ? file : file.slice(0, -tail.length).replace(/\/$/, '') || ROOT;
}

function nameOf(owner: string, source: ImportSource): string {
  const name = fitLine(cleanText(owner, new Set()), NAME_MAX_CHARACTERS).trim();
  return name === '' || name === ROOT ? source : name;
}

const fit = (text: string): string => fitLine(cleanText(text, new Set()), TEXT_MAX_CHARACTERS);
