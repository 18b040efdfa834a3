/**
 * The second journal: entries as objects of the project's repository. Each process writes to a ref of its own,
 *
 *     refs/worktrail/journal/<device>/<process>  →  commit  →  tree  →  <entry id>.json, one for each waiting entry
 *
 * and any process reads and empties all of them. A commit has no parent, so that git's own clean-up collects what
 * was removed. Refs move by compare-and-swap only; index, work tree, branches, hooks and settings stay untouched.
 */
import { randomUUID } from 'node:crypto';
import { Mutex } from '../database/retry.ts';
import { NONE_EARLIER, type FindEarlier, type UnsealedFind } from './earlier-version.ts';
import { decodeEntry, encodeEntry, entryOf, type DecodedRecord } from './entry-codec.ts';
import {
  JournalUnavailable,
  type Journal,
  type JournalEntry,
  type UnsealedWrite,
} from '../contract/journal.ts';
import { GitFailed, JournalRefs, REFS, type Tip, type Tree } from './git-journal-refs.ts';

const SWAP_ATTEMPTS = 20;
/** Few have a reason to move the ref of one process so often: it may be broken. */
const MOVED_OFTEN = 5;
/** From the clock of an entry to its object in git: other journals are tried before. */
const SAVED_WITHIN_MS = 60_000;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

interface GitJournalOptions {
  process?: string;
  findEarlier?: FindEarlier;
}

/** Costs five runs of git for an entry; concurrent appends of one instance take turns. */
export class GitJournal implements Journal {
  readonly name = 'git';
  readonly location: string;
  readonly #appending = new Mutex();
  readonly #findEarlier: FindEarlier;
  #damage: string[] = [];
  #unsealed: UnsealedWrite[] = [];
  /** What git said last of the refs. */
  #known: { stamp: string | undefined; fingerprint: string } | undefined;
  readonly #refs: JournalRefs;
  #ref: string;
  /** What this instance last left in its ref: saves reading it before the next append. */
  #own: { commit: string; tree: Tree } | undefined;

  /**
   * @param projectDir a folder in the repository's work tree, main or linked
   * @param device letters, digits and `-`
   * @param options.process of the same kind; no two instances may share it, and by default none do
   * @param options.findEarlier tells the entries that the version before wrote; none by default
   */
  constructor(
    projectDir: string,
    private readonly device: string,
    { process = randomUUID(), findEarlier = NONE_EARLIER }: GitJournalOptions = {},
  ) {
    for (const name of [device, process]) {
      if (!PLAIN_NAME.test(name)) throw new TypeError(`not a name for a journal: ${JSON.stringify(name)}`);
    }
    this.#findEarlier = findEarlier;
    this.#refs = new JournalRefs(projectDir);
    this.#ref = `${REFS}/${device}/${process}`;
    this.location = `${REFS} in the git repository of ${projectDir}`;
  }

  async append(entry: JournalEntry): Promise<void> {
    const record = encodeEntry(entry);
    await this.#guarded(() => this.#appending.run(() => this.#append(entry.id, record)));
  }

