/**
 * A journal entry as text that proves itself: one line of JSON with a fixed opening, the length and the SHA-256
 * of the entry. A record can be told from a torn or altered one, and found among bytes that nothing describes.
 *
 *     {"worktrail_entry":2,"bytes":589,"sha256":"9f86…","entry":{"id":"…","changes":[…],"seal":"5b1e…"}}
 *
 * The hash tells damage; the seal, over the entry without it, tells whose the entry is. Records of version 1 have none:
 * programs before this one wrote them, and exports have them, which are for other machines.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { mapInTurns } from '../../platform/in-turns.ts';
import { readEntry } from './entry-shape.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { ownSeal, type Seal } from './seal.ts';

const UNSEALED_VERSION = 1;
/** Raised when older programs could no longer read an entry. They take the whole record of a later one for `newer`. */
const RECORD_VERSION = 2;
export const RECORD_START = '{"worktrail_entry":';
/** The opening of the longest record that is believed: 15 digits of length. */
const RECORD_OPENING_MAX_BYTES = 150;
const OPENING = /^\{"worktrail_entry":(\d{1,9}),"bytes":(\d{1,15}),"sha256":"([0-9a-f]{64})","entry":/;
/** The end of a sealed entry. */
const SEAL = /^,"seal":"([0-9a-f]{64})"\}$/;
const SEAL_BYTES = 75;
/** Nobody's: of an entry that was looked into and is not known to be ours. */
const NO_SEAL = '0'.repeat(64);
/** Ids become names of files in git: letters, digits, `-` and `_`. */
const ENTRY_ID = /^[\w-]{1,100}$/;

/**
 * `entry`: sealed by this user on this machine. `unsealed`: whole, and nothing proves whose it is; with `hasSeal` it has
 * the seal of somebody else, or of a key that is gone. `newer`: whole, but in a form that only a later
 * Worktrail reads.
 */
export type DecodedRecord =
  { entry: JournalEntry } | { unsealed: JournalEntry; hasSeal: boolean } | { problem: 'damaged' | 'newer' };

/**
 * The sealed record: one line without line breaks. The same entry gives the same text.
 * @throws TypeError for an entry that could not be found again under its id
 */
export function encodeEntry(entry: JournalEntry, seal: Seal = ownSeal()): string {
  const json = jsonOf(entry);
  return sealedRecord(entry, json, seal.of(PURPOSE, json));
}

/** The same text as `encodeEntry` gives, with turns for others in between: an import may be megabytes. */
export async function encodeEntryInTurns(entry: JournalEntry, seal: Seal = ownSeal()): Promise<string> {
  if (entry.newer !== undefined) return encodeEntry(entry, seal);
  const changes = await mapInTurns(entry.changes, (change, at) =>
    Buffer.from(`${at === 0 ? '' : ','}${JSON.stringify(change)}`),
  );
  const fields = Object.entries(entry).filter(([, value]) => value !== undefined);
  const pieces = fields.flatMap(([name, value]: [string, unknown], at) => {
    const start = Buffer.from(`${at === 0 ? '{' : ','}${JSON.stringify(name)}:`);
    return name === 'changes'
      ? [start, Buffer.from('['), ...changes, Buffer.from(']')]
      : [start, Buffer.from(JSON.stringify(value))];
  });
  const json = Buffer.concat([...pieces, Buffer.from('}')]);
  await nextTurn();
  const end = `,"seal":"${seal.of(PURPOSE, json)}"}`;
  await nextTurn();
  const open = json.subarray(0, -1);
  const hash = createHash('sha256').update(open).update(end).digest('hex');
  await nextTurn();
  return asRecord(entry, RECORD_VERSION, {
    json: `${open.toString('utf8')}${end}`,
    bytes: open.length + Buffer.byteLength(end),
    hash,
  });
}

/** The JSON of an entry, without a seal. One of a newer program is carried as that wrote it. */
function jsonOf(entry: JournalEntry): string {
  if (entry.newer === undefined) return JSON.stringify(entry);
  const bytes = Buffer.from(entry.newer.record);
  const opening = readOpening(bytes);
  if (opening === undefined) throw new TypeError('a carried entry without its record');
  const json = bytes.subarray(opening.openingBytes, -1);
  return opening.version === UNSEALED_VERSION ? json.toString('utf8') : withoutSeal(json);
}

function withoutSeal(json: Buffer): string {
  return `${json.toString('utf8', 0, json.length - SEAL_BYTES)}}`;
}

/** The same without a seal, for another machine: who takes it over there seals it. */
export function encodeForOthers(entry: JournalEntry): string {
  return record(entry, UNSEALED_VERSION, jsonOf(entry));
}

/** An entry that is not known to be ours, so that it is never looked into again to find out. */
export function encodeUnsealed(entry: JournalEntry): string {
  return sealedRecord(entry, jsonOf(entry), NO_SEAL);
}

function sealedRecord(entry: JournalEntry, json: string, seal: string): string {
  return record(entry, RECORD_VERSION, `${json.slice(0, -1)},"seal":"${seal}"}`);
}

function record(entry: JournalEntry, version: number, json: string): string {
  return asRecord(entry, version, { json, bytes: Buffer.byteLength(json), hash: sha256(json) });
}

function asRecord(
  { id }: JournalEntry,
  version: number,
  { json, bytes, hash }: { json: string; bytes: number; hash: string },
): string {
  if (!ENTRY_ID.test(id)) throw new TypeError(`not an id for an entry: ${JSON.stringify(id)}`);
  return `${RECORD_START}${version},"bytes":${bytes},"sha256":"${hash}","entry":${json}}`;
}

/** The entry of a record, whoever wrote it. */
export function entryOf(decoded: DecodedRecord): JournalEntry | undefined {
  if ('entry' in decoded) return decoded.entry;
  return 'unsealed' in decoded ? decoded.unsealed : undefined;
}

/** Reads a whole record; white space around it is passed over. */
export function decodeEntry(record: string | Buffer, seal: Seal = ownSeal()): DecodedRecord {
  const bytes = Buffer.from(record.toString('utf8').trim());
  const opening = readOpening(bytes);
  if (opening === undefined || opening.recordBytes !== bytes.length) return { problem: 'damaged' };
  return openRecord(bytes, opening, seal);
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
export function openRecord(bytes: Buffer, opening: RecordOpening, seal: Seal = ownSeal()): DecodedRecord {
  const json = bytes.subarray(opening.openingBytes, -1);
  if (bytes.at(-1) !== CLOSING_BRACE || sha256(json) !== opening.sha256) return { problem: 'damaged' };
  if (opening.version > RECORD_VERSION) return { problem: 'newer' };
  const isOfSealed = opening.version === RECORD_VERSION;
  const given = isOfSealed
    ? SEAL.exec(json.toString('latin1', Math.max(0, json.length - SEAL_BYTES)))?.[1]
    : '';
  if (given === undefined) return { problem: 'damaged' };
  try {
    const text = isOfSealed ? withoutSeal(json) : json.toString('utf8');
    // Hash and seal vouch for the bytes; whoever made them may have been another program, or wrong.
    const entry = readEntry(JSON.parse(text), () => bytes.toString('utf8'));
    if (entry === undefined || !ENTRY_ID.test(entry.id)) return { problem: 'damaged' };
    if (isOfSealed && seal.isOwn(PURPOSE, text, given)) return { entry };
    return { unsealed: entry, hasSeal: isOfSealed };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: 'damaged' };
  }
}

const PURPOSE = 'worktrail journal entry v2';
const CLOSING_BRACE = 0x7d;
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
