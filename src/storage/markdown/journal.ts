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
import { mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { FILE_MODE, FOLDER_MODE } from '../modes.ts';
import { describeDriverError, driverCode } from '../sql/driver-errors.ts';
import { Mutex } from '../sql/retry.ts';
import { encodeEntry } from '../tiers/entry-codec.ts';
import { withFileLock } from '../tiers/file-lock.ts';
import { JournalUnavailable, type Journal, type JournalEntry } from '../tiers/journal.ts';
import { FILE_HEADER, beginsAsJournal, formatRecord, readRecords } from './journal-format.ts';

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
    if (!existsSync(this.location)) return [];
    return await this.#guarded(() => this.#underLock('read', () => this.#list()));
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

  async #list(): Promise<JournalEntry[]> {
    const entries = new Map<string, JournalEntry>();
    this.#damage.clear();
    for (const name of await this.#names()) {
      const { records, damaged } = await this.#read(name);
      for (const { entry } of records) if (entry !== undefined) entries.set(entry.id, entry);
      if (records.some(({ entry }) => entry === undefined)) {
        this.#damage.set(name, `${this.#path(name)} holds a write of a newer Worktrail.`);
      }
      for (const rest of damaged) await this.#keepDamaged(name, rest).catch(() => undefined);
    }
    for (const name of await readdir(this.#damagedFolder).catch(() => [])) {
      const kept = path.join(this.#damagedFolder, name);
      this.#damage.set(kept, `A waiting write was damaged. What is left of it is kept in ${kept}.`);
    }
    return [...entries.values()];
  }

  async #remove(ids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.location)) {
      // Whoever wrote it is dead: this is the one that holds the lock.
      if (name.endsWith('.temp')) await rm(this.#path(name), { force: true });
      else if (name.endsWith('.claimed')) await this.#empty(name, ids);
      else if (name.endsWith('.md')) {
        const { records } = readRecords(await readFile(this.#path(name)));
        const concerned = records.some(({ entry }) => entry !== undefined && ids.has(entry.id));
        // A file without records is what a full disk leaves behind; nothing that was acknowledged is in it.
        if (!concerned && records.length > 0) continue;
        const claimed = `${name.slice(0, -'.md'.length)}.${randomName()}.claimed`;
        await rename(this.#path(name), this.#path(claimed));
        await this.#empty(claimed, ids);
      }
    }
  }

  async #read(name: string): Promise<ReturnType<typeof readRecords>> {
    const file = await readFile(this.#path(name));
    const { records, damaged } = readRecords(file);
    // Overwritten as a whole: nothing in it says that there were records.
    const isNoise = records.length === 0 && damaged.length === 0 && !beginsAsJournal(file);
    return isNoise ? { records, damaged: [file] } : { records, damaged };
  }

  /** Moves what stays of a claimed file to a new one. */
  async #empty(claimed: string, ids: ReadonlySet<string>): Promise<void> {
    const { records, damaged } = await this.#read(claimed);
    for (const rest of damaged) await this.#keepDamaged(claimed, rest);
    const staying = records.filter(({ entry }) => entry === undefined || !ids.has(entry.id));
    if (staying.length > 0) {
      const texts = staying.map(({ entry, bytes }) => formatRecord(entry, bytes));
      const name = `${claimed.split('.')[0] ?? ''}.${randomName()}`;
      await writeDurably(this.#path(`${name}.temp`), Buffer.concat([FILE_HEADER, ...texts]));
      await rename(this.#path(`${name}.temp`), this.#path(`${name}.md`));
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

  async #underLock<T>(use: 'read' | 'write', work: () => Promise<T>): Promise<T> {
    let locked = false;
    try {
      return await withFileLock(this.#path('.lock'), () => {
        locked = true;
        return work();
      });
    } catch (error) {
      // Where no lock can be made, nobody can remove anything either.
      const cannotLock = !locked && /^SQLITE_(CANTOPEN|READONLY|FULL|IOERR)/.test(driverCode(error) ?? '');
      if (cannotLock && use === 'read') return await work();
      throw error;
    }
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.location)).filter((name) => /\.(md|claimed)$/.test(name)).sort();
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

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // which has no such thing
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