  async list(): Promise<JournalEntry[]> {
    return await this.#guarded(async () => {
      const damage: string[] = [];
      const places = new Map<string, Map<string, string>>();
      for (const { ref, tree } of await this.#refs.readTrees(await this.#refs.tips())) {
        if (tree === undefined) damage.push(`${ref} in the git repository is damaged; it is left as it is.`);
        for (const [id, object] of tree ?? []) {
          places.set(id, (places.get(id) ?? new Map<string, string>()).set(object, ref));
        }
      }
      const contents = await this.#readRecords([...places.values()].flatMap((all) => [...all.keys()]));
      const entries: JournalEntry[] = [];
      const unsealed: FoundObject[] = [];
      for (const [id, all] of places) {
        const found = [...all].map(([object, ref]) => ({
          object,
          ref,
          decoded: decodeEntry(contents.get(object) ?? ''),
        }));
        const whole = found.filter(({ decoded }) => entryOf(decoded)?.id === id);
        const sealed = whole.flatMap(({ decoded }) => ('entry' in decoded ? [decoded.entry] : []));
        const [other] = whole;
        if (sealed[0] !== undefined) entries.push(sealed[0]);
        else if (other !== undefined) unsealed.push(other);
        else damage.push(describeDamage(id, found));
      }
      const earlier = this.#findEarlier(await this.#findsIn(unsealed));
      const isEarlier = ({ decoded }: FoundObject) => earlier.has(entryOf(decoded) as JournalEntry);
      this.#damage = damage;
      this.#unsealed = unsealed
        .filter((one) => !isEarlier(one))
        .flatMap(({ decoded, ref }) => toUnsealed(decoded, ref));
      return [...entries, ...earlier];
    });
  }

  unsealed(): UnsealedWrite[] {
    return [...this.#unsealed];
  }

  /** An entry was made just before the object that holds it. */
  async #findsIn(found: readonly FoundObject[]): Promise<UnsealedFind[]> {
    const finds: UnsealedFind[] = [];
    for (const { decoded, object } of found) {
      if (!('unsealed' in decoded) || decoded.hasSeal) continue;
      const madeAt = await this.#refs.madeAt(object);
      const until = madeAt ?? Number.NEGATIVE_INFINITY;
      finds.push({ entry: decoded.unsealed, until, from: madeAt && madeAt - SAVED_WITHIN_MS });
    }
    return finds;
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#guarded(async () => {
      const failures: unknown[] = [];
      for (const tip of await this.#refs.tips()) {
        try {
          await this.#removeFrom(tip, new Set(ids));
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    });
  }

  /** Empty when nothing is there: then it need not be listed. Git is asked when its files have changed. */
  async fingerprint(): Promise<string> {
    return await this.#guarded(async () => {
      // Looked at first: what changes while git answers is seen the next time.
      const stamp = this.#refs.stamp();
      if (stamp !== undefined && this.#known?.stamp === stamp) return this.#known.fingerprint;
      const tips = await this.#refs.tips();
      if (tips.length === 0) this.#damage = this.#unsealed = [];
      const fingerprint = tips.map(({ ref, commit }) => `${ref} ${commit}`).join('\n');
      this.#known = { stamp, fingerprint };
      return fingerprint;
    });
  }

  damage(): string[] {
    return [...this.#damage];
  }

  async close(): Promise<void> {
    await this.#appending.run(() => Promise.resolve());
  }

  async #readRecords(objects: string[]): Promise<Map<string, Buffer>> {
    const contents = await this.#refs.readObjects(objects);
    return new Map(objects.map((object, at) => [object, contents[at] ?? Buffer.alloc(0)]));
  }

  async #append(id: string, record: string): Promise<void> {
    const blob = await this.#refs.writeObject(
      ['hash-object', '-w', '--no-filters', '--stdin'],
      `${record}\n`,
    );
    for (let attempt = 0; attempt < SWAP_ATTEMPTS; attempt += 1) {
      const before = this.#own ?? (await this.#readOwn());
      if (before?.tree.get(id) === blob) {
        // Another process may have removed it since.
        if ((await this.#readOwn())?.tree.get(id) === blob) return;
        continue;
      }
      const tree: Tree = new Map(before?.tree).set(id, blob);
      const commit = await this.#refs.writeCommit(tree, blob);
      try {
        await this.#refs.swap(this.#ref, before?.commit, commit);
        this.#own = { commit, tree };
        return;
      } catch (error) {
        this.#own = undefined;
        if (!(error instanceof GitFailed)) throw error;
        // The lock of a git that was killed stays for ever: whatever holds it, another ref is free.
        if (error.failure === 'locked' || attempt >= MOVED_OFTEN) this.#useFreshRef();
        else if (error.failure !== 'moved') throw error;
      }
    }
    throw new JournalUnavailable('git', `${this.location}: other processes kept changing it`);
  }

  async #readOwn(): Promise<{ commit: string; tree: Tree } | undefined> {
    this.#own = undefined;
    const tip = (await this.#refs.tips()).find(({ ref }) => ref === this.#ref);
    if (tip === undefined) return undefined;
    const [read] = await this.#refs.readTrees([tip]);
    if (read?.tree !== undefined) return (this.#own = { commit: tip.commit, tree: read.tree });
    // What cannot be read is left where it is.
    this.#useFreshRef();
    return undefined;
  }

  #useFreshRef(): void {
    this.#ref = `${REFS}/${this.device}/${randomUUID()}`;
  }

  async #removeFrom(first: Tip, ids: ReadonlySet<string>): Promise<void> {
    let tip: Tip | undefined = first;
    for (let attempt = 0; tip !== undefined && attempt < SWAP_ATTEMPTS; attempt += 1) {
      const tree: Tree = (await this.#refs.readTrees([tip]))[0]?.tree ?? new Map<string, string>();
      const left: Tree = new Map([...tree].filter(([id]) => !ids.has(id)));
      if (left.size === tree.size) return;
      try {
        const commit = left.size === 0 ? undefined : await this.#refs.writeCommit(left);
        await this.#refs.swap(tip.ref, tip.commit, commit);
        return;
      } catch (error) {
        if (!(error instanceof GitFailed)) throw error;
        if (error.failure === 'locked') await this.#refs.breakAbandonedLock(tip.ref, error);
        else if (error.failure !== 'moved') throw error;
      }
      tip = (await this.#refs.tips()).find(({ ref }) => ref === first.ref);
    }
    if (tip !== undefined) {
      throw new JournalUnavailable('git', `${this.location}: other processes kept changing it`);
    }
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

interface FoundObject {
  object: string;
  ref: string;
  decoded: DecodedRecord;
}

function toUnsealed(decoded: DecodedRecord, place: string): UnsealedWrite[] {
  const entry = entryOf(decoded);
  return entry === undefined ? [] : [{ entry, place }];
}

function describeDamage(id: string, records: FoundObject[]): string {
  // It is the name of a file, which anybody may have given.
  const name = PLAIN_NAME.test(id) ? id : 'of an unreadable id';
  return records.some(({ decoded }) => 'problem' in decoded && decoded.problem === 'newer')
    ? `The git repository holds the write ${name} of a newer Worktrail.`
    : `The write ${name} waiting in the git repository is damaged. It is left as it is.`;
}
