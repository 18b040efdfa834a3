// Disks that fill up, where the schedule has put something on a small one.
import { fill } from '../small-disk.ts';
import type { Faults } from './fault.ts';

export const DISK_FAULTS: Faults = {
  'disk of the folder full': {
    target: ({ folders }, random) => `disk of ${random.pick(folders).name}`,
    begin: (stage, target) => {
      const folder = stage.folders.find(({ name }) => target === `disk of ${name}`);
      if (folder === undefined) throw new Error(`there is no ${target}`);
      return Promise.resolve({ end: fill(folder.dataDir) });
    },
  },
};

export const DATABASE_DISK_FAULTS: Faults = {
  'disk of the database full': {
    target: () => 'disk of the database',
    begin: (stage) => {
      const disk = stage.database?.disk;
      if (disk === undefined) throw new Error('the database is on no disk of its own');
      return Promise.resolve({ end: fill(disk) });
    },
  },
};
