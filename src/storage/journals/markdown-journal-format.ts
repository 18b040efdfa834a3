/**
 * How waiting writes look in a markdown file: a heading in plain words for a person, and the record itself, which
 * states its own length and SHA-256, as one line of a code block.
 */
import type { Change } from '../../domain/change.ts';
import { RECORD_START, entryOf, openRecord, readOpening, type DecodedRecord } from './entry-codec.ts';
import type { JournalEntry } from '../contract/journal.ts';

const TITLE_MAX_CHARACTERS = 80;

/** The names that this program gives: no other file is one of its journal, and no name can hold more than it shows. */
export const JOURNAL_FILE = /^[\w.-]{1,200}\.(md|claimed)$/;
export const DAMAGED_FILE = /^[\w.-]{1,200}\.txt$/;

export const FILE_HEADER = Buffer.from(
  '# Writes that wait for the tracker\n\n' +
    'Worktrail saves these as soon as its database can be reached again, and then empties this file.\n' +
    'Please leave it as it is: an altered record cannot be saved.\n',
);

/** Whether a file began as one of ours: with the header, or, cut short by a full disk, with the beginning of it. */
export function beginsAsJournal(file: Buffer): boolean {
  const length = Math.min(file.length, FILE_HEADER.length);
  return file.subarray(0, length).equals(FILE_HEADER.subarray(0, length));
}

/** What is said of something in the journal's folder that is not read. */
export function notPlain(file: string): string {
  return `${file} is no plain file of this folder. It is left as it is.`;
}

export interface FoundRecord {
  /** Never damaged; a record of a newer Worktrail is kept for that. */
  decoded: DecodedRecord;
  bytes: Buffer;
}

/** The entry of a record, whoever wrote it; undefined for one of a newer Worktrail. */
export const entryIn = ({ decoded }: FoundRecord): JournalEntry | undefined => entryOf(decoded);

/** @param record what `encodeEntry` made of the entry; without one, a record that only a newer program can read */
export function formatRecord(entry: JournalEntry | undefined, record: string | Buffer): Buffer {
  const heading =
    entry === undefined || entry.newer !== undefined ? 'A write of a newer Worktrail' : describe(entry);
  return Buffer.concat([
    Buffer.from(`\n## ${heading}\n\n\`\`\`json\n`),
    Buffer.from(record as string),
    Buffer.from('\n```\n'),
  ]);
}

/**
 * The whole records in a file, wherever they stand, and the lines that once were records. A last line that was
 * never finished is neither: its write was not acknowledged.
 */
export function readRecords(file: Buffer): { records: FoundRecord[]; damaged: Buffer[] } {
  const records: FoundRecord[] = [];
  const damaged: Buffer[] = [];
  let from = 0;
  for (let at = file.indexOf(RECORD_START); at !== -1;) {
    const found = recordAt(file, at);
    if (found !== undefined) {
      damaged.push(...remains(file.subarray(from, at), false));
      records.push(found);
      from = at + found.bytes.length;
    }
    at = file.indexOf(RECORD_START, found === undefined ? at + 1 : from);
  }
  damaged.push(...remains(file.subarray(from), true));
  return { records, damaged };
}

function recordAt(file: Buffer, at: number): FoundRecord | undefined {
  const opening = readOpening(file.subarray(at));
  if (opening === undefined) return undefined;
  const bytes = file.subarray(at, at + opening.recordBytes);
  const decoded = openRecord(bytes, opening);
  return 'problem' in decoded && decoded.problem === 'damaged' ? undefined : { decoded, bytes };
}

/** Any one of these is left over wherever a record is hit. */
const TRACE_OF_RECORD = /worktrail_entry|"sha256"|"changes"/;

function remains(text: Buffer, isEnd: boolean): Buffer[] {
  const lines = text.toString('latin1').split('\n');
  if (isEnd) lines.pop();
  return lines.filter((line) => TRACE_OF_RECORD.test(line)).map((line) => Buffer.from(line, 'latin1'));
}

function describe({ at, changes }: JournalEntry): string {
  const [first] = changes;
  const more = changes.length > 1 ? ` and ${changes.length - 1} more` : '';
  return `Waiting since ${at}: ${first === undefined ? 'nothing' : describeChange(first)}${more}`;
}

function describeChange({ kind, entity, patch }: Change): string {
  const title = patch['title'] ?? patch['name'];
  const what = `${kind} ${entity.replaceAll('_', ' ')}`;
  return typeof title === 'string' ? `${what} "${plainText(title)}"` : what;
}

/** On one line, without anything that markdown or a terminal would take for more than text. */
function plainText(text: string): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ').replace(/[`<>[\]\\*_#"{}]/g, '');
  return [...line.trim()].slice(0, TITLE_MAX_CHARACTERS).join('');
}
