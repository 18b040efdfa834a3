/** Objects of git, read and written for snapshots: blobs in bulk, trees of one level of folders, commits. */
import { WordedError } from '../../platform/worded-error.ts';
import { createHash } from 'node:crypto';
import { runGit, type GitFailureKind, type GitOptions } from '../../platform/git.ts';

/** Git could not do it. `message` is in our words, to go after "Git:". */
export class GitFailure extends WordedError {
  constructor(
    readonly failure: GitFailureKind,
    reason: string,
    cause: Error,
  ) {
    super(reason, { cause });
    this.name = 'GitFailure';
  }
}

/** @throws GitFailure */
export async function git(folder: string, args: string[], options?: GitOptions): Promise<Buffer> {
  const result = await runGit(folder, args, options);
  if (!result.ok) throw new GitFailure(result.failure, result.reason, result.cause);
  return result.output;
}

/** The one line that a command answers. */
export const lineOf = (output: Buffer): string => output.toString().trim();

/** Undefined where git ends in an unforeseen way, as it does when it meets a damaged object. */
export async function unlessDamaged<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GitFailure && error.failure === 'other') return undefined;
    throw error;
  }
}

/** File contents by path: in the root, or in folders of the root. */
export type Files = Map<string, Buffer>;

/**
 * Stores the files as a tree.
 * @param last a commit whose files are likely the same: those that are in it are not written again
 * @returns the id of the tree
 */
export async function writeFiles(folder: string, files: Files, last: string | undefined): Promise<string> {
  return await writeTree(folder, await writeBlobs(folder, files, last));
}

async function writeBlobs(folder: string, files: Files, last: string | undefined) {
  const blobs = new Map<string, string>();
  if (last !== undefined) {
    const ids = new Map([...files].map(([file, content]) => [file, objectId(last, 'blob', content)]));
    const present = await findPresent(folder, last, [...ids.values()]);
    for (const [file, id] of ids) if (present.has(id)) blobs.set(file, id);
  }
  for (const batch of batches([...files].filter(([file]) => !blobs.has(file)))) {
    const ids = await importBlobs(
      folder,
      batch.map(([, content]) => content),
    );
    batch.forEach(([file], index) => blobs.set(file, ids[index] ?? ''));
  }
  return blobs;
}

/** Which of the blobs are in the commit, and also really there. */
async function findPresent(folder: string, commit: string, ids: string[]): Promise<Set<string>> {
  const last = new Set((await listFiles(folder, commit))?.values());
  const shared = ids.filter((id) => last.has(id));
  if (shared.length === 0) return new Set();
  const answer = await git(folder, ['cat-file', '--batch-check'], { input: `${shared.join('\n')}\n` });
  const found = lineOf(answer)
    .split('\n')
    .filter((line) => / blob \d+$/.test(line));
  return new Set(found.map((line) => line.slice(0, line.indexOf(' '))));
}

/** What one process of git takes in: it is done in time on a slow disk too. */
const BATCH_MAX_BYTES = 16_000_000;

function batches(files: [string, Buffer][]): [string, Buffer][][] {
  const all: [string, Buffer][][] = [];
  let bytes = BATCH_MAX_BYTES;
  for (const file of files) {
    if (bytes >= BATCH_MAX_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(file);
    bytes += file[1].length;
  }
  return all;
}

/** More blobs than this at once become a pack, which is one file to bring to the disk. */
const LOOSE_MAX = 20;

/** By fast-import without any ref: it alone takes many blobs from its input, without files of theirs. */
async function importBlobs(folder: string, contents: Buffer[]): Promise<string[]> {
  const input = contents.flatMap((content, index) => [
    Buffer.from(`blob\nmark :${index + 1}\ndata ${content.length}\n`),
    content,
    Buffer.from(`\nget-mark :${index + 1}\n`),
  ]);
  const ids = await git(folder, ['fast-import', '--quiet', '--depth=0', '--cat-blob-fd=1'], {
    input: Buffer.concat(input),
    settings: [`fastimport.unpackLimit=${LOOSE_MAX}`],
  });
  return lineOf(ids).split('\n');
}

async function writeTree(folder: string, blobs: Map<string, string>): Promise<string> {
  const root: string[] = [];
  const folders = new Map<string, string[]>();
  for (const [file, id] of blobs) {
    const [name = '', part] = file.split('/');
    if (part === undefined) {
      root.push(`100644 blob ${id}\t${name}`);
      continue;
    }
    const entries = folders.get(name) ?? [];
    entries.push(`100644 blob ${id}\t${part}`);
    folders.set(name, entries);
  }
  for (const [name, entries] of folders) root.push(`040000 tree ${await makeTree(folder, entries)}\t${name}`);
  return await makeTree(folder, root);
}

async function makeTree(folder: string, entries: string[]): Promise<string> {
  return lineOf(await git(folder, ['mktree'], { input: `${entries.join('\n')}\n` }));
}

/** The ids of the blobs of a commit by path; undefined when one of its trees is damaged. */
export async function listFiles(folder: string, commit: string): Promise<Map<string, string> | undefined> {
  const listed = await unlessDamaged(git(folder, ['ls-tree', '-r', '-z', commit]));
  if (listed === undefined) return undefined;
  const files = new Map<string, string>();
  for (const entry of listed.toString().split('\0')) {
    const [about, file] = entry.split('\t');
    const id = about?.split(' ')[2];
    if (file !== undefined && id !== undefined) files.set(file, id);
  }
  return files;
}

/**
 * The contents of objects, in the order of their names (ids, or `<commit>:<path>`), each compared with its id.
 * Undefined when one of them is missing or damaged.
 */
export async function readObjects(folder: string, names: string[]): Promise<Buffer[] | undefined> {
  const input = `${names.join('\n')}\n`;
  const output = await unlessDamaged(git(folder, ['cat-file', '--batch'], { input }));
  if (output === undefined) return undefined;
  const contents: Buffer[] = [];
  for (let at = 0; contents.length < names.length;) {
    const end = output.indexOf('\n', at);
    const [id, type, size] = output.toString('latin1', at, end).split(' ');
    if (id === undefined || type === undefined || size === undefined) return undefined;
    const content = output.subarray(end + 1, end + 1 + Number(size));
    if (objectId(id, type, content) !== id) return undefined;
    contents.push(content);
    at = end + 1 + content.length + 1;
  }
  return contents;
}

/** A commit and the ones before it (the first parents), newest first, at most `max`; the last may have no text. */
export async function* commitsFrom(
  folder: string,
  newest: string,
  max: number,
): AsyncGenerator<{ commit: string; text: string | undefined }, void, undefined> {
  let commit: string | undefined = newest;
  for (let count = 0; commit !== undefined && count < max; count += 1) {
    const text: string | undefined = (await readObjects(folder, [commit]))?.[0]?.toString();
    yield { commit, text };
    commit = /^parent ([0-9a-f]+)$/m.exec(text?.split('\n\n')[0] ?? '')?.[1];
  }
}

/** The id of an object as git makes it, in the hash of the repository in which `sample` is an id. */
function objectId(sample: string, type: string, content: Buffer): string {
  return createHash(sample.length === 64 ? 'sha256' : 'sha1')
    .update(`${type} ${content.length}\0`)
    .update(content)
    .digest('hex');
}
