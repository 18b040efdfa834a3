// Every journal under the one contract.
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GitJournal } from '../../../src/storage/journals/git-journal.ts';
import { MarkdownJournal } from '../../../src/storage/journals/markdown-journal.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';
import { Journals } from '../../../src/storage/journals/journals.ts';
import { LazyOutbox } from '../../../src/storage/journals/lazy-outbox.ts';
import { OUTBOX_APPLICATION_ID } from '../../../src/storage/journals/outbox-tables.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { readBesideWaiting } from '../../../src/storage/tiers/beside-waiting.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { DEVICE, idsOf, makeChange } from './journal-entries.ts';
import { describeJournal } from './journal-suite.ts';
import { MemoryJournal, newMedium } from './memory-journal.ts';

describeJournal('a journal in memory', async () => {
  const medium = newMedium();
  return { open: () => new MemoryJournal(medium) };
});

describeJournal('the outbox', async () => {
  const file = path.join(await temporaryProject(), '.worktrail', 'outbox.db');
  return { open: () => openOutbox(file) };
});

describeJournal(
  'the journal in git',
  async () => {
    const folder = await temporaryProject({ git: true });
    return { open: () => new GitJournal(folder, randomUUID()) };
  },
  { entries: 24 },
);

describeJournal('the journal in markdown', async () => {
  const folder = path.join(await temporaryProject(), '.worktrail', 'pending');
  return { open: () => new MarkdownJournal(folder, randomUUID()) };
});

