/**
 * What can still be read from an outbox whose SQLite file or write-ahead log is damaged. Works on bytes, so the
 * damaged files are never opened by SQLite, which would alter them (formats: sqlite.org/fileformat2.html).
 */
import type { Database } from '../primary/sqlite-driver.ts';
import {
  RECORD_START,
  decodeEntry,
  entryOf,
  openRecord,
  readOpening,
  type DecodedRecord,
} from './entry-codec.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { openDatabaseImage } from '../primary/database-file.ts';

/** Of every outbox, so that pages can be told apart without a readable header. */
export const PAGE_BYTES = 4_096;
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
const WAL_MAGIC = 0x377f0682;
/** Where the header of a database says that it is used with a write-ahead log. */
const FORMAT_VERSION_OFFSETS = [18, 19];
const NEXT_PAGE_BYTES = 4;

export interface SalvagedEntry {
  entry: JournalEntry;
  /** Whose it is: see `DecodedRecord`. */
  seal: 'own' | 'other' | 'none';
  attempts: number;
  reason: string | null;
}

export interface Salvage {
  entries: Map<string, SalvagedEntry>;
  marks: { name: string; value: string }[];
  provisional: { record_id: string; version: number; change_id: string; noted_at: number }[];
}

/**
 * Everything readable in the bytes of a database and its write-ahead log, either of which may be empty. Entries
 * that were removed shortly before the damage may be among it: replaying them again is harmless, losing one is not.
 */
export function salvage(database: Buffer, wal: Buffer): Salvage {
  const found: Salvage = { entries: new Map(), marks: [], provisional: [] };
  const image = committedImage(database, wal);
  if (image.length > 0) readTables(image, found);
  const pages = [...pagesOf(image), ...pagesOf(database), ...framesOf(wal)];
  for (const decoded of findRecords(pages, [image, withAllFrames(database, wal), database])) {
    note(found, decoded, 0, null);
  }
  return found;
}

/** Of two with one id, one of ours counts. */
function note(found: Salvage, decoded: DecodedRecord, attempts: number, reason: string | null): void {
  const entry = entryOf(decoded);
  if (entry === undefined) return;
  const known = found.entries.get(entry.id);
  const seal = 'entry' in decoded ? 'own' : 'unsealed' in decoded && decoded.hasSeal ? 'other' : 'none';
  if (known === undefined || (known.seal !== 'own' && seal === 'own')) {
    found.entries.set(entry.id, { entry, seal, attempts, reason });
  }
}

/** The database as its last whole commit left it, in a form that can be opened in memory. */
export function committedImage(database: Buffer, wal: Buffer): Buffer {
  const { frames, pageCount } = readLog(wal);
  const image = withFrames(database, frames, pageCount);
  if (image.length > 0) for (const offset of FORMAT_VERSION_OFFSETS) image[offset] = 1;
  return image;
}

/**
 * Entries in commits that SQLite passes over because an earlier part of the log is damaged. Empty for a sound
 * log, and for one that ends in a commit that was never finished.
 */
export function entriesPassedOver(wal: Buffer): JournalEntry[] {
  const { passedOver } = readLog(wal);
  if (passedOver.length === 0) return [];
  const found = findRecords(framesOf(wal, passedOver), [withAllFrames(Buffer.alloc(0), wal)]);
  return [...found].flatMap((decoded) => entryOf(decoded) ?? []);
}

/** The database with every frame of the log, also those whose order or checksum is wrong. */
function withAllFrames(database: Buffer, wal: Buffer): Buffer {
  const frames = framesOf(wal);
  // A file grows by no more than a page for each frame: any higher number is damaged itself.
  const pagesMax = Math.ceil(database.length / PAGE_BYTES) + frames.length;
  const believed = frames.filter(({ page }) => page >= 1 && page <= pagesMax);
  return withFrames(database, believed, Math.max(0, ...believed.map(({ page }) => page)));
}

function withFrames(database: Buffer, frames: Page[], pageCount: number): Buffer {
  const image = Buffer.alloc(Math.max(database.length, pageCount * PAGE_BYTES));
  database.copy(image);
  for (const { page, bytes } of frames) bytes.copy(image, (page - 1) * PAGE_BYTES);
  return image;
}

interface Page {
  page: number;
  bytes: Buffer;
}

interface LogReading {
  /** Those of whole commits, in the order of writing. */
  frames: Page[];
  /** How many pages the database has after the last commit; 0 without any. */
  pageCount: number;
  /** Offsets of the frames that were once part of a commit and are no longer reached. */
  passedOver: number[];
}

function readLog(wal: Buffer): LogReading {
  const offsets = frameOffsets(wal);
  const sum = new RunningChecksum(wal.length >= 4 && wal.readUInt32BE(0) === WAL_MAGIC + 1);
  if (offsets.length === 0) return { frames: [], pageCount: 0, passedOver: [] };
  if ((wal.readUInt32BE(0) & ~1) !== WAL_MAGIC || !sum.add(wal, 0, 24).matches(wal, 24)) {
    return { frames: [], pageCount: 0, passedOver: offsets };
  }
  const frames: Page[] = [];
  let committed = 0;
  let pageCount = 0;
  for (const at of offsets) {
    if (ageOf(wal, at) !== 'current') break;
    if (
      !sum
        .add(wal, at, 8)
        .add(wal, at + FRAME_HEADER_BYTES, PAGE_BYTES)
        .matches(wal, at + 16)
    )
      break;
    frames.push(frameAt(wal, at));
    if (wal.readUInt32BE(at + 4) === 0) continue;
    committed = frames.length;
    pageCount = wal.readUInt32BE(at + 4);
  }
  const rest = offsets.slice(committed);
  const older = rest.findIndex((at) => ageOf(wal, at) === 'older');
  const passedOver = older === -1 ? rest : rest.slice(0, older);
  const wasCommitted = passedOver.some(
    (at) => ageOf(wal, at) === 'unknown' || wal.readUInt32BE(at + 4) !== 0,
  );
  return { frames: frames.slice(0, committed), pageCount, passedOver: wasCommitted ? passedOver : [] };
}

