// Damage to what the tracker keeps as Markdown: the journal of last resort, and the status file, the last layer of all.
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SNAPSHOT_REF } from '../../../src/storage/replicas/snapshot.ts';
import { git } from '../../support/temporary-project.ts';
import { DAMAGES, damageFile, removeFile } from './damage.ts';
import type { FileCase } from './file-case.ts';
import { moveWaiting } from './lower-journals.ts';
import type { Scene } from './scene.ts';

const journalCases = (['empty', 'half', 'garbage', 'flipped', 'deleted', 'foreign'] as const).map(
  (damage): FileCase => ({
    file: 'pending markdown file',
    damage,
    on: damage === 'half' ? 'embedded' : 'postgres',
    when: 'before the start',
    prepare: (scene) => moveWaiting(scene, scene.template.waiting.slice(2), 'markdown'),
    harm: (scene) => {
      const file = pendingFile(scene);
      if (damage !== 'foreign') return damageFile(file, damage);
      // Another journal's text, which does not hold a record.
      writeFileSync(file, '# Notes\n\nNothing of Worktrail in here.\n');
    },
    reads: damage === 'half' ? ['git_history'] : ['sqlite_cache'],
    writes: ['outbox'],
    mayLose: [2, 3],
    // What looks like a write that was cut off before it was acknowledged says nothing.
    ...(['garbage', 'flipped'].includes(damage) && { says: /waiting write .* ?(is|was) damaged/ }),
  }),
);

// The established format does not say whose it is: there is no "foreign" one.
const statusFileCases = DAMAGES.filter((damage) => damage !== 'foreign').map((damage): FileCase => ({
  file: '.project_status.md',
  damage,
  on: damage === 'half' ? 'embedded' : 'postgres',
  when: 'before the start',
  prepare: async (scene) => {
    removeFile(scene.file('cache.db'));
    await git(scene.place.projectDir, 'update-ref', '-d', SNAPSHOT_REF);
  },
  reads: ['empty', 'garbage', 'deleted'].includes(damage) ? [] : ['markdown_file'],
  ...(damage === 'half' && { knows: 'test-project item 3' }),
  // Without any copy to check it against, a write is still saved.
  writes: ['outbox'],
}));

export const markdownCases: readonly FileCase[] = [...journalCases, ...statusFileCases];

function pendingFile(scene: Scene): string {
  const [name] = readdirSync(scene.file('pending')).filter((one) => one.endsWith('.md'));
  return path.join(scene.file('pending'), name ?? '');
}
