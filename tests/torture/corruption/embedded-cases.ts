// Damage to the embedded database, which is the truth: it is left as it is, and its intact copy takes all that waits.
import { cpSync, existsSync, readFileSync, renameSync } from 'node:fs';
import Database from 'better-sqlite3';
import { recoverWrites } from '../../../src/storage/maintenance/recover-writes.ts';
import { removeFile } from './damage.ts';
import type { FileCase } from './file-case.ts';
import { settled } from './patience.ts';
import type { Scene } from './scene.ts';

export const embeddedCases: readonly FileCase[] = [
  ...(['empty', 'half', 'garbage', 'flipped', 'deleted', 'foreign'] as const).map((damage): FileCase => ({
    file: 'worktrail.db',
    damage,
    on: 'embedded',
    when: 'before the start',
    primary: 'there',
    prepare: (scene) => cpSync(scene.file('worktrail.db'), scene.file('worktrail.backup')),
    reads: damage === 'flipped' ? ['sqlite', 'git_history'] : ['git_history'],
    writes: damage === 'flipped' ? ['outbox', 'sqlite'] : ['outbox'],
    ...(damage !== 'flipped' && { says: /embedded database (is not used|cannot be used)/ }),
    untouched: (scene) =>
      existsSync(scene.file('worktrail.db'))
        ? readFileSync(scene.file('worktrail.db')).toString('base64')
        : 'deleted',
    mend: putBackupBack,
  })),
  ...(['empty', 'half', 'garbage', 'deleted', 'foreign', 'older'] as const).map((damage): FileCase => {
    // What is written over under the hands of a process may still be whole in its memory for a while; a file that is
    // not the one in its place any more must not be written to.
    const isReplaced = ['deleted', 'foreign', 'older'].includes(damage);
    return {
      file: 'worktrail.db',
      damage,
      on: 'embedded',
      when: 'in use',
      primary: 'there',
      atRest: async (scene) => {
        await settled(scene.tracker);
        const database = new Database(scene.file('worktrail.db'));
        database.prepare('vacuum into ?').run(scene.file('worktrail.backup'));
        database.close();
      },
      reads: ['sqlite', 'git_history'],
      writes: isReplaced ? ['outbox'] : ['outbox', 'sqlite'],
      // What only the damaged database had is in no backup made before; the folder still has it.
      mend: async (scene) => {
        putBackupBack(scene);
        await recoverWrites(scene.place);
      },
    };
  }),
];

function putBackupBack(scene: Scene): void {
  removeFile(scene.file('worktrail.db'));
  renameSync(scene.file('worktrail.backup'), scene.file('worktrail.db'));
}
