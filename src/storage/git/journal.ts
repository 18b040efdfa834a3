/**
 * The second journal: entries as objects of the project's repository. Each process writes to a ref of its own,
 *
 *     refs/worktrail/journal/<device>/<process>  →  commit  →  tree  →  <entry id>.json, one for each waiting entry
 *
 * and any process reads and empties all of them. A commit has no parent, so that git's own clean-up collects what
 * was removed. Refs move by compare-and-swap only; index, work tree, branches, hooks and settings stay untouched.
 */
import { randomUUID } from 'node:crypto';
import { open, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { Mutex } from '../sql/retry.ts';
import { decodeEntry, encodeEntry } from '../tiers/entry-codec.ts';
import { JournalUnavailable, type Journal, type JournalEntry } from '../tiers/journal.ts';
import { runPlumbing, type PlumbingFailure, type PlumbingOptions } from './plumbing.ts';

const REFS = 'refs/worktrail/journal';
const SWAP_ATTEMPTS = 20;
/** Few have a reason to move the ref of one process so often: it may be broken. */
const MOVED_OFTEN = 5;
/** Far longer than any git of ours lives (see GIT_TIMEOUT_MS): its owner was killed. */
const ABANDONED_LOCK_MS = 10 * 60_000;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;
/** 40 hex digits, or 64 in a SHA-256 repository. */
const OBJECT_ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
const AUTHOR = {
  GIT_AUTHOR_NAME: 'worktrail',
  GIT_AUTHOR_EMAIL: 'worktrail@localhost',
  GIT_COMMITTER_NAME: 'worktrail',
  GIT_COMMITTER_EMAIL: 'worktrail@localhost',
};

/** Which objects the entries of a ref are, by entry id. */
type Tree = Map<string, string>;

interface Tip {
  ref: string;
  commit: string;
}

class GitFailed extends Error {
  constructor(
    readonly failure: PlumbingFailure,
    readonly reason: string,
    cause: unknown,
  ) {
    super(reason, { cause });
  }
}

/** Costs four runs of git for an entry; concurrent appends of one instance take turns. */
export class GitJournal implements Journal {
  readonly name = 'git';
  readonly location: string;
  readonly #appending = new Mutex();
  readonly #damage = new Map<string, string>();
  #ref: string;
  /** What this instance last left in its ref: saves reading it before the next append. */
  #own: { commit: string; tree: Tree } | undefined;
  #gitFolder: string | undefined;

  /**
   * @param projectDir a folder in the repository's work tree, main or linked
   * @param device letters, digits and `-`
   * @param process of the same kind; no two instances may share it, and by default none do
   */
  constructor(
    private readonly projectDir: string,
    private readonly device: string,
    process: string = randomUUID(),
  ) {
    for (const name of [device, process]) {
      if (!PLAIN_NAME.test(name)) throw new TypeError(`not a name for a journal: ${JSON.stringify(name)}`);
    }
    this.#ref = `${REFS}/${device}/${process}`;
    this.location = `${REFS} in the git repository of ${projectDir}`;
  }

  async append(entry: JournalEntry): Promise<void> {
    const record = encodeEntry(entry);
    await this.#guarded(() => this.#appending.run(() => this.#append(entry.id, record)));
  }

  async list(): Promise<JournalEntry[]> {
    return await this.#guarded(async () => {
      const objects = new Map<string, Set<string>>();
      const damage = new Map<string, string>();
      for (const { ref, tree } of await this.#readTrees(await this.#tips())) {
        if (tree === undefined)
          damage.set(ref, `${ref} in the git repository is damaged; it is left as it is.`);
        for (const [id, object] of tree ?? []) {
          objects.set(id, (objects.get(id) ?? new Set()).add(object));
        }
      }
      const blobs = [...objects.values()].flatMap((ids) => [...ids]);
      const contents = new Map((await this.#readObjects(blobs)).map((content, at) => [blobs[at], content]));
      const entries: JournalEntry[] = [];
      for (const [id, ids] of objects) {
        const decoded = [...ids].map((object) => decodeEntry(contents.get(object) ?? ''));
        const whole = decoded.find((one) => 'entry' in one && one.entry.id === id);
        if (whole !== undefined && 'entry' in whole) entries.push(whole.entry);
        else
          damage.set(
            id,
            unreadable(
              id,
              decoded.some((one) => 'problem' in one && one.problem === 'newer'),
            ),
          );
      }
      this.#damage.clear();
      for (const [place, sentence] of damage) this.#damage.set(place, sentence);
      return entries;
    });
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#guarded(async () => {
      const failures: unknown[] = [];
      for (const tip of await this.#tips()) {
        try {
          await this.#removeFrom(tip, new Set(ids));
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    });
  }

  async fingerprint(): Promise<string> {
    return await this.#guarded(async () => {
      const tips = await this.#tips();
      return tips.map(({ ref, commit }) => `${ref} ${commit}`).join('\n');
    });
  }

  damage(): string[] {
    return [...this.#damage.values()];
  }

  async close(): Promise<void> {
    await this.#appending.run(() => Promise.resolve());
  }

  async #append(id: string, record: string): Promise<void> {
    const blob = await this.#writeObject(['hash-object', '-w', '--no-filters', '--stdin'], `${record}\n`);
    for (let attempt = 0; attempt < SWAP_ATTEMPTS; attempt += 1) {
      const before = this.#own ?? (await this.#readOwn());
      if (before?.tree.get(id) === blob) {
        // Another process may have removed it since.
        if ((await this.#readOwn())?.tree.get(id) === blob) return;
        continue;
      }
      const tree: Tree = new Map(before?.tree).set(id, blob);
      const commit = await this.#writeCommit(tree, blob);
      try {
        await this.#swap(this.#ref, before?.commit, commit);
        this.#own = { commit, tree };
        return;
      } catch (error) {
        this.#own = undefined;
        if (!(error instanceof GitFailed)) throw error;
        // The lock of a git that was killed stays for ever: whatever holds it, another ref is free.
        if (error.failure === 'locked' || attempt >= MOVED_OFTEN)
          this.#ref = `${REFS}/${this.device}/${randomUUID()}`;
        else if (error.failure !== 'moved') throw error;
      }
    }
    throw new JournalUnavailable('git', `${this.location}: other processes kept changing it`);
  }

  async #readOwn(): Promise<{ commit: string; tree: Tree } | undefined> {
    this.#own = undefined;
    const tip = (await this.#tips()).find(({ ref }) => ref === this.#ref);
    if (tip === undefined) return undefined;
    const [read] = await this.#readTrees([tip]);
    if (read?.tree !== undefined) return (this.#own = { commit: tip.commit, tree: read.tree });
    // What cannot be read is left where it is.
    this.#ref = `${REFS}/${this.device}/${randomUUID()}`;
    return undefined;
  }

  async #removeFrom(first: Tip, ids: ReadonlySet<string>): Promise<void> {
    let tip: Tip | undefined = first;
    for (let attempt = 0; tip !== undefined && attempt < SWAP_ATTEMPTS; attempt += 1) {
      const tree: Tree = (await this.#readTrees([tip]))[0]?.tree ?? new Map();
      const left: Tree = new Map([...tree].filter(([id]) => !ids.has(id)));
      if (left.size === tree.size) return;
      try {
        await this.#swap(tip.ref, tip.commit, left.size === 0 ? undefined : await this.#writeCommit(left));
        return;
      } catch (error) {
        if (!(error instanceof GitFailed)) throw error;
        if (error.failure === 'locked') await this.#breakAbandonedLock(tip.ref, error);
        else if (error.failure !== 'moved') throw error;
      }
      const { ref } = first;
      tip = (await this.#tips()).find((now) => now.ref === ref);
    }
    if (tip !== undefined) {
      throw new JournalUnavailable('git', `${this.location}: other processes kept changing it`);
    }
  }

  async #tips(): Promise<Tip[]> {
    const lines = await this.#git(['for-each-ref', '--format=%(objectname) %(refname)', `${REFS}/`]);
    return linesOf(lines).map((line) => {
      const space = line.indexOf(' ');
      return { commit: line.slice(0, space), ref: line.slice(space + 1) };
    });
  }

  /** `tree` is undefined where commit or tree cannot be read. */
  async #readTrees(tips: Tip[]): Promise<(Tip & { tree: Tree | undefined })[]> {
    const contents = await this.#readObjects(tips.map(({ commit }) => `${commit}^{tree}`));
    return tips.map((tip, at) => ({ ...tip, tree: parseTree(contents[at], tip.commit.length / 2) }));
  }

  /** The contents of objects, in the order asked; undefined for those that cannot be read. */
  async #readObjects(names: string[]): Promise<(Buffer | undefined)[]> {
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

  async #writeCommit(tree: Tree, ...blobs: string[]): Promise<string> {
    const input = [...tree].map(([id, object]) => `100644 blob ${object}\t${id}.json\0`).join('');
    const root = await this.#writeObject(['mktree', '-z', '--missing'], input);
    const message = 'Writes that wait for the primary store';
    const commit = await this.#writeObject(['commit-tree', '-m', message, root], '');
    // Before a ref leads to them.
    await this.#sync(...[...blobs, root, commit].map((id) => `objects/${id.slice(0, 2)}/${id.slice(2)}`));
    return commit;
  }

  async #writeObject(args: string[], input: string): Promise<string> {
    const id = (await this.#git(args, { input, env: AUTHOR })).toString('latin1').trim();
    if (!OBJECT_ID.test(id)) throw new JournalUnavailable('git', `${this.location}: git gave no object id`);
    return id;
  }

  /** Moves a ref, if it still is where it was; `undefined` stands for "not there". */
  async #swap(ref: string, before: string | undefined, after: string | undefined): Promise<void> {
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
    for (const name of [...files, ...folders]) await syncIfThere(path.join(git, name));
  }

  async #commonFolder(): Promise<string> {
    const answer = async () => (await this.#git(['rev-parse', '--git-common-dir'])).toString('utf8').trim();
    return (this.#gitFolder ??= path.resolve(this.projectDir, await answer()));
  }

  /** Moves away the lock file of one of our refs whose owner was killed; throws `error` while it may be alive. */
  async #breakAbandonedLock(ref: string, error: GitFailed): Promise<void> {
    const lock = path.join(await this.#commonFolder(), `${ref}.lock`);
    const status = await stat(lock).catch(() => undefined);
    if (status === undefined) return;
    if (Date.now() - status.mtimeMs < ABANDONED_LOCK_MS) throw error;
    await rename(lock, path.join(await this.#commonFolder(), `worktrail-abandoned-${randomUUID()}`));
  }

  async #git(args: string[], options?: PlumbingOptions): Promise<Buffer> {
    const result = await runPlumbing(this.projectDir, args, options);
    if (result.ok) return result.stdout;
    throw new GitFailed(result.failure, result.reason, result.cause);
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof GitFailed)) throw error;
      throw new JournalUnavailable('git', `${this.location}: ${error.reason}`, { cause: error });
    }
  }
}

const linesOf = (output: Buffer): string[] => output.toString('utf8').split('\n').filter(Boolean);

function unreadable(id: string, newer: boolean): string {
  return newer
    ? `The git repository holds the write ${id} of a newer Worktrail.`
    : `The write ${id} waiting in the git repository is damaged. It is left as it is.`;
}

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
