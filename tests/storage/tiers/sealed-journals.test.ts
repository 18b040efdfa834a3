// Whose an entry is: every journal tells what this user on this machine wrote from what anybody may have.
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeEntry,
  encodeEntryInTurns,
  encodeForOthers,
} from '../../../src/storage/journals/entry-codec.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { ownSeal } from '../../../src/storage/journals/seal.ts';
import { git, temporaryProject } from '../../support/temporary-project.ts';
import { idsOf, makeEntry } from './journal-entries.ts';
import { FORGERIES, PLANTED, type PlantedJournal } from './planted.ts';

const MINUTE_MS = 60_000;
const userFolder = process.env['XDG_CONFIG_HOME'] ?? '';

afterEach(() => {
  process.env['XDG_CONFIG_HOME'] = userFolder;
});

function anotherHome(): string {
  return (process.env['XDG_CONFIG_HOME'] = mkdtempSync(path.join(os.tmpdir(), 'worktrail-home-')));
}

it('are one text, whether they are encoded at once or with turns for others in between', async () => {
  const texts = ['plain', 'Grüße, 漢字 and 🎉', 'a lone \ud800 and "quotes"\n'];
  const changes = texts.flatMap((description) => makeEntry({ patch: { description } }).changes);
  for (const entry of [makeEntry(), { ...makeEntry(), changes }, { ...makeEntry(), changes: [] }])
    expect(await encodeEntryInTurns(entry)).toBe(encodeEntry(entry));
});

describe.each(PLANTED)('in the $name journal', (journal: PlantedJournal) => {
  let project: string;
  let device: string;
  beforeEach(async () => {
    project = await temporaryProject({ git: true });
    device = randomUUID();
    mkdirSync(path.join(project, '.worktrail'));
    writeFileSync(path.join(project, '.worktrail', 'device'), `${device}\n`);
  });

  async function look() {
    const opened = journal.open(project);
    try {
      const sealed = idsOf(await opened.list());
      return {
        sealed,
        unsealed: idsOf(opened.unsealed().map(({ entry }) => entry)),
        damage: opened.damage(),
      };
    } finally {
      await opened.close();
    }
  }

  /** As this folder would have made it, `ms` from now. The folder is older than the key, as at an upgrade. */
  function entryAt(ms: number): JournalEntry {
    if (process.env['XDG_CONFIG_HOME'] === userFolder) anotherHome();
    return { ...makeEntry(), device, at: new Date(Date.now() + ms).toISOString() };
  }

  it.each(FORGERIES)('an entry %s is not ours, stays, and takes no place', async (_name, encode) => {
    const forged = makeEntry();
    journal.plant(project, forged, encode(forged));
    expect(await look()).toEqual({ sealed: [], unsealed: [forged.id], damage: [] });
    const own = makeEntry();
    const opened = journal.open(project);
    await opened.append(own);
    // Taken over: the same id, sealed.
    await opened.append(forged);
    expect(idsOf(await opened.list())).toEqual(idsOf([own, forged]));
    expect(opened.unsealed()).toEqual([]);
    await opened.remove([forged.id]);
    await opened.close();
    expect(await look()).toEqual({ sealed: [own.id], unsealed: [], damage: [] });
  });

  it('what was sealed with a key that is gone waits, and is ours again with it', async () => {
    const entry = makeEntry();
    const opened = journal.open(project);
    await opened.append(entry);
    await opened.close();
    anotherHome();
    expect(await look()).toEqual({ sealed: [], unsealed: [entry.id], damage: [] });
    process.env['XDG_CONFIG_HOME'] = userFolder;
    expect(await look()).toEqual({ sealed: [entry.id], unsealed: [], damage: [] });
  });

  it('what the version before wrote in this folder is ours', async () => {
    const entries = [entryAt(0), entryAt(0)];
    for (const entry of entries) journal.plant(project, entry, encodeForOthers(entry));
    expect(await look()).toEqual({ sealed: idsOf(entries), unsealed: [], damage: [] });
    expect(await look()).toEqual({ sealed: idsOf(entries), unsealed: [], damage: [] });
  });

  it('and not when it names another folder', async () => {
    const entry = { ...entryAt(0), device: randomUUID() };
    journal.plant(project, entry, encodeForOthers(entry));
    expect(await look()).toMatchObject({ sealed: [], unsealed: [entry.id] });
  });

  it.each([
    ['before the folder was', -MINUTE_MS],
    ['in the future', MINUTE_MS],
  ])('and none of it when one was made %s', async (_name, ms) => {
    const entries = [entryAt(0), entryAt(ms)];
    for (const entry of entries) journal.plant(project, entry, encodeForOthers(entry));
    expect(await look()).toMatchObject({ sealed: [], unsealed: idsOf(entries) });
  });

  it('and not when git has files of the folder', async () => {
    const entry = entryAt(0);
    journal.plant(project, entry, encodeForOthers(entry));
    await git(project, 'add', '-f', '.worktrail/device');
    expect(await look()).toMatchObject({ sealed: [], unsealed: [entry.id] });
  });

  it('and not when the folder is newer than the key: whoever makes an archive on request knows its second', async () => {
    const entry = entryAt(0);
    encodeEntry(makeEntry());
    await new Promise((resolve) => setTimeout(resolve, 50));
    const file = path.join(project, '.worktrail', 'device');
    rmSync(file);
    writeFileSync(file, `${device}\n`);
    journal.plant(project, entry, encodeForOthers(entry));
    expect(await look()).toMatchObject({ sealed: [], unsealed: [entry.id] });
  });

  it("and not when the folder's id is a link", async () => {
    const file = path.join(project, '.worktrail', 'device');
    renameSync(file, path.join(project, 'elsewhere'));
    symlinkSync('../elsewhere', file);
    const entry = entryAt(0);
    journal.plant(project, entry, encodeForOthers(entry));
    expect(await look()).toMatchObject({ sealed: [], unsealed: [entry.id] });
  });

  it('and what was found not to be ours is not found to be later, when the times of its file are ours', async () => {
    const entry = entryAt(4_000);
    journal.plant(project, entry, encodeForOthers(entry));
    expect(await look()).toMatchObject({ sealed: [], unsealed: [entry.id] });
    const own = makeEntry();
    const opened = journal.open(project);
    await opened.append(own);
    await opened.list();
    while (Date.now() < Date.parse(entry.at)) await new Promise((resolve) => setTimeout(resolve, 100));
    await opened.remove([own.id]);
    await opened.close();
    expect(await look()).toMatchObject({ sealed: [], unsealed: [entry.id] });
  });
});

