// SQLite in memory for the model: a primary, a cache. Opening one and building its statements costs more than a
// schedule, so they are emptied and used again.
import Database from 'better-sqlite3';
import { CONFIGURATION_DEFAULTS } from '../../../src/domain/configuration.ts';
import type { Connection } from '../../../src/storage/database/connection.ts';
import { readMigrations } from '../../../src/storage/primary/migrate.ts';
import { connect } from '../../../src/storage/primary/sqlite.ts';
import { applyMigrations } from '../../../src/storage/primary/tracker-file.ts';

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
  ['claims', 'item_id'],
  ['ready_queue', 'item_id'],
  ['notes', 'id'],
  ['enhancement_dependencies', 'enhancement_id, depends_on_id'],
  ['enhancements', 'id'],
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
    emptyImage = database.serialize();
    database.close();
  }
  return emptyImage;
}

export type SqlRow = Record<string, unknown>;

export class ModelDatabase {
  readonly raw: Database.Database;
  readonly connection: Connection;
  /** The time by which it judges claims, in milliseconds. */
  clock = (): number => EPOCH_MS;
  #position: string | undefined;

  constructor(role: 'primary' | 'copy', content: Buffer = image()) {
    this.raw = new Database(content);
    this.raw.pragma('foreign_keys = ON');
    setClock(this.raw, () => this.clock());
    keepStatements(this.raw);
    this.connection = connect(this.raw, { isReplica: role !== 'primary' });
  }

  /** Rows of a question in plain SQL, past everything that is being tested. */
  all<T = SqlRow>(sql: string, ...parameters: unknown[]): T[] {
    return this.raw.prepare(sql).all(...parameters) as T[];
  }

  get<T = SqlRow>(sql: string, ...parameters: unknown[]): T | undefined {
    return this.all<T>(sql, ...parameters)[0];
  }

  get seq(): number {
    return this.get<{ seq: number }>('select seq from feed')?.seq ?? 0;
  }

  tables(): Map<string, SqlRow[]> {
    return new Map(
      TABLES.map(([name, order]) => [name, this.all(`select * from ${name} order by ${order}`)]),
    );
  }

  clear(): void {
    if (this.raw.inTransaction) this.raw.exec('rollback');
    this.raw.exec(CLEAR);
    if (this.#positionTable() !== undefined) this.raw.exec(`delete from ${this.#positionTable()}`);
  }

  /** Up to where a cache says that it is a copy; null before it was filled. */
  get cursor(): number | null {
    const table = this.#positionTable();
    return table === undefined
      ? null
      : (this.get<{ cursor: number | null }>(`select cursor from ${table}`)?.cursor ?? null);
  }

  /** Says of a cache that it is a copy up to there, whatever is in it. */
  setCursor(seq: number): void {
    this.raw.exec(`update ${this.#positionTable()} set cursor = ${seq}; update feed set seq = ${seq}`);
  }

  /** Everything in it, to be put into others like it. */
  content(): Map<string, SqlRow[]> {
    const position = this.#positionTable();
    const content = this.tables();
    if (position !== undefined) content.set(position, this.all(`select * from ${position}`));
    return content;
  }

  /** @param checkedAt when a cache was last compared with its primary, as its machine's clock says */
  fill(content: ReadonlyMap<string, SqlRow[]>, checkedAt: string): void {
    this.clear();
    this.raw.exec('begin; pragma defer_foreign_keys = on');
    for (const [table, rows] of content) {
      for (const row of rows) {
        const given = 'checked_at' in row ? { ...row, checked_at: checkedAt } : row;
        const names = Object.keys(given);
        const sql = `insert into ${table} (${names.join()}) values (${names.map(() => '?').join()})`;
        this.raw.prepare(sql).run(...Object.values(given));
      }
    }
    this.raw.exec('commit');
  }

  /** The one table that a cache makes for itself. */
  #positionTable(): string | undefined {
    const sql = "select name from sqlite_master m where type = 'table' and sql like '%cursor integer%'";
    return (this.#position ??= this.get<{ name: string }>(sql)?.name);
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

/** The database's time is the simulated one. */
export function setClock(database: Database.Database, now: () => number): void {
  const iso = () => new Date(now()).toISOString();
  database.function('strftime', { varargs: true, deterministic: false }, iso);
}

/** Most questions are asked again and again, and the query builder compiles them anew each time. */
function keepStatements(database: Database.Database): void {
  const kept = new Map<string, Database.Statement>();
  const prepare = database.prepare.bind(database);
  const keeping = (sql: string) => {
    let statement = kept.get(sql);
    if (statement === undefined) kept.set(sql, (statement = prepare(sql)));
    return statement;
  };
  Object.defineProperty(database, 'prepare', { value: keeping });
}

const CLEAR = `begin; pragma defer_foreign_keys = on; ${TABLE_NAMES.map((name) => `delete from ${name};`).join(' ')} commit`;

/** New ones are made like this one, with the table that a cache makes for itself. */
export function makeLike(database: ModelDatabase): void {
  emptyImage = database.raw.serialize();
  idle.copy.length = 0;
}

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
