/** The small SQLite files beside a tracker (`seen.db`, `operations.db`): whose one is, whether it is of use, its statements. */
import { ForeignObject, codedError, driverCode } from '../database/driver-errors.ts';
import { refuseForeignObjects } from './schema-objects.ts';
import type { Database, Statement } from './sqlite-driver.ts';

/** What tells files of one kind. */
export interface SideFileKind {
  /** PRAGMA application_id */
  applicationId: number;
  /** PRAGMA user_version of this program's files. */
  version: number;
  /** What makes the tables of a version, as SQL. */
  schemaOf(version: number): string;
  /** The error for a file that a newer program made: it is left alone. */
  newer(): Error;
}

/** The version of its tables; 0 for a file without any. @throws for one that is not ours, or of a newer version */
export function versionOf(database: Database, kind: SideFileKind): number {
  const id = database.pragma('application_id', { simple: true });
  const version = Number(database.pragma('user_version', { simple: true }));
  const tables = Number(database.prepare('select count(*) from sqlite_master').pluck().get());
  if (id === 0 && tables === 0) return 0;
  if (id !== kind.applicationId) throw codedError('SQLITE_NOTADB', 'it is another database');
  if (version > kind.version) throw kind.newer();
  refuseForeignObjects(database, kind.schemaOf(version));
  return version;
}

/** What no waiting will mend: damaged, another program's, or without the tables it should have. */
export function isUseless(error: unknown): boolean {
  return error instanceof ForeignObject || /^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(driverCode(error) ?? '');
}

/** Prepares each statement once. */
export class Statements {
  readonly #prepared = new Map<string, Statement>();

  constructor(private readonly database: Database) {}

  of(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) this.#prepared.set(sql, (statement = this.database.prepare(sql)));
    return statement;
  }
}
