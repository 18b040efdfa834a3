/** The refs of the journal in git and the objects behind them; see journal.ts for their form. */
import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { lstat, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { folderWithGit, readGitLink } from '../../platform/git-link.ts';
import { runGit, type GitFailureKind, type GitOptions } from '../../platform/git.ts';

export const REFS = 'refs/worktrail/journal';
/** Far longer than any git of ours lives: its owner was killed. */
const ABANDONED_LOCK_MS = 10 * 60_000;
/** 40 hex digits, or 64 in a SHA-256 repository. */
const OBJECT_ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
/** As this program names them: no other ref is one of the journal, and no name can hold more than it shows. */
const PLAIN_REF = /^refs\/worktrail\/journal\/[\w./-]{1,250}$/;
const AUTHOR = {
  GIT_AUTHOR_NAME: 'worktrail',
  GIT_AUTHOR_EMAIL: 'worktrail@localhost',
  GIT_COMMITTER_NAME: 'worktrail',
  GIT_COMMITTER_EMAIL: 'worktrail@localhost',
};

const MISSING = { bigint: true, throwIfNoEntry: false } as const;
const BELOW = { recursive: true } as const;

/** Which objects the entries of a ref are, by entry id. */
export type Tree = Map<string, string>;

export interface Tip {
  ref: string;
  commit: string;
}

/** `reason` is in our words. */
export class GitFailed extends Error {
  constructor(
    readonly failure: GitFailureKind,
    readonly reason: string,
    cause: unknown,
  ) {
    super(reason, { cause });
  }
}

/** Every method throws `GitFailed`. */
export class JournalRefs {
  #gitFolder: string | undefined;

  /** @param projectDir a folder in the repository's work tree, main or linked */
  constructor(private readonly projectDir: string) {}

  async tips(): Promise<Tip[]> {
    const lines = await this.#git(['for-each-ref', '--format=%(objectname) %(refname)', `${REFS}/`]);
    const tips = linesOf(lines).map((line) => {
      const space = line.indexOf(' ');
      return { commit: line.slice(0, space), ref: line.slice(space + 1) };
    });
    return tips.filter(({ ref }) => PLAIN_REF.test(ref));
  }

  /**
   * Another one after every change to the refs, whoever makes it. Starts no git: that takes a hundred times as long as
   * looking at its files.
   * @returns undefined where those are not found: then only git knows
   */
  stamp(): string | undefined {
    try {
      const folder = this.#findFiles();
      if (folder === undefined) return undefined;
      const loose =
        lstatSync(path.join(folder, REFS), MISSING) && readdirSync(path.join(folder, REFS), BELOW);
      const files = [
        'packed-refs',
        'reftable/tables.list',
        ...(loose ?? []).map((name) => `${REFS}/${String(name)}`),
      ];
      return files
        .map((name) => {
          const found = lstatSync(path.join(folder, name), MISSING);
          return found === undefined ? '' : `${name} ${found.ino} ${found.size} ${found.mtimeNs}`;
        })
        .join('\n');
    } catch {
      // It changes just now, or may not be read.
      return undefined;
    }
  }

  /** As git itself: anew each time, from where the folder really is, and past a `.git` that is no repository. */
  #findFiles(): string | undefined {
    const around = folderWithGit(realpathSync.native(this.projectDir));
    const link = around === undefined ? undefined : readGitLink(around);
    if (link === undefined || link.kind === 'refused') return undefined;
    return lstatSync(path.join(link.common, 'HEAD'), MISSING) && link.common;
  }

  /** `tree` is undefined where commit or tree cannot be read. */
  async readTrees(tips: Tip[]): Promise<(Tip & { tree: Tree | undefined })[]> {
    const contents = await this.readObjects(tips.map(({ commit }) => `${commit}^{tree}`));
    return tips.map((tip, at) => ({ ...tip, tree: parseTree(contents[at], tip.commit.length / 2) }));
  }

  /** The contents of objects, in the order asked; undefined for those that cannot be read. */
  async readObjects(names: string[]): Promise<(Buffer | undefined)[]> {
    if (names.length === 0) return [];
    const output = await this.#git(['cat-file', '--batch'], {
      input: names.map((name) => `${name}\n`).join(''),
    });
    let at = 0;
    return names.map(() => {
      const end = output.indexOf('\n', at);
      const size = Number(/^[0-9a-f]+ [a-z]+ (\d+)$/.exec(output.toString('latin1', at, end))?.[1] ?? NaN);
      at = end + 1;
      if (Number.isNaN(size)) return undefined;
      const content = output.subarray(at, at + size);
      at += size + 1;
      return content;
    });
  }

  /** When an object was made, in milliseconds since 1970; undefined where that is not known, as in a pack. */
  async madeAt(object: string): Promise<number | undefined> {
    const file = path.join(await this.#commonFolder(), 'objects', object.slice(0, 2), object.slice(2));
    const status = await lstat(file).catch(() => undefined);
    return status?.isFile() === true && status.birthtimeMs > 0 ? status.birthtimeMs : undefined;
  }

  async writeCommit(tree: Tree, ...blobs: string[]): Promise<string> {
    const input = [...tree].map(([id, object]) => `100644 blob ${object}\t${id}.json\0`).join('');
    const root = await this.writeObject(['mktree', '-z', '--missing'], input);
    const message = 'Writes that wait for the primary store';
    const commit = await this.writeObject(['commit-tree', '-m', message, root], '');
    // Before a ref leads to them.
    await this.#sync(...[...blobs, root, commit].map((id) => `objects/${id.slice(0, 2)}/${id.slice(2)}`));
    return commit;
  }

  async writeObject(args: string[], input: string): Promise<string> {
    const id = (await this.#git(args, { input, env: AUTHOR })).toString('latin1').trim();
    if (!OBJECT_ID.test(id)) throw new GitFailed('other', 'git gave no object id', undefined);
    return id;
  }

  /** Moves a ref, if it still is where it was; `undefined` stands for "not there". */
  async swap(ref: string, before: string | undefined, after: string | undefined): Promise<void> {
    const args = ['update-ref', '--no-deref', '-m', 'worktrail'];
    if (after === undefined) await this.#git([...args, '-d', ref, before ?? '']);
    else await this.#git([...args, ref, after, before ?? '0'.repeat(after.length)]);
    await this.#sync(ref);
  }

  /** Git before 2.36 syncs not everything, and none syncs the folders that hold the names. */
  async #sync(...files: string[]): Promise<void> {
    if (process.platform === 'win32') return; // which has no such thing
    const git = await this.#commonFolder();
    const folders = new Set<string>();
    for (const file of files) {
      for (let at = path.posix.dirname(file); at !== '.'; at = path.posix.dirname(at)) folders.add(at);
    }
    await Promise.all([...files, ...folders].map((name) => syncIfThere(path.join(git, name))));
  }

  async #commonFolder(): Promise<string> {
    const answer = async () => (await this.#git(['rev-parse', '--git-common-dir'])).toString('utf8').trim();
    return (this.#gitFolder ??= path.resolve(this.projectDir, await answer()));
  }

  /** Deletes the lock file of one of our refs whose owner was killed; throws `error` while it may be alive. */
  async breakAbandonedLock(ref: string, error: GitFailed): Promise<void> {
    const lock = path.join(await this.#commonFolder(), `${ref}.lock`);
    const status = await stat(lock).catch(() => undefined);
    if (status === undefined) return;
    if (Date.now() - status.mtimeMs < ABANDONED_LOCK_MS) throw error;
    await rm(lock, { force: true });
  }

  async #git(args: string[], options?: GitOptions): Promise<Buffer> {
    const result = await runGit(this.projectDir, args, options);
    if (result.ok) return result.output;
    throw new GitFailed(result.failure, result.reason, result.cause);
  }
}

const linesOf = (output: Buffer): string[] => output.toString('utf8').split('\n').filter(Boolean);

function parseTree(content: Buffer | undefined, idBytes: number): Tree | undefined {
  if (content === undefined) return undefined;
  const tree: Tree = new Map();
  for (let at = 0; at < content.length;) {
    const end = content.indexOf(0, at);
    if (end === -1 || end + idBytes >= content.length) return undefined;
    const [, id] = /^100644 (.+)\.json$/.exec(content.toString('utf8', at, end)) ?? [];
    at = end + 1 + idBytes;
    if (id !== undefined) tree.set(id, content.toString('hex', end + 1, at));
  }
  return tree;
}

async function syncIfThere(place: string): Promise<void> {
  // A packed object, or another format of refs, has no file of that name.
  const handle = await open(place, 'r').catch(() => undefined);
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}
