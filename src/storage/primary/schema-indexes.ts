/** The indexes that a store should have, as the migrations that made it say. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readMigrations } from './migrate.ts';

export interface SchemaIndex {
  name: string;
  table: string;
  /** The statement of the migration that makes it, harmless where the index is there. */
  sql: string;
}

/**
 * What all migrations together leave behind, in the order in which it was made.
 * @param folder where the migrations are; by default those shipped with the program
 */
export function schemaIndexes(dialect: 'postgres' | 'sqlite', folder?: string): SchemaIndex[] {
  const migrations = readMigrations(dialect, folder).folder;
  const files = readdirSync(migrations)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const indexes = new Map<string, SchemaIndex>();
  for (const file of files) {
    const text = readFileSync(path.join(migrations, file), 'utf8').replaceAll(/^\s*--(?!>).*$/gm, '');
    for (const { groups = {} } of text.matchAll(STATEMENTS)) {
      const { unique = '', name, table, rest = '', dropped, droppedTable } = groups;
      if (name !== undefined && table !== undefined) {
        const sql = `create ${unique} index if not exists "${name}" on "${table}" ${rest.trim()}`;
        indexes.set(name, { name, table, sql });
      }
      if (dropped !== undefined) indexes.delete(dropped);
      if (droppedTable !== undefined) {
        for (const one of indexes.values()) if (one.table === droppedTable) indexes.delete(one.name);
      }
    }
  }
  return [...indexes.values()];
}

const STATEMENTS = new RegExp(
  [
    String.raw`create\s+(?<unique>unique\s+)?index\s+(?:if\s+not\s+exists\s+)?["\`]?(?<name>\w+)["\`]?\s+on\s+["\`]?(?<table>\w+)["\`]?(?<rest>[^;]*)`,
    String.raw`drop\s+index\s+(?:if\s+exists\s+)?["\`]?(?<dropped>\w+)`,
    String.raw`drop\s+table\s+(?:if\s+exists\s+)?["\`]?(?<droppedTable>\w+)`,
  ].join('|'),
  'gi',
);
