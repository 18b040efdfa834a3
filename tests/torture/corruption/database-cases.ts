// Damage to the PostgreSQL database: another one in its place, or things in it that the tracker did not do.
import { schemaName } from '../../../src/storage/opening/open-primary.ts';
import type { Moment } from './damage.ts';
import type { DatabaseCase } from './database-case.ts';
import { SCHEMA, type Scene } from './scene.ts';
import { nameOf, runSql } from './sql.ts';

export function databaseCases(when: Moment): DatabaseCase[] {
  return [...otherDatabases(when), ...otherContents(when)];
}

function otherDatabases(when: Moment): DatabaseCase[] {
  return [
    {
      name: 'an empty database of the same name',
      when,
      prepare: async ({ template }) => nameOf(await template.server.createDatabase()),
      ...SWAPPED,
      ...HAS_NO_PROJECT,
    },
    {
      name: 'an older dump of the whole database',
      when,
      prepare: (scene) => copyOfDatabase(scene, scene.template.databases?.older),
      ...SWAPPED,
      ...IS_NOT_THE_TRUTH,
      says: /it is older than what this folder has seen/,
    },
    {
      name: "another project's schema under this one's name",
      when,
      prepare: async (scene) => {
        const database = await copyOfDatabase(scene, scene.template.databases?.foreign);
        await runSql(scene.template.server.url(database), [
          `alter schema ${schemaName('other-project')} rename to ${SCHEMA}`,
        ]);
        return database;
      },
      ...SWAPPED,
      ...IS_NOT_THE_TRUTH,
      says: /(this folder remembers another project|it holds another project)/,
    },
  ];
}

function otherContents(when: Moment): DatabaseCase[] {
  return [
    {
      name: 'the schema dropped',
      when,
      strike: (scene) => scene.sql(`alter schema ${SCHEMA} rename to kept`),
      // Whatever was made in its place meanwhile would be in the way.
      heal: (scene) => scene.sql(`alter schema kept rename to ${SCHEMA}`),
      ...HAS_NO_PROJECT,
    },
    {
      name: 'the tables put back to an earlier state',
      when,
      strike: async (scene) => {
        await scene.sql(KEEP_TABLES);
        await scene.sql(`${PUT_TABLES_BACK}; delete from changes where seq > 5; update feed set seq = 5`);
      },
      heal: (scene) => scene.sql(PUT_TABLES_BACK),
      ...IS_NOT_THE_TRUTH,
      says: /it is older than what this folder has seen/,
    },
    {
      name: 'a third of the items deleted with all that counts them',
      when,
      strike: async (scene) => {
        await scene.sql(KEEP_TABLES);
        await scene.sql(
          `${DELETE_ITEMS}; update work_item_counts c set items = (select count(*) from work_items w
            where w.status = c.status and w.item_type = c.item_type)`,
        );
      },
      heal: (scene) => scene.sql(PUT_TABLES_BACK),
      ...IS_NOT_THE_TRUTH,
      says: /it holds \d+ items where \d+ were seen/,
    },
    {
      name: 'a third of the items deleted by hand',
      when,
      unnoticed:
        'items are counted by a table of counts, which knows nothing of what is deleted past the tracker',
      strike: async (scene) => {
        await scene.sql(KEEP_TABLES);
        await scene.sql(DELETE_ITEMS);
      },
      heal: (scene) => scene.sql(PUT_TABLES_BACK),
      ...IS_NOT_THE_TRUTH,
      says: /it holds \d+ items where \d+ were seen/,
    },
    {
      name: 'default_transaction_read_only=on',
      when,
      strike: async (scene) => {
        await scene.administer(`alter database "${scene.database}" set default_transaction_read_only = on`);
        await scene.cut();
      },
      heal: async (scene) => {
        await scene.administer(`alter database "${scene.database}" reset default_transaction_read_only`);
        await scene.cut();
      },
      state: ['offline'],
      reads: ['sqlite_cache'],
      writes: ['outbox'],
      says: /it is read-only at the moment/,
      showsOnWriting: true,
    },
  ];
}

const SWAPPED: Pick<DatabaseCase, 'strike' | 'heal'> = {
  strike: (scene, prepared) => scene.swapIn(prepared),
  heal: (scene) => scene.swapBack(),
};

const IS_NOT_THE_TRUTH: Pick<DatabaseCase, 'state' | 'reads' | 'writes'> = {
  state: ['refused'],
  reads: ['sqlite_cache'],
  writes: ['outbox'],
};

const HAS_NO_PROJECT: Pick<DatabaseCase, 'state' | 'reads' | 'writes' | 'says'> = {
  ...IS_NOT_THE_TRUTH,
  // Between two looks it may be "offline": nothing of it answers.
  state: ['refused', 'offline'],
  says: /does not have (the project|the tables)|one of its tables is missing/,
};

const DELETE_ITEMS = `set session_replication_role = replica;
  delete from work_items where title ~ 'item (2|3|4|5|6)$'`;

/** Copies of all tables beside them. */
const KEEP_TABLES = `do $$ declare t text; begin
  create schema kept_now;
  for t in select tablename from pg_tables where schemaname = '${SCHEMA}' loop
    execute format('create table kept_now.%I as table ${SCHEMA}.%I', t, t);
  end loop;
end $$`;

const PUT_TABLES_BACK = `set session_replication_role = replica; do $$ declare t text; begin
  for t in select tablename from pg_tables where schemaname = 'kept_now' loop
    execute format('delete from ${SCHEMA}.%I', t);
    execute format('insert into ${SCHEMA}.%I select * from kept_now.%I', t, t);
  end loop;
end $$`;

async function copyOfDatabase({ template: { server } }: Scene, template = ''): Promise<string> {
  return nameOf(await server.createDatabase(undefined, { template }));
}
