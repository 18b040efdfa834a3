/**
 * The local copy of a PostgreSQL tracker, `cache.db`: kept fresh by the feed, asked while PostgreSQL is away.
 * It is disposable: damaged or outdated, it is put aside and filled again.
 *
 * Rows of `changes` above the cursor are local: writes that wait for the primary, and own writes that the
 * feed has not brought yet. Each refresh takes them back, copies what the primary has, and lays what still
 * waits on top again, all in one transaction.
 */
import { sql } from 'drizzle-orm';
import { TrackerError } from '../../domain/errors.ts';
import type { Applied, Change } from '../../domain/change.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import { applyChanges } from '../apply/apply.ts';
import { refreshDerived } from '../apply/derived.ts';
import type { Connection, Session } from '../database/connection.ts';
import { IdentityMismatch } from '../database/feed-guard.ts';
import { ForeignFile, ForeignObject, driverCode, lacksTable, lostFiles } from '../database/driver-errors.ts';
import { inodeOf } from '../primary/open-files.ts';
import { onlyAsideName, setAside } from '../primary/set-aside.ts';
import type { Primary } from '../primary/sql-store.ts';
import { findProject } from '../queries/configuration.ts';
import { openSqlite } from '../primary/sqlite.ts';
import {
  checkedAt,
  makePosition,
  readLeftOut,
  readPosition,
  readSeen,
  writePosition,
  writeTop,
  type Position,
} from './cache-position.ts';
import { catchUp, fill, localRecords } from './catch-up.ts';
import type { Clock } from '../../platform/clock.ts';
import { withFileLockSync } from '../primary/file-lock.ts';
import {
  LayerUnavailable,
  OUT_OF_ORDER,
  execute,
  layOnTop,
  type ReadyReplica,
  type Replica,
} from './replica.ts';
import { mismatchOf, readIdentity, type StoreIdentity } from '../contract/store-identity.ts';
import type { WaitingWrites } from '../contract/journal.ts';

/** A cache that is further behind is filled anew. */
const CATCH_UP_MAX_CHANGES = 20_000;
/** Of the lock under which a damaged file is put aside; it blocks, and is held for a millisecond. */
const LOCK_TIMEOUT_MS = 200;
/** Catching up with fewer is the everyday case, done every two seconds, and not told of. */
const CATCH_UP_TOLD_CHANGES = 100;

export class CacheReplica implements Replica {
  readonly source = 'sqlite_cache';
  readonly label = 'the local cache';
  readonly isWhole = true;
  #opening: Promise<OpenFile> | undefined;
  #closed = false;

  constructor(
    readonly location: string,
    private readonly projectId: () => string | undefined,
    private readonly clock: Clock,
    private readonly log: (message: string) => void,
    /** Opens the database at `location`. */
    private readonly openDatabase: typeof openSqlite = openSqlite,
  ) {}

  async age(): Promise<string | undefined> {
    try {
      return await this.#guarded(checkedAt);
    } catch {
      return undefined;
    }
  }

