// The promise of the journals, at its hardest: whatever was acknowledged is there, wherever the process was killed.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { GitJournal } from '../../../src/storage/journals/git-journal.ts';
import { MarkdownJournal } from '../../../src/storage/journals/markdown-journal.ts';
import type { Journal, JournalName } from '../../../src/storage/contract/journal.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { git, temporaryProject } from '../../support/temporary-project.ts';
import { DEVICE, idsOf } from './journal-entries.ts';
import { startJournalProcess } from './journal-processes.ts';
import { episodes } from '../../torture/scale.ts';

const ROUNDS = episodes(4, 10);
const KILLED_WITHIN_MS = 400;
const MORE_THAN_FIT = 1_000_000;

const JOURNALS: {
  name: JournalName;
  placeIn: (folder: string) => string;
  open: (place: string) => Journal;
}[] = [
  { name: 'outbox', placeIn: (folder) => path.join(folder, 'outbox.db'), open: (place) => openOutbox(place) },
  { name: 'git', placeIn: (folder) => folder, open: (place) => new GitJournal(place, DEVICE) },
  {
    name: 'markdown',
    placeIn: (folder) => path.join(folder, 'pending'),
    open: (place) => new MarkdownJournal(place, DEVICE),
  },
];

it.each(JOURNALS)(
  '$name lists every acknowledged entry after its process was killed',
  { timeout: 120_000 },
  async ({ name, placeIn, open }) => {
    const folder = await temporaryProject({ git: name === 'git' });
    const place = placeIn(folder);
    const acknowledged: string[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const writer = startJournalProcess(name, place, 'append', MORE_THAN_FIT);
      while (writer.lines('+').length === 0) await sleep(2);
      await sleep(Math.random() * KILLED_WITHIN_MS);
      writer.kill('SIGKILL');
      await writer.exited;
      acknowledged.push(...writer.lines('+'));

      const journal = open(place);
      const listed = new Set(idsOf(await journal.list()));
      expect(acknowledged.filter((id) => !listed.has(id))).toEqual([]);
      // Killed between the two parts of a frame, the log looks as if it were damaged: then both are named.
      for (const notice of journal.damage()) expect(notice).toMatch(/last write .* was cut short/);
      // Half of what waits goes, so that later rounds find a journal in use.
      const gone = acknowledged.splice(0, Math.floor(acknowledged.length / 2));
      await journal.remove(gone);
      const left = new Set(idsOf(await journal.list()));
      expect(gone.filter((id) => left.has(id))).toEqual([]);
      expect(acknowledged.filter((id) => !left.has(id))).toEqual([]);
      await journal.close();
      console.log(`${name}, round ${round}: ${writer.lines('+').length} acknowledged, ${listed.size} listed`);
    }
    if (name === 'git') await git(folder, 'fsck', '--strict');
  },
);
