/** Reads what waits in every journal and alters none: nothing is made, recovered, claimed or put aside. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { isPlainFile } from '../../platform/plain-file.ts';
import { count } from '../../domain/text.ts';
import { GitJournal } from '../journals/git-journal.ts';
import { DAMAGED_FILE, JOURNAL_FILE, notPlain, readRecords } from '../journals/markdown-journal-format.ts';
import { PENDING_DIR } from '../opening/open-store.ts';
import { openDatabaseImage } from '../primary/database-file.ts';
import { describeDriverError, describeFailure } from '../database/driver-errors.ts';
import type { Database } from '../primary/sqlite-driver.ts';
import { refuseForeignObjects } from '../primary/schema-objects.ts';
import type { JournalReport } from '../contract/store.ts';
import { earlierIn, writtenAt, type UnsealedFind } from '../journals/earlier-version.ts';
import { decodeEntry, type DecodedRecord } from '../journals/entry-codec.ts';
import type { JournalEntry, JournalName, UnsealedWrite } from '../contract/journal.ts';
import { committedImage } from '../journals/outbox-salvage.ts';
import { areOwnMarks, SCHEMA as OUTBOX_SCHEMA } from '../journals/outbox-tables.ts';

/** Another process may be in the middle of writing the file that is read. */
const READ_ATTEMPTS = 3;

/** What a journal holds, as far as it can be read. */
export interface JournalContent extends JournalReport {
  entries: JournalEntry[];
  /** What nothing proves to be ours. */
  unsealed: UnsealedWrite[];
  damage: string[];
}

/** The outbox also remembers what was seen of the primary. */
export interface OutboxContent extends JournalContent {
  /** By the id of the write. */
  failures: Map<string, { attempts: number; reason: string | null }>;
  /** The position of the feed that this folder has seen. */
  highWater: number;
  /** What the last process that found the primary away noted of it; null when it was there last. */
  breaker: { reason: string; at: string } | null;
}

/** From a copy in memory: opening the file itself would make, recover or set aside what is found. */
export async function readOutbox(location: string): Promise<OutboxContent> {
  const content: OutboxContent = {
    ...unread('outbox', location, null),
    failures: new Map(),
    highWater: 0,
    breaker: null,
  };
  if (!existsSync(location)) return content;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const image = committedImage(await readFile(location), await readIfThere(`${location}-wal`));
      const database = openDatabaseImage(image);
      try {
        refuseForeignObjects(database, OUTBOX_SCHEMA);
        return { ...content, ...outboxContent(location, database) };
      } finally {
        database.close();
      }
    } catch (error) {
      if (attempt < READ_ATTEMPTS) continue;
      return { ...content, problem: `it cannot be read: ${describeDriverError(error)}` };
    }
  }
}

function outboxContent(location: string, database: Database) {
  const marked = database.prepare('select name, value from marks').all() as { name: string; value: string }[];
  const marks = new Map(marked.map(({ name, value }) => [name, value]));
  const areOwn = areOwnMarks(marks);
  const mark = (name: string) => (areOwn ? marks.get(name) : undefined);
  const rows = database.prepare('select id, record, attempts, reason from entries').all() as {
    id: string;
    record: string;
    attempts: number;
    reason: string | null;
  }[];
  const sorting = new Sorting(path.dirname(location));
  const until = writtenAt(location, `${location}-wal`);
  const damage = database
    .prepare("select value from marks where name like 'outbox:salvaged:%'")
    .pluck()
    .all() as string[];
  for (const { id, record } of rows) {
    const decoded = decodeEntry(record);
    if (!('problem' in decoded)) sorting.add(decoded, location, until);
    else if (decoded.problem === 'newer') damage.push(`${location} holds a write of a newer Worktrail.`);
    else damage.push(`The write ${id} in ${location} is damaged; the next use of the tracker looks into it.`);
  }
  const outage = mark('breaker');
  const noted =
    outage === undefined || outage === ''
      ? undefined
      : (JSON.parse(outage) as { reason: string; at: number });
  return {
    ...sorting.result(),
    damage,
    failures: new Map(rows.map(({ id, attempts, reason }) => [id, { attempts, reason }])),
    highWater: Number(mark('high_water') ?? 0),
    breaker: noted === undefined ? null : { ...noted, at: new Date(noted.at).toISOString() },
  };
}