  async run<T>(waiting: WaitingWrites, work: (ready: ReadyReplica) => Promise<T>): Promise<T> {
    return await this.#guarded(async (session) => {
      const { checked_at, top, cursor, left } = await session.read(async (c) => ({
        ...(await readPosition(c)),
        left: readLeftOut(c),
      }));
      if (checked_at === null) throw new LayerUnavailable('the local cache has not been filled yet');
      const entries = top === waiting.fingerprint ? [] : await waiting.list();
      let leftOut = left;
      if (entries.length > 0) {
        await session.write(async (c) => {
          leftOut = await layOnTop(c, entries, readLeftOut(c));
          writeTop(c, waiting.fingerprint, leftOut);
        });
      }
      const at = { as_of: checked_at, seq: cursor };
      return await work({ session, ...at, leftOut, notes: [], hasAllFields: true });
    });
  }

  /** What it has seen of the project; empty before it was filled. */
  async known(): Promise<Partial<StoreIdentity>> {
    return await this.#guarded((session) => session.read(readSeen));
  }

  /**
   * Makes the copy equal to the primary as it is at this moment.
   * @param findWaiting the writes that wait at the moment it is called
   * @param findKnown what else is known of the primary; asked when it is read, because others note meanwhile
   * @param onProgress told when the copy is filled anew, or catches up with 100 changes or more
   * @returns what the primary was like; the copy stands at its position now
   * @throws IdentityMismatch when the primary is not the truth; the copy stays as it was
   */
  async refresh(
    primary: Primary,
    findWaiting: () => Promise<WaitingWrites>,
    findKnown: () => Partial<StoreIdentity>,
    onProgress: ReportProgress = () => undefined,
  ): Promise<StoreIdentity> {
    return await this.#guarded(async (session) => {
      const before = await session.read(readPosition);
      // Taken before the primary is read: what others write meanwhile is not in the copy.
      const now = this.#now();
      const look = async (from: Connection, seen: Partial<StoreIdentity>) => {
        const known = findKnown();
        const found = await readIdentity(from, [...(seen.points ?? []), ...(known.points ?? [])]);
        checkIdentity(found, seen, known);
        return found;
      };
      const seen = await session.read(readSeen);
      const found = await primary.inSnapshot((from) => look(from, seen));
      if (before.cursor === found.seq && (await isAsItShouldBe(session, before, await findWaiting()))) {
        await session.write((c) => Promise.resolve(writePosition(c, found, now)));
        return found;
      }
      // The copy is locked first: nobody lays a write on top of it between reading the primary and writing here.
      return await session.write(async (c) => {
        // Then what waits, before the primary: what is replayed meanwhile is in one of them.
        const waiting = await findWaiting();
        const entries = await waiting.list();
        // Another process may have copied more before this one had its turn.
        const seen = await readSeen(c);
        return await primary.inSnapshot(async (from) => {
          const filledAt = this.#now();
          const identity = await look(from, seen);
          const { cursor } = await readPosition(c);
          execute(c, sql`pragma defer_foreign_keys = on`);
          const isFarBehind = cursor === null || identity.seq - cursor > CATCH_UP_MAX_CHANGES;
          const waitingIds = entries.flatMap(({ changes }) => changes.map(({ id }) => id));
          const changes = isFarBehind ? null : identity.seq - cursor;
          const tell = (phase: string, done: number) => {
            if (changes === null || changes >= CATCH_UP_TOLD_CHANGES)
              onProgress({ phase, done, total: changes });
          };
          if (isFarBehind) {
            tell('fill', 0);
            await fill(from, c, (rows) => tell('fill', rows));
          } else {
            tell('catch_up', 0);
            await catchUp(from, c, cursor, waitingIds);
            tell('catch_up', identity.seq - cursor);
          }
          writePosition(c, identity, filledAt);
          writeTop(c, waiting.fingerprint, await layOnTop(c, entries));
          return identity;
        });
      });
    });
  }

  /**
   * Applies what the primary has applied already, so that the copy knows it before the feed brings it. Where that
   * gives another result the copy lags behind, and is left for the feed to bring up to date. All of it is one turn
   * on the copy: who asks for the copy after this was called finds it there.
   * @returns those that it has now
   */
  async applyAhead(writes: readonly AppliedWrite[]): Promise<AppliedWrite[]> {
    return await this.#guarded((session) =>
      session.write(async (c) => {
        const applied: AppliedWrite[] = [];
        const { cursor } = await readPosition(c);
        if (cursor === null) return applied;
        for (const write of writes) {
          execute(c, sql`savepoint mirrored`);
          const isEqual = await givesTheSame(c, write).catch(() => false);
          if (!isEqual) execute(c, sql`rollback to mirrored`);
          else applied.push(write);
          execute(c, sql`release mirrored`);
        }
        return applied;
      }),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = this.#opening;
    this.#drop();
    await opening?.then(closeWhenUnused).catch(() => undefined);
  }

  #now(): string {
    return new Date(this.clock.now()).toISOString();
  }

  #current(): Promise<OpenFile> {
    if (this.#closed) return Promise.reject(new LayerUnavailable('the local cache is closed'));
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<OpenFile> {
    const inode = inodeOf(this.location);
    try {
      return await this.#openFile();
    } catch (error) {
      if (!isUseless(error)) throw unavailable(error);
      this.#putAside(error, inode);
      return await this.#openFile().catch((again: unknown) => {
        throw unavailable(again);
      });
    }
  }

  async #openFile(): Promise<OpenFile> {
    const { session, state } = await this.openDatabase({
      file: this.location,
      isReplica: true,
      synchronous: 'NORMAL',
    });
    try {
      if (state === 'newer') throw new LayerUnavailable('the local cache was made by a newer Worktrail');
      await makePosition(session);
      const project = await session.read(findProject);
      const expected = this.projectId();
      if (project !== undefined && expected !== undefined && project.project_id !== expected) {
        throw new ForeignCopy(`it is a copy of another project (${project.project_id})`);
      }
      // The feed brings records: what an earlier version made of them would stay as it is.
      await refreshDerived(session);
    } catch (error) {
      await session.close();
      throw error;
    }
    return { session, inode: inodeOf(this.location), users: 0, isRetired: false };
  }

  /**
   * Never deleted: a damaged file may still hold something for whoever looks into it. Left alone where another process
   * has put a new one in the place of the file that was found damaged.
   */
  #putAside(error: unknown, inode: number | undefined): void {
    const aside = onlyAsideName(this.location);
    let isAside: boolean;
    try {
      isAside = withFileLockSync(`${this.location}.lock`, LOCK_TIMEOUT_MS, () => {
        if (inodeOf(this.location) !== inode) return false;
        setAside(this.location, aside, { replaces: true });
        return true;
      });
    } catch {
      throw unavailable(error);
    }
    if (!isAside) return;
    const why = error instanceof ForeignCopy ? error.message : (foreignObjectOf(error) ?? 'it was damaged');
    this.log(`the local cache was put aside as ${aside} (${why}) and is filled again`);
  }

  async #guarded<T>(work: (session: Session) => Promise<T>, isAgain = false): Promise<T> {
    const open = await this.#current();
    open.users += 1;
    try {
      return await work(open.session);
    } catch (error) {
      // Errors of the primary are worded already; a raw one is the copy's own.
      if (error instanceof TrackerError) throw error;
      const isLost = lostFiles(error) !== undefined;
      if (isLost || isUseless(error)) this.#drop();
      // Nothing came into the files that are there now.
      if (isLost && !isAgain) return await this.#guarded(work, true);
      if (isUseless(error)) this.#putAside(error, open.inode);
      throw error;
    } finally {
      open.users -= 1;
      await closeWhenUnused(open);
    }
  }

  /** The file is opened again at the next need; whoever uses it now finishes first. */
  #drop(): void {
    const opening = this.#opening;
    this.#opening = undefined;
    opening
      ?.then((open) => {
        open.isRetired = true;
        return closeWhenUnused(open);
      })
      .catch(() => undefined);
  }
}

