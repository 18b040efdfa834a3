// Damage to what the tracker keeps in git: snapshots, which are asked when what is above them is gone, and a journal.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SNAPSHOT_REF } from '../../../src/storage/replicas/snapshot.ts';
import { git } from '../../support/temporary-project.ts';
import { damageFile, removeFile } from './damage.ts';
import type { FileCase } from './file-case.ts';
import { moveWaiting } from './lower-journals.ts';
import type { Scene } from './scene.ts';

const snapshotObjectCases = (['postgres', 'embedded'] as const).flatMap((on) =>
  (['empty', 'garbage', 'deleted'] as const).map((damage): FileCase => ({
    file: 'git snapshot object',
    damage,
    on,
    when: 'before the start',
    prepare: (scene) => removeFile(scene.file('cache.db')),
    harm: async (scene) => {
      const names = damage === 'deleted' ? ['', '^{tree}', ':work_items.jsonl'] : [':work_items.jsonl'];
      const files = await Promise.all(names.map((name) => objectFile(scene, `${SNAPSHOT_REF}${name}`)));
      for (const file of files) damageFile(file, damage);
    },
    reads: ['git_history', 'markdown_file'],
    writes: ['outbox'],
  })),
);

const snapshotRefCases = (['empty', 'garbage', 'deleted', 'foreign', 'older'] as const).map(
  (damage): FileCase => ({
    file: 'git snapshot ref',
    damage,
    on: 'postgres',
    when: 'before the start',
    prepare: (scene) => removeFile(scene.file('cache.db')),
    harm: async (scene) => {
      const { projectDir } = scene.place;
      if (damage === 'older') await git(projectDir, 'update-ref', SNAPSHOT_REF, `${SNAPSHOT_REF}~1`);
      else if (damage === 'foreign') {
        await git(projectDir, 'fetch', '--quiet', scene.template.foreign, `+${SNAPSHOT_REF}:${SNAPSHOT_REF}`);
      } else damageFile(scene.file(path.join('.git', SNAPSHOT_REF)), damage);
    },
    reads: damage === 'older' ? ['git_history'] : ['markdown_file', 'git_history'],
    writes: ['outbox'],
  }),
);

const journalCases = (['empty', 'garbage', 'deleted'] as const).map((damage): FileCase => {
  let kept: { file: string; bytes: Buffer } | undefined;
  return {
    file: 'git journal blob',
    damage,
    on: 'postgres',
    when: 'before the start',
    prepare: (scene) => moveWaiting(scene, scene.template.waiting.slice(2), 'git'),
    harm: async (scene) => {
      const [ref] = (
        await git(scene.place.projectDir, 'for-each-ref', '--format=%(refname)', 'refs/worktrail/journal')
      ).split('\n');
      const file = await objectFile(scene, `${ref}:${scene.template.waiting[3]}.json`);
      kept = { file, bytes: readFileSync(file) };
      damageFile(file, damage);
    },
    reads: ['sqlite_cache'],
    writes: ['outbox'],
    says: /waiting in the git repository is damaged/,
    // The damaged write stays where it is, and is applied when its object is whole again.
    mend: () => writeFileSync(kept?.file ?? '', kept?.bytes ?? ''),
  };
});

export const gitCases: readonly FileCase[] = [...snapshotObjectCases, ...snapshotRefCases, ...journalCases];

/** The file of an object of git, which is not packed in these repositories. */
async function objectFile(scene: Scene, name: string): Promise<string> {
  const id = (await git(scene.place.projectDir, 'rev-parse', '--verify', name)).trim();
  const file = scene.file(path.join('.git', 'objects', id.slice(0, 2), id.slice(2)));
  // Git makes them read-only, which keeps everybody but root from damaging them.
  chmodSync(file, 0o644);
  return file;
}
