// What every journal promises (`Journal` in src/storage/contract/journal.ts), as one suite for all of them.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/storage/contract/journal.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { idsOf, makeEntries, makeEntry } from './journal-entries.ts';

/** A place to keep entries in; every call of `open` is another process's view of the same one. */
export interface JournalPlace {
  open(): Promise<Journal> | Journal;
}

/** How many entries the longer tests write: git takes its time. */
export interface JournalSuiteOptions {
  entries?: number;
}

export function describeJournal(
  name: string,
  makePlace: () => Promise<JournalPlace>,
  { entries: COUNT = 60 }: JournalSuiteOptions = {},
): void {
  describe(name, () => {
    let place: JournalPlace;
    let journal: Journal;
    const openAnother = async () => {
      const opened = await place.open();
      cleanUpLater(() => opened.close());
      return opened;
    };
    beforeEach(async () => {
      place = await makePlace();
      journal = await place.open();
      return () => journal.close();
    });

    it('has nothing to tell at first', async () => {
      expect(await journal.list()).toEqual([]);
      expect(journal.damage()).toEqual([]);
      await journal.remove(['01890000-0000-7000-8000-000000000000']);
      expect(typeof (await journal.fingerprint())).toBe('string');
    });

    it('lists what was appended, value for value', async () => {
      const entries = makeEntries(3);
      for (const entry of entries) await journal.append(entry);
      const listed = await journal.list();
      expect(listed).toHaveLength(3);
      expect(listed).toEqual(expect.arrayContaining(entries));
      expect(journal.damage()).toEqual([]);
    });

    it('shows every instance what any of them appended', async () => {
      const other = await openAnother();
      const [first, second] = [makeEntry(), makeEntry()];
      await journal.append(first);
      await other.append(second);
      expect(idsOf(await journal.list())).toEqual(idsOf([first, second]));
      expect(idsOf(await other.list())).toEqual(idsOf([first, second]));
    });

    it('counts an id once, whoever appends it again', async () => {
      const other = await openAnother();
      const entry = makeEntry();
      await journal.append(entry);
      await journal.append(entry);
      await other.append(entry);
      expect(await journal.list()).toEqual([entry]);
      await other.remove([entry.id]);
      expect(await journal.list()).toEqual([]);
    });

    it('lists an entry again that is appended after it was removed', async () => {
      const other = await openAnother();
      const entry = makeEntry();
      await journal.append(entry);
      await other.remove([entry.id]);
      await journal.append(entry);
      expect(idsOf(await other.list())).toEqual([entry.id]);
    });

    it('removes what it is told to, of any instance, and nothing else', async () => {
      const other = await openAnother();
      const entries = makeEntries(6);
      for (const [index, entry] of entries.entries()) await (index % 2 ? journal : other).append(entry);
      await journal.remove(idsOf(entries.slice(0, 4)));
      expect(idsOf(await other.list())).toEqual(idsOf(entries.slice(4)));
      await other.remove([...idsOf(entries), 'unknown-id']);
      expect(await journal.list()).toEqual([]);
    });

    it('keeps entries when it is closed and opened again', async () => {
      const entries = makeEntries(2);
      for (const entry of entries) await journal.append(entry);
      await journal.close();
      const reopened = await openAnother();
      expect(idsOf(await reopened.list())).toEqual(idsOf(entries));
      const third = makeEntry();
      await reopened.append(third);
      expect(idsOf(await reopened.list())).toEqual(idsOf([...entries, third]));
    });

    it('takes concurrent appends of one instance', async () => {
      const entries = makeEntries(COUNT / 4);
      await Promise.all(entries.map((entry) => journal.append(entry)));
      expect(idsOf(await journal.list())).toEqual(idsOf(entries));
    });

    it('takes concurrent appends of several instances', async () => {
      const instances = [journal, await openAnother(), await openAnother(), await openAnother()];
      const entries = makeEntries(COUNT);
      await Promise.all(
        instances.map(async (instance, index) => {
          for (const entry of entries.filter((_, at) => at % instances.length === index)) {
            await instance.append(entry);
          }
        }),
      );
      expect(idsOf(await journal.list())).toEqual(idsOf(entries));
    });

    it('has exactly what was appended and not removed, while some append and others remove', async () => {
      const entries = makeEntries(COUNT);
      const waiting: string[] = [];
      const removed = new Set<string>();
      let appending = 2;
      const append = async (half: number) => {
        const instance = await openAnother();
        for (const entry of entries.filter((_, at) => at % 2 === half)) {
          await instance.append(entry);
          waiting.push(entry.id);
          await nextTurn();
        }
        appending -= 1;
      };
      const remove = async () => {
        const instance = await openAnother();
        while (appending > 0) {
          const ids = waiting.splice(0, 3);
          await instance.remove(ids);
          for (const id of ids) removed.add(id);
          const gone = new Set(removed);
          const listed = idsOf(await instance.list());
          expect(listed.filter((id) => gone.has(id))).toEqual([]);
          await nextTurn();
        }
      };
      await Promise.all([append(0), append(1), remove(), remove()]);
      expect(removed.size).toBeGreaterThan(0);
      expect(idsOf(await journal.list())).toEqual(idsOf(entries).filter((id) => !removed.has(id)));
    });

    it('has a fingerprint that changes with its content and not without', async () => {
      const other = await openAnother();
      const entry = makeEntry();
      const seen = [await journal.fingerprint()];
      expect(await journal.fingerprint()).toBe(seen[0]);
      await other.append(entry);
      seen.push(await journal.fingerprint());
      await journal.append(makeEntry());
      seen.push(await journal.fingerprint());
      expect(await journal.fingerprint()).toBe(seen[2]);
      await other.remove([entry.id]);
      seen.push(await journal.fingerprint());
      expect(new Set(seen).size).toBe(4);
    });

    it('keeps entries of a megabyte', async () => {
      const metadata = { long: 'x'.repeat(1_000_000) };
      const entries = [makeEntry({ patch: { metadata } }), makeEntry()];
      for (const entry of entries) await journal.append(entry);
      expect(await journal.list()).toEqual(expect.arrayContaining(entries));
      await journal.remove([entries[1]?.id ?? '']);
      expect(await journal.list()).toEqual([entries[0]]);
    });

    it.each(ODD_TEXTS)('keeps odd text as it is: %j', async (title) => {
      const entry = makeEntry({ patch: { description: title, metadata: { [title]: title } } });
      await journal.append(entry);
      expect(await journal.list()).toEqual([entry]);
      expect(journal.damage()).toEqual([]);
    });

    it('refuses an id under which an entry could not be found again', async () => {
      const entry = { ...makeEntry(), id: '../../escape\n' };
      await expect(journal.append(entry)).rejects.toThrow();
      expect(await journal.list()).toEqual([]);
    });
  });
}

const ODD_TEXTS = [
  '',
  '```\n## heading\n```json',
  'a\r\nb\u2028c\u0007d',
  '🧭 ünïcödé \u202e',
  '{"worktrail_entry":1,"bytes":2,"sha256":"',
  '--option; $(touch x) \'"`',
];
