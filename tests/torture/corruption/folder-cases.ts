// Damage to what the folder remembers of itself: the project it belongs to, and the device it is on.
import { cpSync, existsSync, renameSync } from 'node:fs';
import { expect } from 'vitest';
import { MOMENTS } from './damage.ts';
import type { FileCase } from './file-case.ts';

const projectCases: readonly FileCase[] = [
  ...(['empty', 'half', 'garbage', 'deleted'] as const).flatMap((damage) =>
    (['there', 'away'] as const).map((primary): FileCase => ({
      file: 'project.json',
      damage,
      on: 'postgres',
      when: 'before the start',
      primary,
      prepare: (scene) => {
        // Nothing but the first commit vouches for the database then: it must be this repository's.
        expect(existsSync(scene.file('.git'))).toBe(true);
      },
      reads: primary === 'there' ? ['postgres', 'sqlite_cache'] : [],
      writes: primary === 'there' ? ['postgres', 'outbox'] : [],
    })),
  ),
  ...(['garbage', 'deleted'] as const).flatMap((damage): FileCase[] => [
    {
      file: 'project.json',
      damage,
      on: 'postgres',
      when: 'in use',
      reads: ['sqlite_cache'],
      writes: ['outbox'],
    },
    {
      file: 'project.json',
      damage,
      on: 'embedded',
      when: 'before the start',
      primary: 'there',
      reads: ['sqlite'],
      writes: ['sqlite', 'outbox'],
    },
  ]),
  ...MOMENTS.map((when): FileCase => ({
    file: 'project.json',
    damage: 'foreign',
    on: 'postgres',
    when,
    primary: 'there',
    prepare: (scene) => cpSync(scene.file('project.json'), scene.file('project.kept')),
    // Nothing that lies there is of the project that the folder is told it belongs to.
    reads: when === 'before the start' ? [] : ['postgres', 'sqlite_cache', 'git_history', 'markdown_file'],
    writes: ['postgres', 'outbox'],
    mend: (scene) => renameSync(scene.file('project.kept'), scene.file('project.json')),
    // What was saved then is that project's, as far as anybody can tell: it is kept, and told of.
    strands: /belong to another project/,
  })),
];

const deviceCases: readonly FileCase[] = [
  ...(['empty', 'half', 'garbage', 'deleted', 'foreign'] as const).map((damage): FileCase => ({
    file: 'device',
    damage,
    on: damage === 'half' ? 'embedded' : 'postgres',
    when: 'before the start',
    reads: damage === 'half' ? ['git_history'] : ['sqlite_cache'],
    writes: ['outbox'],
  })),
  {
    file: 'device',
    damage: 'deleted',
    on: 'postgres',
    when: 'in use',
    reads: ['sqlite_cache'],
    writes: ['outbox'],
  },
];

export const folderCases: readonly FileCase[] = [...projectCases, ...deviceCases];
