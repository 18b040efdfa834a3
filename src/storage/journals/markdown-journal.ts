/**
 * The third journal: entries in markdown files that a person can read, for when nothing else can be written. Each
 * process appends to a file of its own. Readers and removers take turns under a lock; appending needs no lock:
 *
 *     append   open by path, write once, sync; written again if the path has led elsewhere since
 *     remove   rename the file aside (`.claimed`), write what stays to a new file, delete the claimed one
 *
 * so that an entry appended meanwhile is either in the claimed file when it is read, or written again.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { FILE_MODE, FOLDER_MODE } from '../../platform/file-modes.ts';
import { isPlainFile } from '../../platform/plain-file.ts';
import { syncFolder } from '../../platform/sync-folder.ts';
import { describeDriverError, driverCode } from '../database/driver-errors.ts';
import { Mutex } from '../database/retry.ts';
import { earlierIn, writtenAt, type FindEarlier } from './earlier-version.ts';
import { encodeEntry, encodeUnsealed } from './entry-codec.ts';
import { withFileLock } from '../primary/file-lock.ts';
import {
  JournalUnavailable,
  type Journal,
  type JournalEntry,
  type UnsealedWrite,
} from '../contract/journal.ts';
import {
  DAMAGED_FILE,
  FILE_HEADER,
  JOURNAL_FILE,
  beginsAsJournal,
  entryIn,
  formatRecord,
  notPlain,
  readRecords,
  type FoundRecord,
} from './markdown-journal-format.ts';

const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;
const MOVED_ATTEMPTS = 20;
const LINE_FEED = 0x0a;

export class MarkdownJournal implements Journal {
  readonly name = 'markdown';
  readonly #appending = new Mutex();
  #fileName: string;
  /** The file whose name is known to be on the disk. */
  #namedInode: bigint | undefined;
  readonly #damage = new Map<string, string>();
  #unsealed: UnsealedWrite[] = [];
  readonly #findEarlier: FindEarlier;

  /**
   * @param location the folder of the files; made when first written to
   * @param device letters, digits and `-`
   * @param process of the same kind; no two instances may share it, and by default none do
   */
  constructor(
    readonly location: string,
    private readonly device: string,
    process: string = randomUUID(),
  ) {
    for (const name of [device, process]) {
      if (!PLAIN_NAME.test(name)) throw new TypeError(`not a name for a journal: ${JSON.stringify(name)}`);
    }
    this.#fileName = `${device}-${process}.md`;
    this.#findEarlier = earlierIn(path.dirname(location));
  }

  async append(entry: JournalEntry): Promise<void> {
    const record = formatRecord(entry, encodeEntry(entry));
    await this.#guarded(() =>
      this.#appending.run(async () => {
        await makeFolder(this.location);
        for (let attempt = 0; attempt < MOVED_ATTEMPTS; attempt += 1) {
          if (await this.#appendOnce(record)) return;
        }
        throw this.#unavailable('its files were moved away again and again');
      }),
    );
  }

  async list(): Promise<JournalEntry[]> {
    this.#unsealed = [];
    if (!existsSync(this.location)) return [];
    return await this.#guarded(() => this.#underLock('read', (isLocked) => this.#list(isLocked)));
  }

  unsealed(): UnsealedWrite[] {
    return [...this.#unsealed];
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0 || !existsSync(this.location)) return;
    await this.#guarded(() => this.#underLock('write', () => this.#remove(new Set(ids))));
  }

  async fingerprint(): Promise<string> {
    if (!existsSync(this.location)) return '';
    return await this.#guarded(async () => {
      const parts: string[] = [];
      for (const name of await this.#names()) {
        const status = await stat(this.#path(name), { bigint: true }).catch(() => undefined);
        if (status !== undefined) parts.push(`${name} ${status.ino} ${status.size} ${status.mtimeNs}`);
      }
      return parts.join('\n');
    });
  }

  damage(): string[] {
    return [...this.#damage.values()];
  }

  async close(): Promise<void> {
    await this.#appending.run(() => Promise.resolve());
  }

  /** False when it has to be done again: in another file, or because this one was claimed meanwhile. */
  async #appendOnce(record: Buffer): Promise<boolean> {
    const file = this.#path(this.#fileName);
    const handle = await open(file, 'a+', FILE_MODE);
    try {
      const { ino, size } = await handle.stat({ bigint: true });
      if (size > 0n && !(await endsWithLine(handle, size))) {
        this.#useFreshFile();
        return false;
      }
      const bytes = size > 0n ? record : Buffer.concat([FILE_HEADER, record]);
      try {
        const { bytesWritten } = await handle.write(bytes);
        if (bytesWritten < bytes.length) throw this.#unavailable('the disk is full');
        await handle.sync();
      } catch (error) {
        if ((await handle.stat({ bigint: true })).size !== size) this.#useFreshFile();
        throw error;
      }
      if (this.#namedInode !== ino) await syncFolder(this.location);
      this.#namedInode = ino;
      const now = await stat(file, { bigint: true }).catch(() => undefined);
      return now?.ino === ino;
    } finally {
      await handle.close();
    }
  }

  /** After a torn record: the next one must not be glued to it. */
  #useFreshFile(): void {
    this.#fileName = `${this.device}-${randomUUID()}.md`;
  }

  async #list(isLocked: boolean): Promise<JournalEntry[]> {
    const entries = new Map<string, JournalEntry>();
    const unsealed: UnsealedWrite[] = [];
    this.#damage.clear();
    for (const { name, records, damaged } of await this.#readAll(isLocked)) {
      for (const { decoded } of records) {
        if ('entry' in decoded) entries.set(decoded.entry.id, decoded.entry);
        else if ('unsealed' in decoded) unsealed.push({ entry: decoded.unsealed, place: this.#path(name) });
        else this.#damage.set(name, `${this.#path(name)} holds a write of a newer Worktrail.`);
      }
      for (const rest of damaged) await this.#keepDamaged(name, rest).catch(() => undefined);
    }
    for (const name of await readdir(this.#damagedFolder).catch(() => [])) {
      if (!DAMAGED_FILE.test(name)) continue;
      const kept = path.join(this.#damagedFolder, name);
      this.#damage.set(kept, `A waiting write was damaged. What is left of it is kept in ${kept}.`);
    }
    this.#unsealed = unsealed.filter(({ entry }) => !entries.has(entry.id));
    return [...entries.values()];
  }

  /** What each file holds. Entries that the version before wrote here count as sealed. */
  async #readAll(isLocked: boolean): Promise<ReadFile[]> {
    const files: (ReadFile & { until: number })[] = [];
    for (const name of await this.#names()) {
      const until = writtenAt(this.#path(name));
      files.push({ name, until, ...(await this.#read(name)) });
    }
    const withoutSeal = files.flatMap(({ records, until }) =>
      records.flatMap(({ decoded }) =>
        'unsealed' in decoded && !decoded.hasSeal ? [{ entry: decoded.unsealed, until }] : [],
      ),
    );
    if (withoutSeal.length === 0) return files;
    const earlier = this.#findEarlier(withoutSeal);
    for (const file of files) {
      const isMarked = file.records.every(({ decoded }) => !isUnmarked(decoded, earlier));
      if (!isMarked && isLocked) await this.#mark(file.name, earlier).catch(() => undefined);
      file.records = file.records.map((record) => {
        const entry = entryIn(record);
        return entry !== undefined && earlier.has(entry) ? { ...record, decoded: { entry } } : record;
      });
    }
    return files;
  }

  /**
   * Marks what is not ours as looked into: the times of the file, by which that was found, are this program's once it
   * is written again.
   */
  async #mark(name: string, earlier: ReadonlySet<JournalEntry>): Promise<void> {
    const ours = new Set([...earlier].map(({ id }) => id));
    const claimed = name.endsWith('.claimed') ? name : await this.#claim(name);
    await this.#empty(claimed, NO_IDS, (record) => {
      const { decoded } = record;
      if (!('unsealed' in decoded) || decoded.hasSeal || ours.has(decoded.unsealed.id)) return record.bytes;
      return encodeUnsealed(decoded.unsealed);
    });
  }

  async #claim(name: string): Promise<string> {
    const claimed = `${name.slice(0, -'.md'.length)}.${randomName()}.claimed`;
    await rename(this.#path(name), this.#path(claimed));
    return claimed;
  }

  async #remove(ids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.location)) {
      // Whoever wrote it is dead: this is the one that holds the lock.
      if (name.endsWith('.temp')) await rm(this.#path(name), { force: true });
      else if (!JOURNAL_FILE.test(name) || !isPlainFile(this.#path(name), this.location)) continue;
      else if (name.endsWith('.claimed')) await this.#empty(name, ids);
      else {
        const { records } = readRecords(await readFile(this.#path(name)));
        const concerned = records.some((record) => ids.has(entryIn(record)?.id ?? ''));
        // A file without records is what a full disk leaves behind; nothing that was acknowledged is in it.
        if (!concerned && records.length > 0) continue;
        await this.#empty(await this.#claim(name), ids);
      }
    }
  }

  async #read(name: string): Promise<Pick<ReadFile, 'records' | 'damaged'>> {
    const file = await readFile(this.#path(name));
    const { records, damaged } = readRecords(file);
    // Overwritten as a whole: nothing in it says that there were records.
    const isNoise = records.length === 0 && damaged.length === 0 && !beginsAsJournal(file);
    return isNoise ? { records, damaged: [file] } : { records, damaged };
  }

  /** Moves what stays of a claimed file to a new one. */
  async #empty(
    claimed: string,
    ids: ReadonlySet<string>,
    textOf: (record: FoundRecord) => string | Buffer = ({ bytes }) => bytes,
  ): Promise<void> {
    const { records, damaged } = await this.#read(claimed);
    for (const rest of damaged) await this.#keepDamaged(claimed, rest);
    const staying = records.filter((record) => !ids.has(entryIn(record)?.id ?? ''));
    if (staying.length > 0) {
      const texts = staying.map((record) => formatRecord(entryIn(record), textOf(record)));
      const base = claimed.split('.')[0] ?? '';
      const name = `${base}.${randomName()}`;
      const temporary = this.#path(`${name}.temp`);
      await writeDurably(temporary, Buffer.concat([FILE_HEADER, ...texts]));
      // Under its old name where nobody has taken that meanwhile: a person may have been told of it.
      const isBack = await link(temporary, this.#path(`${base}.md`)).then(
        () => true,
        () => false,
      );
      if (isBack) await unlink(temporary);
      else await rename(temporary, this.#path(`${name}.md`));
      await syncFolder(this.location);
    }
    await unlink(this.#path(claimed));
    await syncFolder(this.location);
  }

  async #keepDamaged(name: string, rest: Buffer): Promise<void> {
    const hash = createHash('sha256').update(rest).digest('hex').slice(0, 16);
    const kept = path.join(this.#damagedFolder, `${hash}.txt`);
    this.#damage.set(kept, `A waiting write in ${this.#path(name)} is damaged. It is left out.`);
    if (existsSync(kept)) return;
    await makeFolder(this.#damagedFolder);
    const temporary = this.#path(`${hash}.${randomName()}.temp`);
    await writeDurably(temporary, rest);
    await rename(temporary, kept);
    await syncFolder(this.#damagedFolder);
  }

  async #underLock<T>(use: 'read' | 'write', work: (isLocked: boolean) => Promise<T>): Promise<T> {
    let locked = false;
    try {
      return await withFileLock(this.#path('.lock'), () => {
        locked = true;
        return work(true);
      });
    } catch (error) {
      // Where no lock can be made, nobody can remove anything either.
      const cannotLock = !locked && /^SQLITE_(CANTOPEN|READONLY|FULL|IOERR)/.test(driverCode(error) ?? '');
      if (cannotLock && use === 'read') return await work(false);
      throw error;
    }
  }

  async #names(): Promise<string[]> {
    const names = (await readdir(this.location)).filter((name) => JOURNAL_FILE.test(name)).sort();
    return names.filter((name) => {
      const isOurs = isPlainFile(this.#path(name), this.location);
      if (!isOurs) this.#damage.set(name, notPlain(this.#path(name)));
      return isOurs;
    });
  }

  get #damagedFolder(): string {
    return path.join(this.location, 'damaged');
  }

  #path(name: string): string {
    return path.join(this.location, name);
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof JournalUnavailable || driverCode(error) === undefined) throw error;
      throw this.#unavailable(describeDriverError(error), error);
    }
  }

  #unavailable(reason: string, cause?: unknown): JournalUnavailable {
    return new JournalUnavailable('markdown', `${this.location} cannot be used: ${reason}`, { cause });
  }
}

interface ReadFile {
  name: string;
  records: FoundRecord[];
  damaged: Buffer[];
}

const NO_IDS: ReadonlySet<string> = new Set();

/** Whether it has no seal, and not because the version before wrote it here. */
function isUnmarked(decoded: FoundRecord['decoded'], earlier: ReadonlySet<JournalEntry>): boolean {
  return 'unsealed' in decoded && !decoded.hasSeal && !earlier.has(decoded.unsealed);
}

const randomName = () => randomBytes(6).toString('hex');

type Handle = Awaited<ReturnType<typeof open>>;

async function endsWithLine(handle: Handle, size: bigint): Promise<boolean> {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, Number(size) - 1);
  return buffer[0] === LINE_FEED;
}

async function writeDurably(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder whose name survives a power cut. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = path.dirname(at)) await syncFolder(path.dirname(at));
}
