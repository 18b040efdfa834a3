/** Damaged outboxes: set aside under a name of their own, read out once, and never deleted. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { syncFolderNow } from '../../platform/sync-folder.ts';
import { FILE_MODE } from '../../platform/file-modes.ts';
import type { FindEarlier } from './earlier-version.ts';
import { encodeEntry, encodeUnsealed } from './entry-codec.ts';
import { salvage } from './outbox-salvage.ts';
import { OWN_MARKS, SET_MARK_TO_LARGER, addEntry, areOwnMarks, type OutboxFile } from './outbox-tables.ts';

const SALVAGED = `${OWN_MARKS}salvaged:`;

/** The damaged files beside `file`, each named once whichever of its parts are left. */
export function damagedCopies(file: string): string[] {
  const start = `${path.basename(file).replace(/\.db$/, '')}.damaged-`;
  const names = readdirSync(path.dirname(file))
    .filter((name) => name.startsWith(start) && /\.db(-wal|-shm)?$/.test(name))
    .map((name) => path.join(path.dirname(file), name.replace(/-(wal|shm)$/, '')));
  return [...new Set(names)].sort();
}

/** Keeps the bytes of a log, before anything else can alter it. */
export function keepLog(copy: string, log: Buffer): void {
  writeFileSync(`${copy}-wal`, log, { flush: true, mode: FILE_MODE });
  syncFolderNow(path.dirname(copy));
}

/**
 * Takes over what a damaged copy holds, once; a process that was killed over it leaves it to the next. What nothing
 * proves to be ours stays such.
 * @param until when the copy was last written, as far as its times say
 */
export function saveFrom(
  opened: OutboxFile,
  file: string,
  copy: string,
  until: number,
  findEarlier: FindEarlier,
): string {
  const done = `${SALVAGED}${path.basename(copy)}`;
  const told = opened.statement('select value from marks where name = ?').pluck().get(done);
  if (typeof told === 'string') return told;
  const found = salvage(readIfThere(copy), readIfThere(`${copy}-wal`));
  const unsealed = [...found.entries.values()].filter(({ seal }) => seal === 'none');
  const earlier = findEarlier(unsealed.map(({ entry }) => ({ entry, until })));
  return opened.transaction(() => {
    for (const { entry, seal, attempts, reason } of found.entries.values()) {
      const isOurs = seal === 'own' || earlier.has(entry);
      if (!addEntry(opened, entry, (isOurs ? encodeEntry : encodeUnsealed)(entry))) continue;
      opened
        .statement('update entries set attempts = ?, reason = ? where id = ?')
        .run(attempts, reason, entry.id);
    }
    const mark = opened.statement(SET_MARK_TO_LARGER);
    const areOwn = areOwnMarks(new Map(found.marks.map(({ name, value }) => [name, value])));
    for (const { name, value } of areOwn ? found.marks : [])
      if (!name.startsWith(OWN_MARKS)) mark.run(name, value);
    const provisional = opened.statement('insert or ignore into provisional values (?, ?, ?, ?)');
    for (const row of found.provisional) {
      provisional.run(row.record_id, row.version, row.change_id, row.noted_at);
    }
    // A process that was killed between the two parts of a frame leaves what a flipped bit does.
    const [what, kept] = existsSync(copy)
      ? [`The outbox ${file} was damaged, or replaced while it was in use.`, copy]
      : [`The last write to the outbox ${file} was cut short, or its log was damaged.`, `${copy}-wal`];
    const sentence = `${what} ${found.entries.size} of the writes waiting in it were saved; what was found is kept as ${kept}.`;
    mark.run(done, sentence);
    return sentence;
  });
}

export function readIfThere(file: string): Buffer {
  return existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
}
