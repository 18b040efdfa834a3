// SQLite in memory for the model: a primary, a cache. Opening one and building its statements costs more than a
// schedule, so they are emptied and used again.
import Database from 'better-sqlite3';
import { CONFIGURATION_DEFAULTS } from '../../../src/domain/configuration.ts';
import { PROVISIONAL_STEP } from '../../../src/domain/provisional-version.ts';
import type { Connection } from '../../../src/storage/sql/connection.ts';
import { readMigrations } from '../../../src/storage/sql/migrate.ts';
import { applyMigrations, connect } from '../../../src/storage/sql/sqlite.ts';

export const PROJECT_ID = 'cccccccc-0000-4000-8000-000000000000';
export const PROJECT_SLUG = 'model';
/** When every schedule begins, by a clock that goes right. */
export const EPOCH_MS = Date.UTC(2026, 0, 5, 9);

/** By primary key, so that rows of two databases can be compared one by one. */
const TABLES: readonly (readonly [table: string, order: string])[] = [
  ['open_conflicts', 'record_id, conflict_id'],
  ['conflicts', 'id'],
  ['applied_changes', 'change_id'],
  ['changes', 'seq'],
  ['project_configuration', 'id'],
  ['deployment_work_items', 'deployment_id, work_item_id'],
  ['deployment_vendors', 'deployment_id, vendor_id'],
  ['deployments', 'id'],
  ['vendors', 'id'],
  ['work_item_dependencies', 'source_id, target_id, dependency_type'],
  ['work_item_labels', 'item_id, label'],
  ['work_item_counts', 'shelf, item_type, status'],
  ['work_items', 'id'],
  ['feed', 'id'],
  ['meta', 'id'],
];
export const TABLE_NAMES = TABLES.map(([name]) => name);

let emptyImage: Buffer | undefined;

function image(): Buffer {
  if (emptyImage === undefined) {
    const database = new Database(':memory:');
    applyMigrations(database, readMigrations('sqlite'));
    database.exec('create table replica_position (id integer primary key, cursor integer, checked_at text)');
    emptyImage = database.serialize();
    database.close();
  }
  return emptyImage;
}

export type SqlRow = Record<string, unknown>;

export class ModelDatabase {
  readonly raw: Database.Database;
  readonly connection: Connection;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(role: 'primary' | 'copy', content: Buffer = image()) {
    this.raw = new Database(content);
    this.raw.pragma('foreign_keys = ON');
    this.connection = connect(this.raw, { versionStep: role === 'primary' ? 1 : PROVISIONAL_STEP });
  }

  /** Rows of a question in plain SQL, past everything that is being tested. */
  all<T = SqlRow>(sql: string, ...parameters: unknown[]): T[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.raw.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...parameters) as T[];
  }

  get<T = SqlRow>(sql: string, ...parameters: unknown[]): T | undefined {
    return this.all<T>(sql, ...parameters)[0];
  }

  get seq(): number {
    return this.get<{ seq: number }>('select seq from feed')?.seq ?? 0;
  }

  tables(): Map<string, SqlRow[]> {
    return new Map(TABLES.map(([name, order]) => [name, this.all(`select * from ${name} order by ${order}`)]));
  }

  clear(): void {
    if (this.raw.inTransaction) this.raw.exec('rollback');
    this.raw.exec(CLEAR);
  }

  /** What the first start of a project writes. */
  found(projectId = PROJECT_ID): void {
    const at = new Date(EPOCH_MS).toISOString();
    const c = CONFIGURATION_DEFAULTS;
    const run = (sql: string, ...values: unknown[]) => this.raw.prepare(sql).run(...values);
    run('insert into meta values (1, ?, ?, null, ?)', projectId, PROJECT_SLUG, at);
    run('insert into feed values (1, 0, ?)', at);
    run(
      `insert into project_configuration (id, version, active_context_type, current_session_id, default_token_budget,
       archive_after_days, created_at, updated_at, created_by, updated_by) values (?, 1, ?, null, ?, ?, ?, ?, 'worktrail', 'worktrail')`,
      projectId,
      c.active_context_type,
      c.default_token_budget,
      c.archive_after_days,
      at,
      at,
    );
  }
}

const CLEAR = `begin; pragma defer_foreign_keys = on; ${TABLE_NAMES.map((name) => `delete from ${name};`).join(' ')} delete from replica_position; commit`;

const idle: Record<'primary' | 'copy', ModelDatabase[]> = { primary: [], copy: [] };

/** An empty one. */
export function borrowDatabase(role: 'primary' | 'copy'): ModelDatabase {
  const database = idle[role].pop() ?? new ModelDatabase(role);
  database.clear();
  return database;
}

export function giveBack(role: 'primary' | 'copy', database: ModelDatabase): void {
  idle[role].push(database);
}
