// A database that comes back older than it was: a standby that lacks the last seconds takes over, or a dump is restored.
import { everyFolder, type Faults } from './fault.ts';

export const FAIL_OVERS: Faults = {
  'an older database takes over': {
    target: () => 'postgres',
    begin: async (stage) => {
      const { database } = stage;
      if (database === undefined) throw new Error('this schedule has no PostgreSQL');
      // Everybody is cut off for the moment of the copy, which is no more than many a network does.
      const primaryForgetsFrom = Date.now();
      await database.copyAside();
      return { primaryForgetsFrom, detail: everyFolder(stage).join(' '), end: () => database.fallBack() };
    },
  },
};