it('what an outbox of somebody else remembers of its database is forgotten, and what ours does is not', async () => {
  const file = path.join(await temporaryProject(), '.worktrail', 'outbox.db');
  const note = async (value: string) => {
    const outbox = openOutbox(file);
    const before = outbox.get('high_water');
    outbox.set('high_water', value);
    await outbox.close();
    return before;
  };
  expect(await note('1')).toBeUndefined();
  expect(await note('2')).toBe('1');
  anotherHome();
  expect(await note('999999999')).toBeUndefined();
  process.env['XDG_CONFIG_HOME'] = userFolder;
  expect(await note('3')).toBeUndefined();
});

describe('the key', () => {
  it('is made once, for its owner alone, at the first seal and not by looking', () => {
    const home = anotherHome();
    const file = path.join(home, 'worktrail', 'journal.key');
    const record = encodeForOthers(makeEntry());
    expect(ownSeal().isOwn('worktrail journal entry v2', record, '0'.repeat(64))).toBe(false);
    expect(() => readFileSync(file)).toThrow('ENOENT');
    encodeEntry(makeEntry());
    const key = readFileSync(file);
    encodeEntry(makeEntry());
    expect(readFileSync(file)).toEqual(key);
    expect(key).toHaveLength(32);
  });

  it.each([
    ['that others can read', (file: string) => chmodSync(file, 0o644), /can be read by other users/],
    ['of another length', (file: string) => writeFileSync(file, 'short'), /does not have 32 bytes/],
    [
      'behind a link',
      (file: string) => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
      /is a link/,
    ],
  ])('%s is not used, and said; a program still knows its own', (_name, spoil, problem) => {
    const file = path.join(anotherHome(), 'worktrail', 'journal.key');
    const seal = ownSeal();
    const purpose = 'worktrail journal entry v2';
    const before = seal.of(purpose, 'x');
    expect(seal.problem()).toBeUndefined();
    spoil(file);
    expect(seal.problem()).toMatch(problem);
    const now = seal.of(purpose, 'x');
    expect(now).not.toBe(before);
    expect([before, now].map((one) => seal.isOwn(purpose, 'x', one))).toEqual([true, true]);
  });

  it('that cannot be made is said, and writes are sealed for the program alone', () => {
    const home = anotherHome();
    writeFileSync(path.join(home, 'worktrail'), 'in the way');
    const made = ownSeal().of('worktrail journal entry v2', 'x');
    expect(ownSeal().problem()).toMatch(/journal\.key cannot be made or read/);
    expect(ownSeal().isOwn('worktrail journal entry v2', 'x', made)).toBe(true);
  });
});
