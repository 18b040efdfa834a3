// Damage to the local cache: it can be made again, so nothing but a moment's comfort is lost with it.
import { DAMAGES } from './damage.ts';
import type { FileCase } from './file-case.ts';

export const cacheCases: readonly FileCase[] = [
  ...DAMAGES.map((damage): FileCase => ({
    file: 'cache.db',
    damage,
    on: 'postgres',
    when: 'before the start',
    reads: damage === 'older' ? ['sqlite_cache'] : ['git_history'],
    writes: ['outbox'],
    ...(['garbage', 'half', 'foreign'].includes(damage) && { says: /local cache was put aside/ }),
  })),
  ...(['garbage', 'deleted', 'foreign', 'half'] as const).map((damage): FileCase => ({
    file: 'cache.db',
    damage,
    on: 'postgres',
    when: 'in use',
    reads: ['sqlite_cache', 'git_history'],
    writes: ['outbox'],
  })),
];
