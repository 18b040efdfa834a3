// The outbox beyond the contract of journals: its questions and notes, and every kind of damage to its file.
import { VENDOR_METADATA_DEFAULT } from '../../../src/domain/vendor.ts';
import { newRecordId } from '../../../src/domain/ids.ts';
import { randomBytes } from 'node:crypto';
import {
  cp,
  mkdir,
  open as openFile,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, it } from 'vitest';
import { JournalUnavailable, type JournalEntry } from '../../../src/storage/contract/journal.ts';
import { openOutbox, type Outbox } from '../../../src/storage/journals/outbox.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { idsOf, makeChange, makeEntries, makeEntry } from './journal-entries.ts';
import { mountReadOnly } from './mounts.ts';
import { startJournalProcess } from './journal-processes.ts';
import { episodes } from '../../torture/scale.ts';

const PAGE_BYTES = 4_096;
const DAY_MS = 24 * 60 * 60 * 1000;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await temporaryProject();
  file = path.join(folder, 'outbox.db');
});

function open(at = file, now?: () => number): Outbox {
  const outbox = openOutbox(at, now && { now });
  cleanUpLater(() => outbox.close());
  return outbox;
}

const damagedFiles = async () => (await readdir(folder)).filter((name) => name.includes('.damaged-'));

/** Takes an index out of the schema of the file, and puts it back. */
function hideIndex(index: string): { showAgain: () => void } {
  const change = <T>(work: (database: Database.Database) => T): T => {
    const database = new Database(file);
    database.unsafeMode().pragma('writable_schema = ON');
    try {
      return work(database);
    } finally {
      database.pragma('wal_checkpoint(TRUNCATE)');
      database.close();
    }
  };
  const row = change((database) => {
    const found = database.prepare('select * from sqlite_master where name = ?').get(index);
    database.prepare('delete from sqlite_master where name = ?').run(index);
    return found as Record<string, unknown>;
  });
  return {
    showAgain: () =>
      change((database) =>
        database
          .prepare('insert into sqlite_master values (@type, @name, @tbl_name, @rootpage, @sql)')
          .run(row),
      ),
  };
}

/** An outbox on the disk with these entries; with `killed`, as a process leaves it that could not clean up. */
async function leaveOutbox(
  entries: JournalEntry[],
  options: { killed?: boolean; at?: string } = {},
): Promise<void> {
  const { at = file } = options;
  const source = path.join(await temporaryProject(), 'outbox.db');
  const outbox = openOutbox(source);
  for (const entry of entries) await outbox.append(entry);
  if (options.killed !== true) await outbox.close();
  await cp(source, at);
  if (options.killed !== true) return;
  await cp(`${source}-wal`, `${at}-wal`);
  await outbox.close();
}

async function overwrite(at: string, offset: number, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(at);
  change(bytes.subarray(offset));
  await writeFile(at, bytes);
}

const flip = (bytes: Buffer) => void (bytes[0] = (bytes[0] ?? 0) ^ 0x55);

/** Entries small and large: some fill a page with others, some go on in pages of their own. */
const mixedEntries = () => [
  ...makeEntries(30),
  ...[3_000, 6_000, 60_000].map((length) =>
    makeEntry({ patch: { description: 'long '.repeat(length / 5) } }),
  ),
  ...makeEntries(30),
];

async function expectSaved(entries: JournalEntry[]): Promise<void> {
  const outbox = open();
  expect(idsOf(await outbox.list())).toEqual(idsOf(entries));
  expect(await outbox.list()).toEqual(expect.arrayContaining(entries));
  expect(outbox.damage().join(' ')).toContain(`${entries.length} of the writes`);
  for (const name of await damagedFiles())
    expect(outbox.damage().join(' ')).toContain(name.replace(/-wal|-shm/, ''));
  const another = makeEntry();
  await outbox.append(another);
  expect(outbox.size()).toBe(entries.length + 1);
}

const VENDOR = {
  ...{ name: 'ACME  Inc', status: 'broken', extractor_version: '0.0.0' },
  metadata: VENDOR_METADATA_DEFAULT,
};

