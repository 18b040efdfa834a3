// What a folder remembers of its database: noted after the answer, shared by processes, bounded, and never in the way.
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../../../src/domain/change.ts';
import type { SettledWrite } from '../../../src/storage/database/feed-guard.ts';
import { SEEN_FILE, openSeenFile, readSeenFile } from '../../../src/storage/tiers/seen-file.ts';
import { seenIn, type Seen } from '../../../src/storage/tiers/seen.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { DEVICE, makeChange } from './journal-entries.ts';

const PROJECT = '00000000-0000-4000-8000-000000000001';
const ITEM = '00000000-0000-4000-8000-000000000000';
const AT = Date.parse('2026-01-05T10:00:00.000Z');
const DAY_MS = 86_400_000;

const update = (n: number): Change =>
  makeChange({
    ...{ id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`, kind: 'update', entity_id: ITEM },
    ...{ base_version: n, patch: { title: `Title ${n}` } },
  });

const settled = (n: number): SettledWrite => {
  const change = update(n);
  const row = { seq: n, change_id: change.id, entity_id: ITEM, version: n + 1 };
  return {
    changes: [change],
    applied: [],
    rows: [{ ...row, fields: [{ field: 'title', from: `Title ${n - 1}`, to: `Title ${n}` }] }],
  };
};

const position = (n: number) => ({ seq: n, change_id: update(n).id });

describe('what a folder has seen', () => {
  let folder: string;
  let file: string;
  let now: number;
  let deferred: (() => void)[];
  const opened: Seen[] = [];
  const lines: string[] = [];

  beforeEach(async () => {
    folder = await temporaryProject();
    file = path.join(folder, SEEN_FILE);
    now = AT;
    deferred = [];
    lines.length = 0;
  });
  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
  });

  const open = (kept = { days: 30, bytes: 64 * 1024 * 1024 }): Seen => {
    const seen = seenIn(file, {
      device: DEVICE,
      projectId: () => PROJECT,
      now: () => now,
      mayMake: () => true,
      kept,
      defer: (work) => void deferred.push(work),
      log: (line) => void lines.push(line),
    });
    opened.push(seen);
    return seen;
  };
  const nextTurn = () => {
    for (const work of deferred.splice(0)) work();
  };
  /** Of this folder, in this process. */
  const openFiles = (): string[] => {
    for (const one of opened.slice(1)) one.close();
    return readdirSync('/proc/self/fd')
      .flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)];
        } catch {
          return []; // that of the listing itself
        }
      })
      .filter((name) => name.startsWith(file) && !name.endsWith('.lock'));
  };
  const kept = (): number[] => {
    const tables = openSeenFile(file);
    try {
      return tables.after(0).map(({ seq }) => seq);
    } finally {
      tables.database.close();
    }
  };

  it('counts for this process at once, and for others when the answer is out', () => {
    const [one, other] = [open(), open()];
    one.seen();
    one.settled(settled(1));
    one.settled(settled(2));
    expect(one.seen()).toEqual(position(2));
    expect(other.seen()).toEqual({ seq: 0, change_id: null });
    expect(deferred).toHaveLength(1);
    nextTurn();
    expect(other.seen()).toEqual(position(2));
    expect(kept()).toEqual([1, 2]);
  });

  it('is noted when a program ends in order, before the next turn', () => {
    const seen = open();
    seen.settled(settled(1));
    seen.close();
    expect(kept()).toEqual([1]);
  });

  it('is noted, and the file let go of again, when a write ends after that', () => {
    const seen = open();
    seen.settled(settled(1));
    seen.close();
    seen.settled(settled(2));
    nextTurn();
    seen.saw(position(3), position(2));
    expect(kept()).toEqual([1, 2]);
    expect(open().seen()).toEqual(position(3));
    if (process.platform === 'linux') expect(openFiles()).toEqual([]);
  });

  it('keeps what the maker of a write saw', () => {
    const seen = open();
    seen.settled(settled(3));
    seen.close();
    const [write] = readSeenFile(file)?.after(0) ?? [];
    expect(write?.entry).toMatchObject({ project_id: PROJECT, device: DEVICE });
    expect(write?.entry.changes[0]).toMatchObject({
      patch: { title: 'Title 3' },
      base_fields: { title: 'Title 2' },
    });
    expect(write?.made).toEqual([[ITEM, 4]]);
  });

  it('has all that was answered only when every answer was noted', () => {
    const seen = open();
    seen.saw(position(4), undefined);
    const [first, second] = [seen.answered(), seen.answered()];
    seen.noted((answer) => answer === first);
    expect(seen.isAllIn(9)).toBe(false);
    seen.noted((answer) => answer <= second);
    expect([seen.isAllIn(9), seen.isAllIn(4), seen.isAllIn(3), seen.isAllIn(null)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('never goes back by itself, whichever process notes last', () => {
    const [one, other] = [open(), open()];
    one.settled(settled(9));
    nextTurn();
    other.settled(settled(7));
    nextTurn();
    expect(open().seen()).toEqual(position(9));
    expect(kept()).toEqual([7, 9]);
  });

  it('is kept no longer than it may be, but for what the database lacks', () => {
    const seen = open({ days: 1, bytes: 64 * 1024 * 1024 });
    seen.settled(settled(1));
    seen.settled(settled(2));
    nextTurn();
    const tables = openSeenFile(file);
    const [first] = tables.after(0);
    if (first !== undefined) tables.noteLost(first);
    tables.database.close();
    now += 2 * DAY_MS;
    const later = open({ days: 1, bytes: 64 * 1024 * 1024 });
    later.settled(settled(3));
    later.close();
    expect(kept()).toEqual([3]);
    expect(
      readSeenFile(file)
        ?.lost()
        .map(({ seq }) => seq),
    ).toEqual([1]);
  });

  it('lets the older half go where it takes more room than it may', () => {
    const seen = open({ days: 30, bytes: 1 });
    for (let n = 1; n <= 100; n += 1) seen.settled(settled(n));
    nextTurn();
    expect(kept()).toEqual(Array.from({ length: 50 }, (_, index) => 51 + index));
    expect(open().seen()).toEqual(position(100));
  });

  it.each([
    ['no database', () => writeFileSync(file, 'x'.repeat(8_192))],
    ["another program's", () => writeFileSync(file, 'SQLite format 3\0'.padEnd(8_192, '\0'))],
  ])('is put aside where the file is %s, and noted anew', (_, spoil) => {
    const seen = open();
    seen.settled(settled(1));
    nextTurn();
    seen.close();
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    spoil();
    const again = open();
    again.settled(settled(2));
    nextTurn();
    expect(again.seen()).toEqual(position(2));
    expect(kept()).toEqual([2]);
    expect(readdirSync(folder).filter((name) => name.startsWith('seen.damaged-'))).not.toEqual([]);
    expect(lines.join('\n')).toContain('damaged and put aside');
  });

  it('is not mixed with what another program puts in its place', async () => {
    const earlier = `${file}.earlier`;
    const first = open();
    first.settled(settled(3));
    first.close();
    copyFileSync(file, earlier);
    const second = open();
    for (let seq = 10; seq < 60; seq += 1) second.settled(settled(seq));
    second.close();
    // What another process has open keeps the log where it is.
    const [other, seen] = [open(), open()];
    for (const seq of [60, 61]) other.settled(settled(seq));
    nextTurn();
    expect(seen.seen()).toEqual(position(61));
    renameSync(earlier, file);
    await expect.poll(() => seen.seen()).toEqual(position(3));
    expect(seen.problem).toBeUndefined();
    seen.close();
    expect(
      readSeenFile(file)
        ?.after(0)
        .map(({ seq }) => seq),
    ).toEqual([3]);
  });

  it('stays where a person put it back to, also for a process that opens the file again', async () => {
    const seen = open();
    seen.settled(settled(9));
    nextTurn();
    const tables = openSeenFile(file);
    tables.reset(position(2));
    tables.database.pragma('wal_checkpoint(TRUNCATE)');
    tables.database.close();
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
    const { ino } = statSync(file);
    // Whether the file is still the same is looked at now and then.
    await sleep(400);
    expect(seen.seen()).toEqual(position(2));
    seen.settled(settled(1));
    nextTurn();
    expect(statSync(file).ino).toBe(ino);
    seen.close();
    expect(readSeenFile(file)?.position()).toEqual(position(2));
    expect(
      readSeenFile(file)
        ?.after(0)
        .map(({ seq }) => seq),
    ).toContain(1);
  });

  it('is remembered by the process whose file is deleted, and noted in the next one', async () => {
    const seen = open();
    seen.settled(settled(5));
    nextTurn();
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    // Whether the file is still there is looked at now and then.
    await expect.poll(() => (seen.seen(), existsSync(file))).toBe(true);
    expect(seen.seen()).toEqual(position(5));
    expect(seen.problem).toBeUndefined();
  });
});
