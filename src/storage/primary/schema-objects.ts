/**
 * What a SQLite file has besides rows: tables, indexes, views and triggers. A file that came from elsewhere may have
 * some that nobody here made, and a trigger alters what is written, a view what is read.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Database } from './sqlite-driver.ts';
import { shortenText } from '../../domain/errors.ts';
import { COPY_TABLES } from '../database/copy-tables.ts';
import { openDatabaseImage } from './database-file.ts';
import { ForeignObject } from '../database/driver-errors.ts';
import { MIGRATED_SCHEMA } from './migrated-schema.generated.ts';
import { MIGRATIONS_TABLE, type Migrations } from './migrate.ts';

interface SchemaObject {
  type: string;
  name: string;
  tbl_name: string;
  /** Null for an index that SQLite makes by itself. */
  sql: string | null;
}

/**
 * @param sql makes what may be there; run in memory, once per process
 * @throws ForeignObject when there is anything else; reads only
 */
export function refuseForeignObjects(database: Database, sql: string): void {
  refuseOthers(objectsOf(database), [sql]);
}

/**
 * The same for a tracker, or a copy of one: it may have what the migrations make that were applied to it.
 * @throws ForeignObject
 */
export function refuseForeignInTracker(database: Database, migrations: Migrations): void {
  const { objects, applied } = readAtOnce(database);
  // A newer program's tables are not known here; nothing is written to such a file.
  if (applied > (migrations.times.at(-1) ?? 0)) return;
  const migrated = objects.filter((one) => !isOfCopy(one));
  if (applied === MIGRATED_SCHEMA.applied && hashOf(migrated) === MIGRATED_SCHEMA.sha256) return;
  refuseOthers(migrated, [RECORD_OF_MIGRATIONS, ...statementsUpTo(applied, migrations)]);
}

/** For the script that writes down what the migrations make. */
export function hashOfSchema(database: Database): string {
  return hashOf(objectsOf(database));
}

/** As drizzle makes it. */
const RECORD_OF_MIGRATIONS = `create table "${MIGRATIONS_TABLE}" (id serial primary key, hash text not null, created_at numeric)`;

function isOfCopy({ type, name, tbl_name, sql }: SchemaObject): boolean {
  const made = COPY_TABLES[tbl_name];
  if (made === undefined) return false;
  return type === 'table'
    ? name === tbl_name && plain(sql) === plain(made)
    : isMadeBySqlite({ type, name, sql });
}

/** Another process may be bringing the file up to date. The record of that is read only where it is what it should be. */
function readAtOnce(database: Database): { objects: SchemaObject[]; applied: number } {
  return database.transaction(() => {
    const objects = objectsOf(database);
    const record = objects.find(({ name }) => name === MIGRATIONS_TABLE);
    if (record === undefined) return { objects, applied: 0 };
    // It may be a view without an end.
    if (plain(record.sql) !== plain(RECORD_OF_MIGRATIONS)) refuseOthers([record], [RECORD_OF_MIGRATIONS]);
    const newest = database.prepare(`select max(created_at) from ${MIGRATIONS_TABLE}`).pluck().get();
    return { objects, applied: Number(newest ?? 0) };
  })();
}

function objectsOf(database: Database): SchemaObject[] {
  const all = 'select type, name, tbl_name, sql from sqlite_master order by type, name, tbl_name';
  return database.prepare(all).all() as SchemaObject[];
}

function hashOf(objects: SchemaObject[]): string {
  return createHash('sha256').update(JSON.stringify(objects)).digest('hex');
}

function statementsUpTo(applied: number, { folder, times, tags }: Migrations): string[] {
  return times
    .flatMap((time, index) => (time <= applied ? [`${tags[index] ?? ''}.sql`] : []))
    .map((file) => readFileSync(path.join(folder, file), 'utf8').replaceAll('--> statement-breakpoint', ''));
}

const expectedByStatements = new Map<string, Map<string, string>>();

function refuseOthers(objects: SchemaObject[], statements: string[]): void {
  if (objects.length === 0) return;
  const key = statements.join('\n');
  let expected = expectedByStatements.get(key);
  if (expected === undefined) {
    expected = made(statements);
    expectedByStatements.set(key, expected);
  }
  for (const one of objects) {
    if (isMadeBySqlite(one)) continue;
    const sql = expected.get(nameOf(one));
    if (sql === plain(one.sql)) continue;
    const isAltered = sql !== undefined;
    const what = isAltered ? 'that is not as Worktrail makes it' : 'that Worktrail did not make';
    const article = one.type === 'index' ? 'an' : 'a';
    const name = JSON.stringify(shortenText(one.name));
    throw new ForeignObject(`it has ${article} ${one.type} ${name} ${what}`, isAltered);
  }
}

function made(statements: string[]): Map<string, string> {
  const database = openDatabaseImage();
  try {
    for (const one of statements) database.exec(one);
    return new Map(objectsOf(database).map((object) => [nameOf(object), plain(object.sql)]));
  } finally {
    database.close();
  }
}

const nameOf = ({ type, name, tbl_name }: SchemaObject): string => JSON.stringify([type, name, tbl_name]);

/** What `ANALYZE`, `AUTOINCREMENT` and keys leave there. */
function isMadeBySqlite({ type, name, sql }: Omit<SchemaObject, 'tbl_name'>): boolean {
  if (type === 'index') return sql === null && name.startsWith('sqlite_autoindex_');
  return type === 'table' && /^sqlite_(sequence|stat[14])$/.test(name);
}

/** The same text for what differs in quotes, capitals and spaces only, as SQLite keeps it however it was written. */
function plain(sql: string | null): string {
  return (sql ?? '')
    .toLowerCase()
    .replaceAll(/["`]/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?([(),]) ?/g, '$1')
    .trim();
}
