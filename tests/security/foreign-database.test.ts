// Database files that came with a repository: whatever is in them that Worktrail did not make is named, and never runs.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/platform/package-root.ts';
import { refuseForeignInTracker } from '../../src/storage/primary/schema-objects.ts';
import { migratedSchema } from '../../src/storage/primary/migrated-schema.ts';
import { readMigrations } from '../../src/storage/primary/migrate.ts';
import { schemaIndexes } from '../../src/storage/primary/schema-indexes.ts';
import { runInProcess } from '../support/in-process.ts';
import { temporaryProject } from '../support/program.ts';

const PLANTED: readonly [what: string, sql: string, named: string][] = [
  [
    'a trigger',
    `create trigger planted after insert on work_items begin update work_items set title = 'HACKED ' || title; end`,
    'a trigger "planted" that Worktrail did not make',
  ],
  ['a view', 'create view planted as select 1', 'a view "planted" that Worktrail did not make'],
  ['a table', 'create table planted (a)', 'a table "planted" that Worktrail did not make'],
  [
    'an index',
    'create index planted on work_items (upper(title))',
    'an index "planted" that Worktrail did not make',
  ],
  [
    'a view in the place of a table',
    'alter table notes rename to planted; create view notes as select * from planted',
    'that Worktrail did not make',
  ],
  [
    'a column that is computed',
    `alter table notes add column planted as (zeroblob(1e9))`,
    'is not as Worktrail makes it',
  ],
  [
    'a view in the place of the record of migrations',
    `drop table __drizzle_migrations; create view __drizzle_migrations as
      with recursive endless (created_at) as (select 1 union all select created_at + 1 from endless) select * from endless`,
    'a view "__drizzle_migrations" that Worktrail did not make',
  ],
];

async function trackerWith(sql: string) {
  const project = await temporaryProject();
  expect(await runInProcess(['create', 'An item'], { project })).toMatchObject({ code: 0 });
  const file = path.join(project, '.worktrail', 'worktrail.db');
  const database = new Database(file);
  database.exec(sql);
  database.pragma('journal_mode = DELETE');
  database.close();
  // As it is in a clone: the folder knows nothing of the project yet.
  rmSync(path.join(project, '.worktrail', 'project.json'));
  return { project, file };
}

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('a tracker that came with a repository, with', () => {
  it.each(PLANTED)('%s', async (_what, sql, named) => {
    const { project, file } = await trackerWith(sql);
    const before = hashOf(file);
    for (const command of [['list'], ['create', 'honest title'], ['backup'], ['doctor']]) {
      const { code, stdout, stderr } = await runInProcess(command, { project });
      expect({ command, code }).toEqual({ command, code: 3 });
      expect(stdout + stderr).toContain(named);
      expect(stdout + stderr).toContain(file);
    }
    expect(hashOf(file)).toBe(before);
  });
});

describe('the record of jobs', () => {
  it('is named and makes way when it has a trigger, and work goes on', async () => {
    const project = await temporaryProject();
    await runInProcess(['create', 'An item'], { project });
    await runInProcess(['backup'], { project });
    const file = path.join(project, '.worktrail', 'operations.db');
    const database = new Database(file);
    database.exec('create trigger planted after insert on jobs begin select 1; end');
    database.close();
    expect((await runInProcess(['doctor'], { project })).stdout).toContain(
      'a trigger "planted" that Worktrail did not make',
    );
    expect(await runInProcess(['backup'], { project })).toMatchObject({ code: 0 });
    expect(existsSync(file.replace('.db', '.damaged.db'))).toBe(true);
  });
});

describe('what Worktrail makes', () => {
  it('is written down as the migrations make it now', () => {
    const file = path.join(packageRoot(), 'src', 'storage', 'primary', 'migrated-schema.generated.ts');
    const numbers = (text: string) => text.match(/\d{5,}|[0-9a-f]{64}/g);
    // Otherwise: npx tsx scripts/write-migrated-schema.ts
    expect(numbers(readFileSync(file, 'utf8'))).toEqual(numbers(migratedSchema()));
  });

  it('is accepted with an index made again, a copy of a table of statistics, and of an older program', async () => {
    const project = await temporaryProject();
    await runInProcess(['create', 'An item'], { project });
    const database = new Database(path.join(project, '.worktrail', 'worktrail.db'));
    const migrations = readMigrations('sqlite');
    for (const { name, sql } of schemaIndexes('sqlite')) database.exec(`drop index "${name}"; ${sql}`);
    database.exec('analyze');
    refuseForeignInTracker(database, migrations);
    database.exec('drop index "' + (schemaIndexes('sqlite')[0]?.name ?? '') + '"');
    refuseForeignInTracker(database, migrations);
    database.close();
  });
});