describe('the outbox answers', () => {
  it('whether a waiting write alters something, until that write is removed', async () => {
    const outbox = open();
    const vendor = makeChange({ entity: 'vendor', patch: VENDOR });
    const parent_id = newRecordId();
    const item = makeChange({ patch: { item_type: 'task', title: 'Below it', parent_id } });
    const entry = { ...makeEntry(), id: vendor.id, changes: [vendor, item] };
    expect(outbox.pendingFor([item.entity_id])).toBe(false);
    await outbox.append(entry);
    expect(outbox.pendingFor(['unknown', item.entity_id])).toBe(true);
    expect(outbox.pendingFor([vendor.entity_id])).toBe(true);
    expect(outbox.pendingFor([parent_id])).toBe(false);
    expect(outbox.pendingFor([])).toBe(false);
    await outbox.remove([entry.id]);
    expect(outbox.pendingFor([vendor.entity_id, item.entity_id])).toBe(false);
    expect([outbox.size(), outbox.isEmpty()]).toEqual([0, true]);
  });

  it('how often the replay of a write failed, and why it did last', async () => {
    const outbox = open();
    const [first, second] = [makeEntry(), makeEntry()];
    for (const entry of [first, second]) await outbox.append(entry);
    const before = await outbox.fingerprint();
    expect(outbox.noteFailure(first.id, 'too early')).toBe(true);
    expect(outbox.noteFailure(first.id, 'still too early')).toBe(true);
    expect(outbox.noteFailure('unknown', 'never mind')).toBe(false);
    expect(outbox.noteFailure(second.id, 'a known reason', true)).toBe(true);
    expect(open().attempts()).toEqual(
      new Map([
        [first.id, { attempts: 2, reason: 'still too early' }],
        [second.id, { attempts: 0, reason: 'a known reason' }],
      ]),
    );
    outbox.clearFailures([first.id, second.id]);
    expect(outbox.attempts().size).toBe(0);
    expect(await outbox.fingerprint()).toBe(before);
  });

  it('with the marks that any process made, the largest where it counts', () => {
    const [outbox, other] = [open(), open()];
    expect(outbox.get('project')).toBeUndefined();
    outbox.set('project', 'one');
    other.set('project', 'two');
    expect(outbox.get('project')).toBe('two');
    outbox.setMax('high_water', 1_700_000_000_000_000);
    other.setMax('high_water', 9);
    expect(outbox.get('high_water')).toBe('1700000000000000');
  });

  it('which change promised a version, for 90 days', async () => {
    let now = Date.UTC(2026, 0, 1);
    const outbox = open(file, () => now);
    const entry = makeEntry();
    await outbox.append(entry);
    outbox.noteProvisional([{ record_id: 'a', version: 1_000_003, change_id: entry.id }]);
    await outbox.remove([entry.id]);
    now += 89 * DAY_MS;
    expect(open(file, () => now).findProvisional('a', 1_000_003)).toBe(entry.id);
    expect(outbox.findProvisional('a', 3)).toBeUndefined();
    now += 2 * DAY_MS;
    expect(open(file, () => now).findProvisional('a', 1_000_003)).toBeUndefined();
  });

  it('that it is closed', async () => {
    const outbox = open();
    await outbox.close();
    await expect(outbox.list()).rejects.toThrow(JournalUnavailable);
    await expect(outbox.append(makeEntry())).rejects.toThrow('closed');
    expect(() => outbox.size()).toThrow('closed');
  });
});