describe('the journals of one folder', () => {
  it('put a write after those that another process saved before, whatever the clocks say', async () => {
    const medium = newMedium();
    const at = (now: number) =>
      new Journals([new MemoryJournal(medium)], DEVICE, { ...systemClock, now: () => now });
    const [ahead, behind] = [at(2_000), at(1_000)];
    await ahead.append([makeChange({ id: '00000000-0000-7000-8000-00000000000b' })]);
    await behind.append([makeChange({ id: '00000000-0000-7000-8000-00000000000a' })]);
    const { entries } = await ahead.waiting();
    expect(entries.map(({ id, lamport }) => [id.at(-1), lamport])).toEqual([
      ['b', 2_000],
      ['a', 2_001],
    ]);
  });

  /** A journal whose next answer of one kind is made at once and told when the caller says so. */
  function late(verb: 'fingerprint' | 'list') {
    const medium = newMedium();
    const journal = new MemoryJournal(medium);
    const answer = journal[verb].bind(journal) as () => Promise<never>;
    let tell = (): void => undefined;
    const told = new Promise<void>((resolve) => (tell = resolve));
    Object.assign(journal, {
      [verb]: async () => {
        Object.assign(journal, { [verb]: answer });
        const made = await answer();
        await told;
        return made;
      },
    });
    return { journals: new Journals([journal], DEVICE, systemClock), journal, tell: () => tell() };
  }

  it('tell who asks after a write of it, however late an older question is answered', async () => {
    for (const verb of ['fingerprint', 'list'] as const) {
      const { journals, tell } = late(verb);
      const older = journals.waiting();
      const change = makeChange();
      await journals.append([change]);
      const newer = journals.waiting();
      tell();
      await older;
      expect(idsOf([...(await newer).entries]), verb).toEqual([change.id]);
      expect(idsOf([...(await journals.waiting()).entries]), verb).toEqual([change.id]);
    }
  });

  it('do not take what came while they were read for what is there whenever they are as they were before', async () => {
    const journal = new MemoryJournal();
    const { entries } = journal.medium;
    // As of git: the same again when the last write has gone.
    journal.fingerprint = () => Promise.resolve([...entries.keys()].join());
    const list = journal.list.bind(journal);
    const [first, change] = [makeChange(), makeChange()];
    const others = new Journals([new MemoryJournal(journal.medium)], DEVICE, systemClock);
    await others.append([first]);
    journal.list = async () => {
      journal.list = list;
      await others.append([change]);
      return await list();
    };
    const journals = new Journals([journal], DEVICE, systemClock);
    expect(idsOf([...(await journals.waiting()).entries])).toEqual([first.id, change.id]);
    entries.delete(change.id);
    expect(idsOf([...(await journals.waiting()).entries])).toEqual([first.id]);
  });

  it('let go of what came and went while they were read, once that is removed', async () => {
    const journal = new MemoryJournal();
    const { entries } = journal.medium;
    journal.fingerprint = () => Promise.resolve([...entries.keys()].join());
    const list = journal.list.bind(journal);
    const others = new Journals([new MemoryJournal(journal.medium)], DEVICE, systemClock);
    const change = makeChange();
    journal.list = async () => {
      journal.list = list;
      await others.append([change]);
      const found = await list();
      await others.remove([change.id]);
      return found;
    };
    const journals = new Journals([journal], DEVICE, systemClock);
    await journals.waiting();
    // As whoever finds it settled does.
    await journals.remove([change.id]);
    expect((await journals.waiting()).entries).toEqual([]);
  });

  it('apply nothing before what its maker had seen in another journal, however lately that was looked at', async () => {
    const [outbox, git] = [newMedium(), newMedium()];
    const open = () =>
      new Journals([new MemoryJournal(outbox), new MemoryJournal(git, 'git')], DEVICE, systemClock);
    const [replaying, writing, reading] = [open(), open(), open()];
    const [first, second, third] = [makeChange(), makeChange(), makeChange()];
    await writing.append([first]);
    expect(idsOf([...(await replaying.forReplay()).entries])).toEqual([first.id]);
    outbox.outage = 'full';
    expect(await writing.append([second])).toBe('git');
    outbox.outage = undefined;
    expect(idsOf([...(await reading.waiting()).entries])).toEqual([first.id, second.id]);
    expect(await reading.append([third])).toBe('outbox');
    expect(idsOf([...(await replaying.forReplay()).entries])).toEqual([first.id, second.id, third.id]);
  });

  it('leave for the next time what is saved while they are read for a replay', async () => {
    const medium = newMedium();
    const journal = new MemoryJournal(medium);
    const journals = new Journals([journal], DEVICE, systemClock);
    const other = new Journals([new MemoryJournal(medium)], DEVICE, systemClock);
    const first = makeChange();
    await other.append([first]);
    const list = journal.list.bind(journal);
    journal.list = async () => {
      const found = await list();
      await other.append([makeChange()]);
      return found;
    };
    const { entries } = await journals.forReplay();
    expect(idsOf([...entries])[0]).toBe(first.id);
    expect(entries.length).toBeLessThan(medium.entries.size);
  });

  it('have no fingerprint in common with others that could not read all of it either', async () => {
    const { medium } = new MemoryJournal();
    const unreadable = () => {
      const journal = new MemoryJournal(medium);
      journal.fingerprint = () => Promise.reject(new Error('busy'));
      return new Journals([journal], DEVICE, systemClock);
    };
    const one = await unreadable().waiting();
    await new Journals([new MemoryJournal(medium)], DEVICE, systemClock).append([makeChange()]);
    const other = await unreadable().waiting();
    expect(other.entries).not.toEqual(one.entries);
    expect(other.fingerprint).not.toBe(one.fingerprint);
  });

  it('know what they have saved in a journal that could not be read since', async () => {
    const medium = newMedium();
    const journals = new Journals([new MemoryJournal(medium)], DEVICE, systemClock);
    await journals.waiting();
    const change = makeChange();
    await journals.append([change]);
    medium.outage = 'busy';
    const { hidden, unread } = await journals.waiting();
    expect([idsOf([...hidden]), idsOf([...unread])]).toEqual([[change.id], [change.id]]);
  });

  it('tell once of what was listed while it was saved, where it cannot be read since', async () => {
    const journal = new MemoryJournal();
    const journals = new Journals([journal], DEVICE, systemClock);
    const append = journal.append.bind(journal);
    journal.append = async (entry) => {
      await append(entry);
      await journals.waiting();
    };
    const change = makeChange();
    await journals.append([change]);
    journal.medium.outage = 'busy';
    const { hidden, unread } = await journals.waiting();
    expect([idsOf([...hidden]), idsOf([...unread])]).toEqual([[change.id], [change.id]]);
  });

  it('still tell of what was in one that cannot be read any more, as what an answer may lack', async () => {
    const medium = newMedium();
    let now = 1_000;
    const journals = new Journals([new MemoryJournal(medium)], DEVICE, { ...systemClock, now: () => now });
    const change = makeChange();
    await journals.append([change]);
    await journals.waiting();
    const lackingOf = async () => {
      const answer = { data: 0, source: 'sqlite' as const, warnings: [] };
      const warningOf = (lacking: readonly JournalEntry[]) => ({
        code: '',
        message: idsOf([...lacking]).join(),
      });
      return (await readBesideWaiting(journals, () => Promise.resolve(answer), warningOf))?.warnings;
    };
    medium.outage = 'it cannot be read';
    for (const at of [2_000, 500_000]) {
      now = at;
      expect(await lackingOf()).toMatchObject([{ message: change.id }]);
    }
    expect((await journals.waiting()).hidden).toEqual([]);
  });

  it.each(['used', 'closed'])(
    'keep elsewhere what was in an outbox that one of a newer version took the place of, when next %s',
    async (next) => {
      const folder = path.join(await temporaryProject(), '.worktrail');
      const file = path.join(folder, 'outbox.db');
      const open = () => {
        const markdown = new MarkdownJournal(path.join(folder, 'pending'), DEVICE);
        return new Journals([new LazyOutbox(file, Date.now), markdown], DEVICE, systemClock);
      };
      const journals = open();
      const change = makeChange();
      expect(await journals.append([change])).toBe('outbox');
      const newer = new Database(`${file}.newer`);
      newer.pragma(`application_id = ${OUTBOX_APPLICATION_ID}`);
      newer.pragma('user_version = 99');
      newer.close();
      for (const suffix of ['-wal', '-shm']) await rm(file + suffix);
      await rename(`${file}.newer`, file);
      if (next === 'used') expect(idsOf([...(await journals.waiting()).entries])).toEqual([change.id]);
      await journals.close();
      const again = open();
      expect(idsOf([...(await again.waiting()).entries])).toEqual([change.id]);
      await again.close();
    },
  );
});
