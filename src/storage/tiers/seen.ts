/**
 * What this folder remembers of its database, shared by all its processes: see `seen-tables.ts`. The database is held
 * against it before every write; own writes are kept so that a database that loses them can have them again.
 *
 * Best effort: where the file cannot be used this process remembers the position by itself, and says why.
 */
import { rmSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { partsOf, withParts } from '../../domain/batch.ts';
import type { Applied, Change } from '../../domain/change.ts';
import { SETS, asList, mergeSet, touchedFields, touchedNames } from '../../domain/conflict.ts';
import { knownVersion } from '../../domain/provisional-version.ts';
import { describeFailure } from '../database/driver-errors.ts';
import type { Position, RecordedRow, SettledWrite, Witness } from '../database/feed-guard.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { encodeEntryInTurns } from '../journals/entry-codec.ts';
import { OpenFiles, inodeOf } from '../primary/open-files.ts';
import { OWN_WRITES_KEPT_DEFAULT, type OwnWritesKept } from './own-writes-kept.ts';
import { isUseless } from '../primary/side-file.ts';
import { openSeenFile, putDamagedAside } from './seen-file.ts';
import type { KeptWrite, MadeVersion, SeenTables } from './seen-tables.ts';

const DAY_MS = 86_400_000;
/** What is too much is looked for once in so many writes of a process, and at its first. */
const PRUNE_EVERY = 256;
/** Whether the file is still the one that was opened is looked at this often. */
const LOOK_PAUSE_MS = 250;
/** After a failure the file is tried again. */
const RETRY_PAUSE_MS = 5_000;
/** So many writes are noted together at most; of more, while the file cannot be used, the oldest are let go. */
const UNNOTED_MAX = 256;
/** What a write with more rows of the feed is noted as is made in several turns of the event loop. */
const ROWS_AT_ONCE = 100;

export interface SeenOptions {
  /** @throws what the driver does */
  open: () => SeenTables;
  /** Undefined for what is no file. */
  location?: string;
  device: string;
  projectId: () => string | undefined;
  now: () => number;
  kept?: OwnWritesKept | undefined;
  /** What an earlier version noted elsewhere; asked once. */
  earlier?: () => number | undefined;
  /** Runs the work soon, when who waits for an answer has it. Default: in the next turn of the event loop. */
  defer?: (work: () => void) => void;
  log?: (message: string) => void;
}

interface UnnotedWrite {
  /** As it is noted, where that was made before. */
  kept?: KeptWrite;
  isInWork?: boolean;
  at: number;
  write: SettledWrite;
  position: { seq: number; change_id: string };
}

/**
 * None of its methods throws. Own writes are noted right after they were answered, those of one turn of the event loop
 * together: the answer does not wait for that. A process that is killed between the two leaves the write to the database.
 */
export class Seen implements Witness {
  #tables: SeenTables | undefined;
  #inode: number | undefined;
  #files: OpenFiles | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  #own: Position | undefined;
  #unnoted: UnnotedWrite[] = [];
  #isNoting = false;
  #isClosed = false;
  #answers = 0;
  readonly #unlooked = new Set<number>();
  #written = 0;

  constructor(private readonly options: SeenOptions) {}

  /** Why the file cannot be used; undefined when it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  seen(): Position | undefined {
    const noted = this.#try((tables) => ({ at: tables.position() }));
    if (noted === undefined) return this.#own;
    return furthest([noted.at, ...this.#unnoted.map(({ position }) => position)]);
  }

  get answers(): number {
    return this.#answers;
  }

  answered(): number {
    this.#unlooked.add(++this.#answers);
    return this.#answers;
  }

  noted(covers: (answer: number) => boolean): void {
    for (const answer of this.#unlooked) if (covers(answer)) this.#unlooked.delete(answer);
  }

  /** Whether what is complete up to a position has all that this process was answered. */
  isAllIn(seq: number | null): boolean {
    const at = this.seen();
    return seq !== null && at !== undefined && seq >= at.seq && this.#unlooked.size === 0;
  }

  saw(head: Position, verified: Position | undefined): boolean {
    if (head.seq === verified?.seq) return true;
    this.#rememberOwn(head);
    this.#note();
    this.#try((tables) => (verified === undefined ? tables.raise(head) : tables.raiseFrom(verified, head)));
    return (this.seen()?.seq ?? -1) >= head.seq;
  }

  settled(write: SettledWrite): void {
    const last = write.rows.at(-1);
    if (last === undefined || write.changes.length === 0) return;
    const position = { seq: last.seq, change_id: last.change_id };
    this.#rememberOwn(position);
    const { now, defer = setImmediate } = this.options;
    const unnoted: UnnotedWrite = { at: now(), write, position };
    this.#unnoted.push(unnoted);
    if (write.rows.length > ROWS_AT_ONCE) return void this.#noteInTurns(unnoted);
    if (this.#unnoted.length >= UNNOTED_MAX) return this.#note();
    if (this.#isNoting) return;
    this.#isNoting = true;
    defer(() => this.#note());
  }

  /** The first update among these that names a version which the database has lost; each caller is told once. */
  findVoid(changes: readonly Change[]): (Change & { base_version: number }) | undefined {
    const updates = changes.filter((change) => change.kind === 'batch' || change.base_version !== null);
    if (updates.length === 0) return undefined;
    return this.#try((tables) => {
      if (!tables.hasVoid()) return undefined;
      for (const change of updates) {
        const who = change.session ?? `${change.actor} ${change.client}`;
        for (const part of partsOf(change)) {
          const { entity_id, base_version } = part;
          // What was kept on top of a lost version is lost with it.
          if (base_version === null || !tables.tellVoid(entity_id, knownVersion(base_version), who)) continue;
          return { ...part, base_version };
        }
      }
      return undefined;
    });
  }

  /** Whether a snapshot is of a state that the database has lost. */
  isLostSnapshot(commit: string): boolean {
    return this.#try((tables) => tables.isLostSnapshot(commit)) ?? false;
  }

  /** What ends later is noted all the same, and the file is let go of each time. */
  close(): void {
    this.#isClosed = true;
    this.#note(true);
    this.#letGo();
  }

  /** Of a write that is large, what is noted is made with turns for others in between. */
  async #noteInTurns(one: UnnotedWrite): Promise<void> {
    one.isInWork = true;
    await nextTurn();
    try {
      const kept = keptWrite(one, this.#owner());
      one.kept = { ...kept, record: await encodeEntryInTurns(kept.entry) };
    } catch {
      // Noting it fails as well, and says why.
    }
    one.isInWork = false;
    this.#note();
  }

  /** Writes down what was settled since the last time. @param all also what is being made ready for it */
  #note(all = false): void {
    this.#isNoting = false;
    const unnoted = this.#unnoted.filter(({ isInWork }) => all || isInWork !== true);
    if (unnoted.length === 0) return;
    const of = this.#owner();
    const isNoted = this.#try((tables) => {
      tables.transaction(() => {
        for (const one of unnoted) {
          const { write, position } = one;
          if (write.isRepeated !== true || !tables.hasLately(position))
            tables.keep(one.kept ?? keptWrite(one, of));
        }
        const position = furthest(unnoted.map((one) => one.position));
        if (position !== undefined) tables.raise(position);
      });
      return true;
    });
    const later = this.#unnoted.filter((one) => !unnoted.includes(one));
    this.#unnoted = [...later, ...(isNoted === true ? [] : unnoted.slice(-UNNOTED_MAX + 1))];
    const before = this.#written;
    this.#written += unnoted.length;
    const isDue = before === 0 || Math.floor(before / PRUNE_EVERY) < Math.floor(this.#written / PRUNE_EVERY);
    if (isDue) this.#try((tables) => this.#prune(tables, this.options.now()));
  }

  #owner(): { device: string; project_id: string | undefined } {
    return { device: this.options.device, project_id: this.options.projectId() };
  }

  #letGo(): void {
    try {
      this.#tables?.database.close();
    } catch {
      // It is best effort to the end.
    }
    this.#tables = undefined;
  }

  /** Another file is in the place of the one that was open: with the log of that SQLite would make a mixture of both. */
  #leave(): void {
    this.#letGo();
    for (const file of this.#files?.ownBeside ?? []) rmSync(file, { force: true });
  }

  #rememberOwn(position: Position): void {
    this.#own = furthest([this.#own, position]);
  }

  #prune(tables: SeenTables, now: number): void {
    const { days, bytes } = this.options.kept ?? OWN_WRITES_KEPT_DEFAULT;
    tables.prune(now - days * DAY_MS, bytes);
  }

  #try<T>(work: (tables: SeenTables) => T): T | undefined {
    try {
      const tables = this.#current();
      return tables === undefined ? undefined : work(tables);
    } catch (error) {
      this.#failed(error);
      return undefined;
    } finally {
      if (this.#isClosed) this.#letGo();
    }
  }

  #current(): SeenTables | undefined {
    const { location } = this.options;
    const now = performance.now();
    if (location !== undefined && now - this.#lookedAt > LOOK_PAUSE_MS) {
      this.#lookedAt = now;
      if (this.#tables !== undefined && inodeOf(location) !== this.#inode) this.#leave();
    }
    if (this.#tables !== undefined) return this.#tables;
    if (now - this.#failedAt < RETRY_PAUSE_MS) return undefined;
    const tables = this.options.open();
    this.#tables = tables;
    if (location !== undefined) {
      this.#inode = inodeOf(location);
      this.#files = new OpenFiles(location);
    }
    this.#problem = undefined;
    this.#takeOver(tables);
    return tables;
  }

  /** What was noted before there was this file, or while it could not be used. */
  #takeOver(tables: SeenTables): void {
    const noted = tables.position();
    if (noted === undefined) tables.raise({ seq: this.options.earlier?.() ?? 0, change_id: null });
    // Where something is noted, a person may have accepted a database that is behind what this process saw.
    if (this.#own !== undefined && noted === undefined) tables.raise(this.#own);
  }

  #failed(error: unknown): void {
    const problem = describeFailure(error);
    if (problem !== this.#problem) {
      this.options.log?.(`what this folder has seen cannot be noted (${problem}); the work goes on`);
    }
    this.#problem = problem;
    this.#failedAt = performance.now();
    this.#letGo();
    const { location } = this.options;
    if (location === undefined || !isUseless(error)) return;
    try {
      putDamagedAside(location, this.#inode);
      this.#failedAt = Number.NEGATIVE_INFINITY;
    } catch {
      // It is tried again later.
    }
  }
}

/** Whatever remembers a database in this way. */
export type AnySeen = Pick<Seen, keyof Seen>;

/** Opens the file at `location` when it is first needed. */
export function seenIn(
  location: string,
  options: Omit<SeenOptions, 'open' | 'location'> & { mayMake: () => boolean },
): Seen {
  const open = () => {
    if (!options.mayMake()) throw new Error('the folder is not there');
    return openSeenFile(location, (aside) =>
      options.log?.(`what this folder has seen was damaged and put aside as ${aside}`),
    );
  };
  return new Seen({ ...options, location, open });
}

function furthest(positions: readonly (Position | undefined)[]): Position | undefined {
  return positions.reduce(
    (found, one) => (found === undefined || (one !== undefined && one.seq > found.seq) ? one : found),
    undefined,
  );
}

/** As a journal keeps it. */
function keptWrite(
  { at, write, position }: UnnotedWrite,
  { device, project_id }: { device: string; project_id: string | undefined },
): KeptWrite {
  const changes = withWhatWasSeen(write);
  const entry: JournalEntry = {
    id: changes[0]?.id ?? position.change_id,
    lamport: at,
    device,
    ...(project_id !== undefined && { project_id }),
    at: new Date(at).toISOString(),
    changes,
  };
  return { at, ...position, made: madeBy(write.rows), entry };
}

function madeBy(rows: readonly RecordedRow[]): MadeVersion[] {
  return rows.flatMap(({ entity_id, version }): MadeVersion[] =>
    version === null ? [] : [[entity_id, version]],
  );
}

/** The changes with what their maker saw, as a journal keeps them: that is what they are merged by when they are made again. */
function withWhatWasSeen({ changes, applied, rows }: SettledWrite): Change[] {
  const found = firstRows(rows);
  return changes.map((change, at) => withGrant(withBase(change, found.get(change.id)), applied[at]));
}

/** Of each change, the first row of each record: looked up, because an import has thousands of both. */
function firstRows(rows: readonly RecordedRow[]): Map<string, Map<string, RecordedRow>> {
  const found = new Map<string, Map<string, RecordedRow>>();
  for (const row of rows) {
    const own = found.get(row.change_id) ?? new Map<string, RecordedRow>();
    found.set(row.change_id, own);
    if (!own.has(row.entity_id)) own.set(row.entity_id, row);
  }
  return found;
}

function withBase(change: Change, rows: ReadonlyMap<string, RecordedRow> | undefined): Change {
  if (change.kind === 'batch')
    return withParts(
      change,
      partsOf(change).map((part) => withBase(part, rows)),
    );
  if (change.kind !== 'update' || change.base_fields !== undefined) return change;
  const row = rows?.get(change.entity_id);
  if (row === undefined) return change;
  // A field that was set to what it had is not in the record of changes.
  const base_fields = touchedFields(change.patch, change.patch);
  const touched = touchedNames(change.patch);
  for (const { field, from, to } of row.fields) {
    if (!touched.has(field)) continue;
    // Of a set, others may have changed the rest: what the maker saw is what he set, without what that did.
    base_fields[field] = SETS.has(field)
      ? mergeSet(asList(to), asList(from), asList(change.patch[field] ?? null))
      : from;
  }
  return { ...change, base_fields };
}

/** Granted again, it ends when its holder was told. */
function withGrant(change: Change, applied: Applied | undefined): Change {
  const until = applied?.record['claim_expires_at'];
  return change.kind === 'claim' && typeof until === 'string' ? { ...change, granted_until: until } : change;
}
