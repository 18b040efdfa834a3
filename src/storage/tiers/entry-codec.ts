/**
 * A journal entry as text that proves itself: one line of JSON with a fixed opening, the length and the SHA-256
 * of the entry. A record can be told from a torn or altered one, and found among bytes that nothing describes.
 *
 *     {"worktrail_entry":1,"bytes":512,"sha256":"9f86…","entry":{"id":"…","changes":[…]}}
 */
import { createHash } from 'node:crypto';
import { readEntry } from './entry-shape.ts';
import type { JournalEntry } from './journal.ts';

/** Raised when older programs could no longer read an entry. */
const RECORD_VERSION = 1;
export const RECORD_START = '{"worktrail_entry":';
/** The opening of the longest record that is believed: 15 digits of length. */
const RECORD_OPENING_MAX_BYTES = 150;
const OPENING = /^\{"worktrail_entry":(\d{1,9}),"bytes":(\d{1,15}),"sha256":"([0-9a-f]{64})","entry":/;
/** Ids become names of files in git: letters, digits, `-` and `_`. */
const ENTRY_ID = /^[\w-]{1,100}$/;

/** `newer`: whole, but in a form that only a later Worktrail reads. */
export type DecodedRecord = { entry: JournalEntry } | { problem: 'damaged' | 'newer' };

/**
 * One line without line breaks. The same entry gives the same text.
 * @throws TypeError for an entry that could not be found again under its id
 */
export function encodeEntry(entry: JournalEntry): string {
  if (!ENTRY_ID.test(entry.id)) throw new TypeError(`not an id for an entry: ${JSON.stringify(entry.id)}`);
  if (entry.newer !== undefined) return entry.newer.record;
  const json = JSON.stringify(entry);
  const bytes = Buffer.byteLength(json);
  return `${RECORD_START}${RECORD_VERSION},"bytes":${bytes},"sha256":"${sha256(json)}","entry":${json}}`;
}

/** Reads a whole record; white space around it is passed over. */
export function decodeEntry(record: string | Buffer): DecodedRecord {
  const bytes = Buffer.from(record.toString('utf8').trim());
  const opening = readOpening(bytes);
  if (opening === undefined || opening.recordBytes !== bytes.length) return { problem: 'damaged' };
  return openRecord(bytes, opening);
}

export interface RecordOpening {
  version: number;
  openingBytes: number;
  /** The length of the whole record, opening and closing brace included. */
  recordBytes: number;
  sha256: string;
}

/** What the opening of a record says about the rest; undefined when `bytes` do not begin with one. */
export function readOpening(bytes: Buffer): RecordOpening | undefined {
  const [opening, version, length, hash] =
    OPENING.exec(bytes.toString('latin1', 0, RECORD_OPENING_MAX_BYTES)) ?? [];
  if (opening === undefined || hash === undefined) return undefined;
  return {
    version: Number(version),
    openingBytes: opening.length,
    recordBytes: opening.length + Number(length) + 1,
    sha256: hash,
  };
}

/** Checks and opens a record whose bytes were found; `bytes` are exactly those. */
export function openRecord(bytes: Buffer, opening: RecordOpening): DecodedRecord {
  const json = bytes.subarray(opening.openingBytes, -1);
  if (bytes.at(-1) !== CLOSING_BRACE || sha256(json) !== opening.sha256) return { problem: 'damaged' };
  if (opening.version > RECORD_VERSION) return { problem: 'newer' };
  try {
    // The hash vouches for the bytes; whoever made them may have been another program, or wrong.
    const entry = readEntry(JSON.parse(json.toString('utf8')), () => bytes.toString('utf8'));
    return entry === undefined ? { problem: 'damaged' } : { entry };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: 'damaged' };
  }
}

const CLOSING_BRACE = 0x7d;
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