describe('an outbox that is damaged', () => {
  it('is a new one when the file is empty and nothing else is left', async () => {
    await writeFile(file, '');
    const outbox = open();
    await outbox.append(makeEntry());
    expect([outbox.size(), outbox.damage(), await damagedFiles()]).toEqual([1, [], []]);
  });

  it.each(['emptied', 'missing'])('is saved from its log when the file is %s', async (how) => {
    const entries = makeEntries(20);
    await leaveOutbox(entries, { killed: true });
    await (how === 'emptied' ? truncate(file) : rm(file));
    await expectSaved(entries);
  });

  it('is saved from what is left when the file is cut in half', async () => {
    const entries = mixedEntries();
    await leaveOutbox(entries);
    const { size } = await stat(file);
    await truncate(file, Math.floor(size / 2));
    const outbox = open();
    const left = await outbox.list();
    expect(left.length).toBeGreaterThan(10);
    expect(entries).toEqual(expect.arrayContaining(left));
    expect(outbox.damage().join(' ')).toContain(`${left.length} of the writes`);
    expect(await stat(path.join(folder, (await damagedFiles())[0] ?? ''))).toMatchObject({
      size: Math.floor(size / 2),
    });
  });

  it.each([100, PAGE_BYTES])('is saved whole when its first %i bytes are garbage', async (length) => {
    const entries = mixedEntries();
    await leaveOutbox(entries);
    await overwrite(file, 0, (bytes) => randomBytes(length).copy(bytes));
    await expectSaved(entries);
  });

  it('is saved whole when its header and its log are garbage in places', async () => {
    const entries = mixedEntries();
    await leaveOutbox(entries, { killed: true });
    await overwrite(file, 0, (bytes) => randomBytes(100).copy(bytes));
    await overwrite(`${file}-wal`, 0, (bytes) => randomBytes(32).copy(bytes));
    await expectSaved(entries);
  });

  it(
    'loses no more than the one entry that a flipped byte hits, and says so',
    { timeout: 120_000 },
    async () => {
      const entries = mixedEntries();
      await leaveOutbox(entries);
      const original = await readFile(file);
      let noticed = 0;
      for (let offset = 3; offset < original.length; offset += episodes(2_999, 797)) {
        for (const name of await readdir(folder)) await rm(path.join(folder, name));
        const bytes = Buffer.from(original);
        flip(bytes.subarray(offset));
        await writeFile(file, bytes);
        const outbox = openOutbox(file);
        const left = await outbox.list();
        expect(entries, `byte ${offset}`).toEqual(expect.arrayContaining(left));
        expect(left.length, `byte ${offset}`).toBeGreaterThanOrEqual(entries.length - 1);
        if (left.length < entries.length) expect(outbox.damage(), `byte ${offset}`).not.toEqual([]);
        if (outbox.damage().length > 0) noticed += 1;
        await outbox.close();
      }
      expect(noticed).toBeGreaterThan(episodes(2, 10));
    },
  );

  it('is set aside unaltered when it is the database of another program', async () => {
    const foreign = new Database(file);
    foreign.exec("create table photos (name text); insert into photos values ('cat')");
    foreign.close();
    const bytes = await readFile(file);
    const outbox = open();
    await outbox.append(makeEntry());
    const [kept = ''] = await damagedFiles();
    expect(await readFile(path.join(folder, kept))).toEqual(bytes);
    expect(outbox.damage().join(' ')).toContain(kept);
  });

  it('is set aside unaltered when it is no database', async () => {
    await writeFile(file, 'Dear diary, '.repeat(1000));
    expect(await open().list()).toEqual([]);
    expect(await damagedFiles()).toHaveLength(1);
  });

  it('keeps its marks, failures and promises', async () => {
    const outbox = open();
    const entry = makeEntry();
    await outbox.append(entry);
    outbox.set('project', 'ours');
    outbox.setMax('high_water', 12);
    outbox.noteFailure(entry.id, 'refused');
    outbox.noteProvisional([{ record_id: 'a', version: 1_000_001, change_id: entry.id }]);
    await outbox.close();
    await overwrite(file, 60, (bytes) => bytes.writeUInt32BE(0));
    await overwrite(file, 68, (bytes) => bytes.writeUInt32BE(0x11111111));
    const saved = open();
    expect(await damagedFiles()).toHaveLength(1);
    expect([saved.get('project'), saved.get('high_water')]).toEqual(['ours', '12']);
    expect(saved.attempts().get(entry.id)).toEqual({ attempts: 1, reason: 'refused' });
    expect(saved.findProvisional('a', 1_000_001)).toBe(entry.id);
  });

  it('goes on telling where the damaged file is until somebody takes it away', async () => {
    await writeFile(file, 'not a database'.repeat(500));
    await open().close();
    expect(open().damage()).toHaveLength(1);
    for (const name of await damagedFiles()) await rm(path.join(folder, name));
    expect(open().damage()).toEqual([]);
  });

  it('is recovered while it is open, by whoever comes upon the damage', async () => {
    const entries = makeEntries(40);
    await leaveOutbox(entries);
    const [outbox, other] = [open(), open()];
    await overwrite(file, PAGE_BYTES, (bytes) => bytes.fill(0x5a, 0, 8 * PAGE_BYTES));
    for (const one of [outbox, other, outbox, other]) {
      const added = makeEntry();
      await one.append(added);
      entries.push(added);
    }
    const listed = idsOf(await outbox.list());
    expect(listed).toEqual(idsOf(await other.list()));
    expect(listed).toEqual(expect.arrayContaining(idsOf(entries.slice(40))));
    expect(outbox.damage().join(' ') + other.damage().join(' ')).toContain('.damaged-');
  });

  it('is recovered once when many processes notice at once', async () => {
    const entries = mixedEntries();
    await leaveOutbox(entries);
    await overwrite(file, 0, (bytes) => randomBytes(100).copy(bytes));
    const processes = Array.from({ length: 6 }, () => startJournalProcess('outbox', file, 'list'));
    for (const process of processes) {
      expect(await process.exited).toMatchObject({ code: 0 });
      expect(process.lines('=').sort()).toEqual(idsOf(entries));
      expect(process.lines('!')).toHaveLength(1);
    }
    expect(await damagedFiles()).toHaveLength(1);
  });

  it(
    'loses nothing that is acknowledged while it is damaged again and again',
    { timeout: 120_000 },
    async () => {
      const processes = Array.from({ length: 3 }, () => startJournalProcess('outbox', file, 'append', 250));
      const running = Promise.all(processes.map(({ exited }) => exited));
      let ended = false;
      void running.then(() => (ended = true));
      while (!ended) {
        await sleep(150);
        const handle = await openFile(file, 'r+').catch(() => undefined);
        await handle?.write(randomBytes(100), 0, 100, 0);
        await handle?.close();
      }
      const acknowledged = processes.flatMap((process) => process.lines('+'));
      const outbox = open();
      const listed = new Set(idsOf(await outbox.list()));
      expect(processes.flatMap((process) => process.lines('?'))).toEqual([]);
      expect(acknowledged).toHaveLength(750);
      expect(acknowledged.filter((id) => !listed.has(id))).toEqual([]);
      expect((await damagedFiles()).length).toBeGreaterThan(0);
    },
  );

  it('is saved from by the next process when the one that set it aside was killed', async () => {
    const entries = makeEntries(10);
    await leaveOutbox(entries, { killed: true });
    const aside = path.join(folder, 'outbox.damaged-20260102T030405678Z.db');
    await rename(file, aside);
    await rename(`${file}-wal`, `${aside}-wal`);
    await expectSaved(entries);
  });

  it.each(['entry_reach_seq', 'sqlite_autoindex_entries_1'])(
    'is recovered when its index %s lost an entry: no write stays for ever',
    async (index) => {
      const entries = makeEntries(3);
      await leaveOutbox(entries.slice(0, 2));
      // While an index is unknown, what is written is not in it.
      const hidden = hideIndex(index);
      await openOutbox(file).append(entries[2] as JournalEntry);
      hidden.showAgain();
      const outbox = open();
      await outbox.remove(idsOf(entries));
      expect(await outbox.list()).toEqual([]);
      expect(await damagedFiles()).not.toEqual([]);
    },
  );

  it('is recovered when a bit of an id flips in its index: the write goes, and no other', async () => {
    const entries = makeEntries(3);
    const [first] = entries as [JournalEntry];
    await leaveOutbox(entries);
    const database = new Database(file);
    const ofIndex = "select rootpage from sqlite_master where name = 'sqlite_autoindex_entries_1'";
    const page = Number(database.prepare(ofIndex).pluck().get());
    const size = Number(database.pragma('page_size', { simple: true }));
    database.close();
    await overwrite(file, (page - 1) * size, (bytes) => flip(bytes.subarray(bytes.indexOf(first.id))));
    const outbox = open();
    await outbox.remove([first.id]);
    expect(idsOf(await outbox.list())).toEqual(idsOf(entries.slice(1)));
    expect(outbox.size()).toBe(2);
  });

  it('does not bring back what was removed from the new file', async () => {
    const entries = makeEntries(4);
    await leaveOutbox(entries);
    await overwrite(file, 0, (bytes) => randomBytes(100).copy(bytes));
    const outbox = open();
    await outbox.remove(idsOf(entries));
    await outbox.close();
    expect(await open().list()).toEqual([]);
  });
});

