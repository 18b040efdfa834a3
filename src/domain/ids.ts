/** Ids are made by the application, never by a database, so that a write can be named before it is stored. */
import { createHash, randomUUID } from 'node:crypto';

export const newRecordId = (): string => randomUUID();

/** Where the variant and the last 62 random bits of a UUID begin; they are the same in versions 4 and 7. */
const RANDOM_END = 19;

let lastMillisecond = 0;
let sequence = 0;

/**
 * A UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then a 12-bit counter that keeps the ids of
 * one process in order within a millisecond, then random bits.
 */
export function newChangeId(now: number = Date.now()): string {
  // Of the platform's pool: asking the system for a few bytes costs ten times as much.
  const random = randomUUID();
  if (now > lastMillisecond) {
    lastMillisecond = now;
    sequence = Number.parseInt(random.slice(0, 2), 16);
  } else {
    sequence += 1;
    if (sequence > 0xfff) {
      lastMillisecond += 1;
      sequence = 0;
    }
  }
  const hex = lastMillisecond.toString(16).padStart(12, '0') + '7' + sequence.toString(16).padStart(3, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12)}-${random.slice(RANDOM_END)}`;
}

export function formatUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/**
 * The id that a text always gives: the first 128 bits of its SHA-256, in the form of a UUID of this version. Version 8
 * says so (RFC 9562); version 4 where ids that were given out have it.
 */
export function uuidFrom(text: string, version: 4 | 8): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return formatUuid(bytes.toString('hex'));
}

/** The ids that start with a hex prefix, as an inclusive range that an index on the id can answer. */
export function idRange(hexPrefix: string): { from: string; to: string } {
  return { from: formatUuid(hexPrefix.padEnd(32, '0')), to: formatUuid(hexPrefix.padEnd(32, 'f')) };
}
