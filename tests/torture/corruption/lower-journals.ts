// Waiting writes in the journals below the outbox.
import { readFileSync } from 'node:fs';
import { GitJournal } from '../../../src/storage/journals/git-journal.ts';
import { MarkdownJournal } from '../../../src/storage/journals/markdown-journal.ts';
import { inReplayOrder, type Journal } from '../../../src/storage/contract/journal.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import type { Scene } from './scene.ts';

/** Puts some of the waiting writes where they would be if the outbox could not have been written then. */
export async function moveWaiting(
  scene: Scene,
  ids: readonly string[],
  to: 'git' | 'markdown',
): Promise<void> {
  const device = readFileSync(scene.file('device'), 'utf8').trim();
  const outbox = openOutbox(scene.file('outbox.db'));
  const journal: Journal =
    to === 'git'
      ? new GitJournal(scene.place.projectDir, device)
      : new MarkdownJournal(scene.file('pending'), device);
  const entries = (await outbox.list()).filter(({ id }) => ids.includes(id)).sort(inReplayOrder);
  for (const entry of entries) await journal.append(entry);
  await outbox.remove(ids);
  await journal.close();
  await outbox.close();
}
