// Damage to the outbox, which holds what exists nowhere else: it may cost what was in the file, and nothing more.
import { DAMAGES } from './damage.ts';
import type { FileCase } from './file-case.ts';

const EVERY_WAITING_WRITE = [0, 1, 2, 3];

export const outboxCases: readonly FileCase[] = [
  ...(['postgres', 'embedded'] as const).flatMap((on) =>
    DAMAGES.map((damage): FileCase => ({
      file: 'outbox.db',
      damage,
      on,
      when: 'before the start',
      reads: on === 'postgres' ? ['sqlite_cache'] : ['git_history'],
      writes: ['outbox'],
      mayLose: EVERY_WAITING_WRITE,
      ...(['half', 'garbage', 'flipped'].includes(damage) && {
        says: /outbox .* was damaged, or replaced while it was in use\. \d+ of the writes/,
      }),
      ...(damage === 'foreign' && { says: /belong to another project/ }),
    })),
  ),
  ...(['empty', 'garbage', 'flipped', 'deleted', 'foreign'] as const).map((damage): FileCase => ({
    file: 'outbox.db',
    damage,
    on: 'postgres',
    when: 'in use',
    reads: ['sqlite_cache'],
    writes: ['outbox'],
    // Who has it open still has what another file took the place of.
    mayLose: damage === 'deleted' || damage === 'foreign' ? [] : EVERY_WAITING_WRITE,
  })),
];