/** Of all projects that the repository holds writes of. */
export async function readGitJournal(
  { projectDir, dataDir }: { projectDir: string; dataDir: string },
  hasGit: boolean,
): Promise<JournalContent> {
  const journal = new GitJournal(projectDir, 'inspection', { findEarlier: earlierIn(dataDir) });
  const { name, location } = journal;
  if (!hasGit) return unread(name, location, 'the project is not in a git repository');
  try {
    const entries = await journal.list();
    const [unsealed, damage] = [journal.unsealed(), journal.damage()];
    return { name, location, problem: null, entries, unsealed, damage };
  } catch (error) {
    return unread(name, location, describeFailure(error));
  } finally {
    await journal.close();
  }
}

/** The files as they are; the journal itself would keep aside what is damaged. */
export async function readPending(dataDir: string): Promise<JournalContent> {
  const content = unread('markdown', path.join(dataDir, PENDING_DIR), null);
  const sorting = new Sorting(dataDir);
  if (!existsSync(content.location)) return content;
  try {
    for (const name of await readdir(content.location)) {
      if (!JOURNAL_FILE.test(name)) continue;
      const file = path.join(content.location, name);
      if (!isPlainFile(file, content.location)) {
        content.damage.push(notPlain(file));
        continue;
      }
      const until = writtenAt(file);
      const { records, damaged } = readRecords(await readFile(file));
      for (const { decoded } of records) {
        if ('problem' in decoded) content.damage.push(`${file} holds a write of a newer Worktrail.`);
        else sorting.add(decoded, file, until);
      }
      if (damaged.length > 0)
        content.damage.push(`${count(damaged.length, 'write')} in ${file} cannot be read.`);
    }
    const kept = path.join(content.location, 'damaged');
    for (const name of existsSync(kept) ? await readdir(kept) : []) {
      if (!DAMAGED_FILE.test(name)) continue;
      content.damage.push(
        `A waiting write was damaged. What is left of it is kept in ${path.join(kept, name)}.`,
      );
    }
    return { ...content, ...sorting.result() };
  } catch (error) {
    return { ...content, problem: `it cannot be read: ${describeDriverError(error)}` };
  }
}

/** Tells ours from what may be anybody's; of what the version before wrote, for a journal as a whole. */
class Sorting {
  readonly #entries: JournalEntry[] = [];
  readonly #unsealed: UnsealedWrite[] = [];
  readonly #withoutSeal: (UnsealedFind & UnsealedWrite)[] = [];

  constructor(private readonly dataDir: string) {}

  add(decoded: Exclude<DecodedRecord, { problem: string }>, place: string, until: number): void {
    if ('entry' in decoded) this.#entries.push(decoded.entry);
    else if (decoded.hasSeal) this.#unsealed.push({ entry: decoded.unsealed, place });
    else this.#withoutSeal.push({ entry: decoded.unsealed, place, until });
  }

  result(): Pick<JournalContent, 'entries' | 'unsealed'> {
    const earlier = earlierIn(this.dataDir)(this.#withoutSeal);
    const others = this.#withoutSeal.filter(({ entry }) => !earlier.has(entry));
    const entries = [...this.#entries, ...earlier];
    const ids = new Set(entries.map(({ id }) => id));
    const unsealed = [...this.#unsealed, ...others.map(({ entry, place }) => ({ entry, place }))];
    return { entries, unsealed: unsealed.filter(({ entry }) => !ids.has(entry.id)) };
  }
}

function unread(name: JournalName, location: string, problem: string | null): JournalContent {
  return { name, location, problem, entries: [], unsealed: [], damage: [] };
}

async function readIfThere(file: string): Promise<Buffer> {
  return existsSync(file) ? await readFile(file) : Buffer.alloc(0);
}
