// A process of its own that uses a journal: `tsx journal-child.ts JOURNAL PLACE append|list COUNT`.
// Prints `+ <id>` once an entry was acknowledged, `= <id>` for each one listed, `! <text>` for damage.
import { writeSync } from 'node:fs';
import { GitJournal } from '../../../src/storage/journals/git-journal.ts';
import { MarkdownJournal } from '../../../src/storage/journals/markdown-journal.ts';
import { JournalUnavailable, type Journal, type JournalName } from '../../../src/storage/contract/journal.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import { DEVICE, makeEntry } from './journal-entries.ts';

const [name = '', place = '', task = '', count = '0'] = process.argv.slice(2);
const STDOUT = 1;
const say = (line: string) => writeSync(STDOUT, `${line}\n`);

const OPEN: Record<JournalName, () => Journal> = {
  outbox: () => openOutbox(place),
  git: () => new GitJournal(place, DEVICE),
  markdown: () => new MarkdownJournal(place, DEVICE),
};
const journal = OPEN[name as JournalName]();

if (task === 'list') {
  for (const { id } of await journal.list()) say(`= ${id}`);
} else {
  for (let written = 0; written < Number(count); written += 1) {
    const entry = makeEntry({
      patch: { title: `Entry ${written}`, description: 'x'.repeat(written % 7000) },
    });
    try {
      await journal.append(entry);
      say(`+ ${entry.id}`);
    } catch (error) {
      say(`? ${error instanceof JournalUnavailable ? error.message : String(error)}`);
    }
  }
}
for (const sentence of journal.damage()) say(`! ${sentence}`);
await journal.close();
