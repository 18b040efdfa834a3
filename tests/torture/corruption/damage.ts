// What can happen to a file, and when.
import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';

export const MOMENTS = ['before the start', 'in use'] as const;
export type Moment = (typeof MOMENTS)[number];

export const DAMAGES = ['empty', 'half', 'garbage', 'flipped', 'deleted', 'foreign', 'older'] as const;
export type Damage = (typeof DAMAGES)[number];

export const IN_WORDS: Readonly<Record<Damage, string>> = {
  empty: 'cut to nothing',
  half: 'cut to half',
  garbage: 'overwritten with noise',
  flipped: 'with one byte flipped',
  deleted: 'deleted',
  foreign: "replaced by another project's",
  older: 'replaced by an old copy',
};

/** @param copies what `foreign` and `older` put in the file's place */
export function damageFile(
  file: string,
  damage: Damage,
  copies: { foreign?: string; older?: string } = {},
): void {
  const size = statSync(file).size;
  switch (damage) {
    case 'empty':
      return writeFileSync(file, '');
    case 'half':
      return truncateSync(file, Math.floor(size / 2));
    case 'garbage':
      return writeFileSync(file, randomBytes(size));
    case 'flipped':
      return flipByte(file, placeToFlip(file));
    case 'deleted':
      return removeFile(file);
    case 'foreign':
    case 'older': {
      const copy = copies[damage];
      if (copy === undefined) throw new Error(`there is no ${damage} copy of ${file}`);
      removeFile(file);
      return cpSync(copy, file);
    }
  }
}

/** With what SQLite keeps beside it, if it is a database. */
export function removeFile(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}

function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
}

/** Where a flipped byte does harm: in a record of the outbox, in the page of a table, else in the middle. */
function placeToFlip(file: string): number {
  const bytes = readFileSync(file);
  if (path.basename(file) === 'outbox.db') return bytes.lastIndexOf('"changes":[{"id"') + 20;
  if (!file.endsWith('.db')) return Math.floor(bytes.length / 2);
  // "Write-ahead log", which a database in memory does not have.
  bytes[18] = bytes[19] = 1;
  const database = new Database(bytes);
  const find = database.prepare("select rootpage from sqlite_master where name = 'work_items'").pluck();
  const page = Number(find.get());
  database.close();
  return (page - 1) * 4096;
}