describe('the log of an outbox', () => {
  it.each([0.1, 0.5, 0.9, 0.999])(
    'may be cut at %d of its length: what comes before counts',
    async (part) => {
      const entries = makeEntries(40);
      await leaveOutbox(entries, { killed: true });
      const { size } = await stat(`${file}-wal`);
      await truncate(`${file}-wal`, Math.floor(size * part));
      const outbox = open();
      const left = idsOf(await outbox.list());
      expect(left).toEqual(idsOf(entries.slice(0, left.length)));
      expect(left.length).toBeGreaterThan(Math.floor(40 * part) - 3);
      await outbox.append(makeEntry());
      expect(outbox.size()).toBe(left.length + 1);
    },
  );

  it('gives up nothing but the commit that a flipped byte hits', { timeout: 120_000 }, async () => {
    const entries = makeEntries(25);
    await leaveOutbox(entries, { killed: true });
    const [database, log] = [await readFile(file), await readFile(`${file}-wal`)];
    let recovered = 0;
    for (let offset = 5; offset < log.length; offset += episodes(7_001, 1_997)) {
      for (const name of await readdir(folder)) await rm(path.join(folder, name));
      const bytes = Buffer.from(log);
      flip(bytes.subarray(offset));
      await writeFile(file, database);
      await writeFile(`${file}-wal`, bytes);
      const outbox = openOutbox(file);
      expect((await outbox.list()).length, `byte ${offset}`).toBeGreaterThanOrEqual(entries.length - 1);
      if (outbox.damage().length > 0) recovered += 1;
      await outbox.close();
    }
    expect(recovered).toBeGreaterThan(episodes(2, 10));
  });

  it('is not saved from a second time', async () => {
    const entries = makeEntries(25);
    await leaveOutbox(entries, { killed: true });
    const { size } = await stat(`${file}-wal`);
    await overwrite(`${file}-wal`, Math.floor(size / 2), flip);
    const outbox = open();
    expect(idsOf(await outbox.list()).length).toBeGreaterThanOrEqual(24);
    await outbox.remove(idsOf(entries));
    const copy = await temporaryProject();
    for (const name of await readdir(folder)) await cp(path.join(folder, name), path.join(copy, name));
    const reopened = open(path.join(copy, 'outbox.db'));
    expect(await reopened.list()).toEqual([]);
    expect(reopened.damage()).toHaveLength(1);
  });

  it('is no reason for alarm when a process was killed in the middle of a commit', async () => {
    const entries = makeEntries(10);
    await leaveOutbox(entries, { killed: true });
    const { size } = await stat(`${file}-wal`);
    // One frame less, and it is the one that ends the last commit.
    await truncate(`${file}-wal`, size - PAGE_BYTES - 24);
    const outbox = open();
    expect(idsOf(await outbox.list())).toEqual(idsOf(entries.slice(0, 9)));
    expect(outbox.damage()).toEqual([]);
  });
});

