// A database that is put aside takes its log along: what was committed last is there for whoever looks into it.
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asideName, onlyAsideName, setAside } from '../../../src/storage/primary/set-aside.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

const NOW = Date.parse('2026-01-02T03:04:05.678Z');

let folder: string;
let file: string;
let opened: Database.Database[];

beforeEach(async () => {
  folder = await temporaryProject();
  file = path.join(folder, 'x.db');
  opened = [];
});

afterEach(() => {
  for (const database of opened) database.close();
});

const names = () => readdirSync(folder).sort();

/** Stays open, so that what it writes stays in the log. */
function openWith(...notes: string[]): Database.Database {
  const database = new Database(file);
  opened.push(database);
  database.pragma('journal_mode = WAL');
  database.exec('create table if not exists notes (text)');
  database.pragma('wal_checkpoint(TRUNCATE)');
  for (const note of notes) add(database, note);
  return database;
}

function add(database: Database.Database, note: string): void {
  database.prepare('insert into notes values (?)').run(note);
}

function notesIn(name: string): unknown[] {
  const database = new Database(name, { fileMustExist: true });
  try {
    return database.prepare('select text from notes').pluck().all();
  } finally {
    database.close();
  }
}

describe('a database that is put aside', () => {
  it('has its log beside it, and leaves nothing in its place', () => {
    openWith('in the log');
    const aside = asideName(file, 'damaged', NOW);
    setAside(file, aside);
    expect(names()).toEqual(['x.damaged-20260102T030405678Z.db', 'x.damaged-20260102T030405678Z.db-wal']);
    expect(notesIn(aside)).toEqual(['in the log']);
  });

  it('keeps what who has it open still writes, and its successor is another', () => {
    const before = openWith('one');
    const aside = asideName(file, 'before', NOW);
    setAside(file, aside);
    const after = openWith();
    add(before, 'two');
    add(after, 'three');
    before.close();
    after.close();
    expect(notesIn(aside)).toEqual(['one', 'two']);
    expect(notesIn(file)).toEqual(['three']);
  });

  it('takes no name that another has, were it only a log', () => {
    const first = asideName(file, 'damaged', NOW);
    writeFileSync(`${first}-wal`, 'kept');
    const second = asideName(file, 'damaged', NOW);
    expect(second).toBe(path.join(folder, 'x.damaged-20260102T030405678Z-2.db'));
    writeFileSync(second, 'kept');
    expect(asideName(file, 'damaged', NOW)).toBe(path.join(folder, 'x.damaged-20260102T030405678Z-3.db'));
  });

  it('overwrites nothing that has its name already', () => {
    const aside = asideName(file, 'damaged', NOW);
    for (const count of [1, 2, 3]) {
      writeFileSync(`${file}-wal`, `log ${count}`);
      setAside(file, aside);
    }
    writeFileSync(file, 'file');
    writeFileSync(aside, 'earlier');
    setAside(file, aside);
    const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');
    expect(
      Object.fromEntries(names().map((name) => [name.replace(path.basename(aside), ''), read(name)])),
    ).toEqual({
      '': 'earlier',
      '-left': 'file',
      '-wal': 'log 1',
      '-wal-left': 'log 2',
      '-wal-left2': 'log 3',
    });
  });

  it('replaces the one before where only the last is kept, its log too', () => {
    const aside = onlyAsideName(file);
    const first = openWith('first');
    setAside(file, aside, { replaces: true });
    first.close();
    expect(existsSync(`${aside}-wal`)).toBe(true);
    openWith('second').close();
    setAside(file, aside, { replaces: true });
    expect(names()).toEqual(['x.damaged.db']);
    expect(notesIn(aside)).toEqual(['second']);
  });

  it('leaves the one before alone where there is nothing to put aside', () => {
    const aside = onlyAsideName(file);
    openWith('first').close();
    setAside(file, aside, { replaces: true });
    setAside(file, aside, { replaces: true });
    expect(names()).toEqual(['x.damaged.db']);
    expect(notesIn(aside)).toEqual(['first']);
  });

  it('is put together again by the next one where a process was killed over it', () => {
    openWith('one');
    const aside = asideName(file, 'damaged', NOW);
    // As a process leaves it that is killed after the first step.
    renameSync(`${file}-wal`, `${aside}-wal`);
    expect(existsSync(file)).toBe(true);
    setAside(file, aside);
    expect(notesIn(aside)).toEqual(['one']);
  });
});