/** The log is written over from its beginning time and again; its first salt grows by one each time. */
function ageOf(wal: Buffer, at: number): 'current' | 'older' | 'unknown' {
  const age = (wal.readUInt32BE(16) - wal.readUInt32BE(at + 8)) >>> 0;
  if (age === 0) return wal.readUInt32BE(20) === wal.readUInt32BE(at + 12) ? 'current' : 'unknown';
  return age < 1_000_000 ? 'older' : 'unknown';
}

function frameOffsets(wal: Buffer): number[] {
  const count = Math.max(0, Math.floor((wal.length - WAL_HEADER_BYTES) / FRAME_BYTES));
  return Array.from({ length: count }, (_, index) => WAL_HEADER_BYTES + index * FRAME_BYTES);
}

function frameAt(wal: Buffer, at: number): Page {
  const bytes = wal.subarray(at + FRAME_HEADER_BYTES, at + FRAME_BYTES);
  return { page: wal.readUInt32BE(at), bytes };
}

const framesOf = (wal: Buffer, offsets = frameOffsets(wal)): Page[] => offsets.map((at) => frameAt(wal, at));

function pagesOf(database: Buffer): Page[] {
  return Array.from({ length: Math.ceil(database.length / PAGE_BYTES) }, (_, index) => ({
    page: index + 1,
    bytes: database.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES),
  }));
}

/** The checksum of the log, which runs on from its header through every frame. */
class RunningChecksum {
  #first = 0;
  #second = 0;

  constructor(private readonly bigEndian: boolean) {}

  add(bytes: Buffer, from: number, length: number): this {
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, length);
    for (let at = 0; at < length; at += 8) {
      this.#first = (this.#first + view.getUint32(at, !this.bigEndian) + this.#second) >>> 0;
      this.#second = (this.#second + view.getUint32(at + 4, !this.bigEndian) + this.#first) >>> 0;
    }
    return this;
  }

  matches(bytes: Buffer, at: number): boolean {
    return this.#first === bytes.readUInt32BE(at) && this.#second === bytes.readUInt32BE(at + 4);
  }
}

/** Row by row from both ends of each table: an unreadable page hides only what lies between. */
function readTables(image: Buffer, found: Salvage): void {
  let database: Database | undefined;
  try {
    database = openDatabaseImage(image);
    const read = <T>(table: string, take: (row: T) => void) => {
      for (const order of ['asc', 'desc']) {
        try {
          const rows = database?.prepare(`select * from ${table} order by 1 ${order}`).iterate();
          for (const row of rows ?? []) take(row as T);
        } catch {
          // The rest is read from the other end, or found among the raw pages.
        }
      }
    };
    read<{ record: string; attempts: number; reason: string | null }>('entries', (row) => {
      note(found, decodeEntry(String(row.record)), row.attempts, row.reason);
    });
    read<Salvage['marks'][number]>('marks', (row) => found.marks.push(row));
    read<Salvage['provisional'][number]>('provisional', (row) => found.provisional.push(row));
  } catch {
    // Not even the header can be read: the raw pages remain.
  } finally {
    database?.close();
  }
}

/** Whole records among raw pages. A long one goes on in a chain of pages, looked for in each of the `stores`. */
function* findRecords(pages: Iterable<Page>, stores: Buffer[]): Generator<DecodedRecord> {
  const seen = new Set<string>();
  for (const { bytes } of pages) {
    for (let at = bytes.indexOf(RECORD_START); at !== -1; at = bytes.indexOf(RECORD_START, at + 1)) {
      const opening = readOpening(bytes.subarray(at));
      if (opening === undefined || seen.has(opening.sha256)) continue;
      for (const record of readings(bytes.subarray(at), opening.recordBytes, stores)) {
        const decoded = openRecord(record, opening);
        if ('problem' in decoded) continue;
        seen.add(opening.sha256);
        yield decoded;
        break;
      }
    }
  }
}

/** The record as it may continue: in this page, or after any place in it that holds the number of a page. */
function* readings(start: Buffer, length: number, stores: Buffer[]): Generator<Buffer> {
  if (length <= start.length) yield start.subarray(0, length);
  const pageCount = Math.max(...stores.map((store) => store.length / PAGE_BYTES));
  for (let local = 1; local + NEXT_PAGE_BYTES <= start.length; local += 1) {
    const next = start.readUInt32BE(local);
    if (next < 2 || next > pageCount || local >= length) continue;
    for (const store of stores) {
      const chained = followChain(start.subarray(0, local), next, length, store);
      if (chained !== undefined) yield chained;
    }
  }
}

function followChain(start: Buffer, firstPage: number, length: number, store: Buffer): Buffer | undefined {
  const parts = [start];
  let missing = length - start.length;
  for (let page = firstPage; missing > 0;) {
    const bytes = store.subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES);
    if (page < 2 || bytes.length < PAGE_BYTES) return undefined;
    const part = bytes.subarray(NEXT_PAGE_BYTES, NEXT_PAGE_BYTES + missing);
    parts.push(part);
    missing -= part.length;
    page = bytes.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}
