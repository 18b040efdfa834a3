// Records put into the three journals past them, as a repository, another machine or the version before leaves them.
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { GitJournal } from '../../../src/storage/journals/git-journal.ts';
import { FILE_HEADER, formatRecord } from '../../../src/storage/journals/markdown-journal-format.ts';
import { MarkdownJournal } from '../../../src/storage/journals/markdown-journal.ts';
import { earlierIn } from '../../../src/storage/journals/earlier-version.ts';
import { encodeEntry, encodeForOthers } from '../../../src/storage/journals/entry-codec.ts';
import type { Journal, JournalEntry, JournalName } from '../../../src/storage/contract/journal.ts';
import { openOutbox } from '../../../src/storage/journals/outbox.ts';
import type { Seal } from '../../../src/storage/journals/seal.ts';

/** The seal of somebody else. */
export const FOREIGN_SEAL: Seal = {
  of: () => randomBytes(32).toString('hex'),
  isOwn: () => false,
  problem: () => undefined,
  keyMadeAt: () => undefined,
};

/** What each kind of entry looks like that nothing proves to be ours. */
export const FORGERIES: readonly [name: string, encode: (entry: JournalEntry) => string][] = [
  // Byte for byte what the version before wrote.
  ['without a seal', encodeForOthers],
  ['with the seal of somebody else', (entry) => encodeEntry(entry, FOREIGN_SEAL)],
  [
    'with our seal of another entry',
    (entry) => {
      const other = { ...entry, at: '2026-01-01T00:00:00.000Z' };
      const seal = /"seal":"([0-9a-f]{64})"\}\}$/.exec(encodeEntry(other))?.[1] ?? '';
      return encodeEntry(entry, { ...FOREIGN_SEAL, of: () => seal });
    },
  ],
];

/** The journals of a project whose folder is `.worktrail`. */
export interface PlantedJournal {
  name: JournalName;
  open(project: string): Journal;
  plant(project: string, entry: JournalEntry, record: string): void;
}

const dataDirOf = (project: string) => path.join(project, '.worktrail');
const outboxOf = (project: string) => path.join(dataDirOf(project), 'outbox.db');
const pendingOf = (project: string) => path.join(dataDirOf(project), 'pending');

export const PLANTED: readonly PlantedJournal[] = [
  {
    name: 'outbox',
    open: (project) => openOutbox(outboxOf(project)),
    plant: (project, entry, record) => {
      if (!existsSync(outboxOf(project))) void openOutbox(outboxOf(project)).close();
      const database = new Database(outboxOf(project));
      database.prepare('insert into entries (id, record) values (?, ?)').run(entry.id, record);
      database.exec("update marks set value = value + 1 where name = 'outbox:revision'");
      database.close();
    },
  },
  {
    name: 'git',
    open: (project) => new GitJournal(project, randomUUID(), { findEarlier: earlierIn(dataDirOf(project)) }),
    plant: (project, entry, record) => {
      const run = (input: string, ...args: string[]) =>
        execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', ...args], { cwd: project, input })
          .toString()
          .trim();
      const blob = run(`${record}\n`, 'hash-object', '-w', '--stdin');
      const tree = run(`100644 blob ${blob}\t${entry.id}.json\n`, 'mktree');
      const commit = run('waiting', 'commit-tree', tree);
      run('', 'update-ref', `refs/worktrail/journal/${entry.device}/${randomUUID()}`, commit);
    },
  },
  {
    name: 'markdown',
    open: (project) => new MarkdownJournal(pendingOf(project), randomUUID()),
    plant: (project, entry, record) => {
      mkdirSync(pendingOf(project), { recursive: true });
      const file = path.join(pendingOf(project), `${entry.device}-${randomUUID()}.md`);
      writeFileSync(file, Buffer.concat([FILE_HEADER, formatRecord(entry, record)]));
    },
  },
];
