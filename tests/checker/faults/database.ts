// What happens to a PostgreSQL server and to a tracker's database on it.
import type { DatabaseControl } from '../database-control.ts';
import { beginOrUndo, everyFolder, type Fault, type Faults } from './fault.ts';
import type { Stage } from '../stage.ts';

/** What writes go to; a missing right or table hits only the calls that need it. */
const TABLES = [
  'work_items',
  'notes',
  'changes',
  'feed',
  'applied_changes',
  'work_item_labels',
  'claims',
  'work_item_dependencies',
];
const HELPER_TABLES = ['ready_queue', 'work_item_counts'];

const onServer = (begin: (database: DatabaseControl, stage: Stage) => ReturnType<Fault['begin']>): Fault => ({
  target: () => 'postgres',
  begin: (stage) => begin(databaseOf(stage), stage),
});

const onTable = (begin: (database: DatabaseControl, table: string) => ReturnType<Fault['begin']>): Fault => ({
  target: (_stage, random) => `table ${random.pick(random.chance(0.8) ? TABLES : HELPER_TABLES)}`,
  begin: (stage, target) => begin(databaseOf(stage), target.slice('table '.length)),
});

/** A setting of the program's user, which holds for whoever connects from then on. */
const setting = (name: string, value: string): Fault => ({
  target: () => `setting ${name}`,
  begin: async (stage) => {
    const database = databaseOf(stage);
    const alter = (to: string) => async () => {
      await database.run(`alter role clerk in database ${database.name} ${to}`);
      await database.terminateClients();
    };
    return { detail: value, ...(await beginOrUndo(alter(`set ${name} = ${value}`), alter(`reset ${name}`))) };
  },
});

/** These hit some calls and leave the others alone. */
export const TABLE_FAULTS: Faults = {
  'table locked': onTable(async (database, table) => ({
    end: await database.hold("set lock_timeout = '2s'", `lock table ${table} in access exclusive mode`),
  })),

  'table renamed': onTable((database, table) =>
    beginOrUndo(
      () => database.run("set lock_timeout = '2s'", `alter table ${table} rename to ${table}_away`),
      () => database.run(`alter table if exists ${table}_away rename to ${table}`),
    ),
  ),

  'rights revoked': onTable((database, table) =>
    beginOrUndo(
      () => database.run(`revoke insert, update, delete on ${table} from clerk`),
      () => database.run(`grant insert, update, delete on ${table} to clerk`),
    ),
  ),
};

export const DATABASE_FAULTS: Faults = {
  'killed by the kernel': onServer(async (database, stage) => {
    await database.crash();
    return { severs: everyFolder(stage), end: () => database.server.resume() };
  }),

  paused: onServer(async (database, stage) => {
    const goOn = await database.pause();
    return { severs: everyFolder(stage), end: goOn };
  }),

  'restarted at once': onServer(async (database, stage) => {
    await database.server.halt('immediate');
    return { severs: everyFolder(stage), end: () => database.server.resume() };
  }),

  'read-only': setting('default_transaction_read_only', 'on'),

  'no time for statements': {
    target: () => 'setting statement_timeout',
    begin: (stage, target, random) =>
      setting('statement_timeout', String(random.between(1, 10))).begin(stage, target, random),
  },

  'no connections left': {
    target: () => 'connections',
    begin: async (stage) => {
      const database = databaseOf(stage);
      const limit = (to: number) => database.run(`alter database ${database.name} connection limit ${to}`);
      const begin = async () => {
        await limit(0);
        await database.terminateClients();
      };
      return { severs: everyFolder(stage), ...(await beginOrUndo(begin, () => limit(-1))) };
    },
  },

  'clients terminated': {
    target: () => 'clients',
    begin: async (stage) => {
      await databaseOf(stage).terminateClients();
      return { end: () => undefined };
    },
  },

  ...TABLE_FAULTS,
};

function databaseOf({ database }: Stage): DatabaseControl {
  if (database === undefined) throw new Error('this schedule has no PostgreSQL');
  return database;
}
