// Every journal under the one contract.
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { GitJournal } from '../../../src/storage/git/journal.ts';
import { MarkdownJournal } from '../../../src/storage/markdown/journal.ts';
import { openOutbox } from '../../../src/storage/tiers/outbox.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
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