describe('the file of an outbox', () => {
  it('of a newer Worktrail is not touched', async () => {
    const outbox = open();
    await outbox.append(makeEntry());
    await outbox.close();
    const database = new Database(file);
    database.pragma('user_version = 7');
    database.close();
    const bytes = await readFile(file);
    expect(() => openOutbox(file)).toThrow(JournalUnavailable);
    expect(() => openOutbox(file)).toThrow('made by a newer Worktrail');
    expect(await readFile(file)).toEqual(bytes);
    expect(await damagedFiles()).toEqual([]);
  });

  it('may become that of a newer Worktrail while it is open', async () => {
    const outbox = open();
    await outbox.append(makeEntry());
    const newer = path.join(folder, 'newer.db');
    const database = new Database(newer);
    database.pragma(`application_id = ${0x5754524f}`);
    database.pragma('user_version = 2');
    database.close();
    for (const suffix of ['-wal', '-shm']) await rm(file + suffix);
    await rename(newer, file);
    await expect(outbox.append(makeEntry())).rejects.toThrow('made by a newer Worktrail');
    await expect(outbox.list()).rejects.toThrow('made by a newer Worktrail');
    expect(() => outbox.pendingFor(['a'])).toThrow('made by a newer Worktrail');
  });

  it('may be deleted while it is open: nothing is lost', async () => {
    const [outbox, other] = [open(), open()];
    const entries = makeEntries(5);
    for (const entry of entries.slice(0, 3)) await outbox.append(entry);
    for (const name of await readdir(folder)) await rm(path.join(folder, name));
    for (const entry of entries.slice(3)) await other.append(entry);
    expect(idsOf(await outbox.list())).toEqual(idsOf(entries));
    await Promise.all([outbox.close(), other.close()]);
    expect(idsOf(await open().list())).toEqual(idsOf(entries));
  });

  it('is made by twelve processes at once', { timeout: 120_000 }, async () => {
    const processes = Array.from({ length: 12 }, () => startJournalProcess('outbox', file, 'append', 5));
    const acknowledged: string[] = [];
    for (const process of processes) {
      expect([await process.exited, process.stderr()]).toMatchObject([{ code: 0 }, '']);
      acknowledged.push(...process.lines('+'));
    }
    expect(acknowledged).toHaveLength(60);
    const outbox = open();
    expect(idsOf(await outbox.list())).toEqual(acknowledged.sort());
    expect(outbox.damage()).toEqual([]);
  });

  it('cannot be a folder', async () => {
    await mkdir(file);
    expect(() => openOutbox(file)).toThrow(JournalUnavailable);
  });

  it.for(['closed', 'killed'])(
    'can be read on a read-only disk, left by a %s process',
    async (left, context) => {
      const entries = makeEntries(5);
      await leaveOutbox(entries, { killed: left === 'killed' });
      if (!mountReadOnly(folder)) context.skip('needs the right to mount a read-only file system');
      const outbox = open();
      expect(idsOf(await outbox.list())).toEqual(idsOf(entries));
      expect(outbox.pendingFor([entries[0]?.changes[0]?.entity_id ?? ''])).toBe(true);
      await expect(outbox.append(makeEntry())).rejects.toThrow('read-only');
      expect(() => openOutbox(path.join(folder, 'other.db'))).toThrow(JournalUnavailable);
    },
  );

  it('may be deleted before the process that has it open ends: nothing is lost', async () => {
    const outbox = open();
    const entry = makeEntry();
    await outbox.append(entry);
    for (const name of await readdir(folder)) await rm(path.join(folder, name));
    await outbox.close();
    expect(await open().list()).toEqual([entry]);
  });

  it('may be replaced by an older copy while it is open, its index left behind: nothing is lost', async () => {
    const outbox = open();
    const entries = makeEntries(4);
    for (const entry of entries.slice(0, 2)) await outbox.append(entry);
    const files = ['outbox.db', 'outbox.db-wal'];
    for (const name of files) await cp(path.join(folder, name), path.join(folder, `older-${name}`));
    for (const entry of entries.slice(2, 3)) await outbox.append(entry);
    // A new file, as programs that restore make it; written over in place it would still be the one that is open.
    for (const name of files) await rename(path.join(folder, `older-${name}`), path.join(folder, name));
    for (const entry of entries.slice(3)) await outbox.append(entry);
    expect(idsOf(await outbox.list())).toEqual(idsOf(entries));
    expect(outbox.damage()).toEqual([
      expect.stringContaining('replaced while it was in use. 2 of the writes waiting in it were saved'),
      `The outbox ${file} was moved or deleted in use; 1 writes were put back.`,
    ]);
    await outbox.close();
    expect(idsOf(await open().list())).toEqual(idsOf(entries));
  });

  it.each([3, 200])(
    'may be replaced by one with %d other writes, its log left behind: nothing of either is lost',
    async (count) => {
      const [outbox, other] = [open(), open()];
      const [own, placed] = [makeEntries(count), makeEntries(count)];
      for (const entry of own) await outbox.append(entry);
      await leaveOutbox(placed, { at: `${file}.placed` });
      await rename(`${file}.placed`, file);
      const all = idsOf([...own, ...placed]).toSorted();
      expect(idsOf(await outbox.list()).toSorted()).toEqual(all);
      expect(idsOf(await other.list()).toSorted()).toEqual(all);
      await Promise.all([outbox.close(), other.close()]);
      expect(idsOf(await open().list()).toSorted()).toEqual(all);
    },
  );

  it.skipIf(process.platform !== 'linux')(
    'is let go of again where others keep it from taking what has to go into it (what is open is asked of Linux)',
    async () => {
      const outbox = open();
      const entry = makeEntry();
      await outbox.append(entry);
      for (const name of await readdir(folder)) await rm(path.join(folder, name));
      await open().close();
      const other = new Database(file);
      other.exec('begin immediate');
      await expect(outbox.list()).rejects.toThrow(JournalUnavailable);
      other.exec('rollback');
      other.close();
      const handles = await Promise.all(
        (await readdir('/proc/self/fd')).map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
      );
      expect(handles.filter((name) => name === file)).toEqual([]);
      expect(await outbox.list()).toEqual([entry]);
    },
  );

  it('may go missing while its log stays: nothing is lost', async () => {
    const outbox = open();
    const entries = makeEntries(3);
    for (const entry of entries) await outbox.append(entry);
    await rm(file);
    expect(idsOf(await outbox.list())).toEqual(idsOf(entries));
    expect(idsOf(await open().list())).toEqual(idsOf(entries));
  });
});