/** A write with what the primary answered to it. */
export interface AppliedWrite {
  changes: readonly Change[];
  applied: readonly Applied[];
}

/** Applies it; whether the records are now what they became in the primary. */
async function givesTheSame(c: Connection, { changes, applied }: AppliedWrite): Promise<boolean> {
  const results = await applyChanges(c.asPrimary, changes);
  return results.every((result, index) => result.record['version'] === applied[index]?.record['version']);
}

/** Whether exactly what waits lies on top of what came from the primary, in the order of the replay. */
async function isAsItShouldBe(
  session: Session,
  { cursor, top }: Position,
  waiting: WaitingWrites,
): Promise<boolean> {
  const ids = new Set((await waiting.list()).flatMap(({ changes }) => changes.map(({ id }) => id)));
  if (ids.size > 0 && top !== waiting.fingerprint) return false;
  if (ids.size > 0 && (await session.read((c) => Promise.resolve(readLeftOut(c)))).has(OUT_OF_ORDER))
    return false;
  const { changes } = await session.read((c) => localRecords(c, cursor ?? 0));
  return changes.every((id) => ids.has(id));
}

/** A copy of another project than the folder's. */
class ForeignCopy extends Error {}

function foreignObjectOf(error: unknown): string | undefined {
  const cause = error instanceof TrackerError ? error.cause : error;
  return cause instanceof ForeignObject ? cause.message : undefined;
}

/** What no waiting will mend: the file is not a database, damaged, another program's or another project's. */
function isUseless(error: unknown): boolean {
  if (error instanceof ForeignCopy || foreignObjectOf(error) !== undefined || lacksTable(error)) return true;
  if (/CORRUPT|NOTADB/.test(driverCode(error) ?? '')) return true;
  return error instanceof TrackerError && error.cause instanceof ForeignFile;
}

interface OpenFile {
  session: Session;
  inode: number | undefined;
  users: number;
  isRetired: boolean;
}

async function closeWhenUnused(open: OpenFile): Promise<void> {
  if (!open.isRetired || open.users > 0) return;
  open.isRetired = false;
  await open.session.close();
}

function unavailable(cause: unknown): LayerUnavailable {
  if (cause instanceof LayerUnavailable) return cause;
  return new LayerUnavailable('the local cache cannot be opened', { cause });
}

function checkIdentity(found: StoreIdentity, ...known: Partial<StoreIdentity>[]): void {
  for (const part of known) {
    const mismatch = mismatchOf(found, part);
    if (mismatch !== null) throw new IdentityMismatch(mismatch);
  }
}
