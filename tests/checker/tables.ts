// The truth, past the program: what the tables hold.
import path from 'node:path';
import Database from 'better-sqlite3';
import type { ConflictRow, ItemRow, Json, JsonObject, RecordedChange, Tables } from './history.ts';
import type { Stage } from './stage.ts';

type Row = Record<string, unknown>;

const LOCK_PATIENCE_MS = 20_000;

/** No program may be writing any more. */
export async function readTables(stage: Stage): Promise<Tables> {
  const rows = (statement: string) => rowsOf(stage, statement);
  const [head] = await rows('select seq from feed');
  return {
    changes: (await rows('select * from changes order by seq')).map(changeOf),
    items: (await rows('select * from work_items')).map(itemOf),
    notes: (await rows('select id, item_id, text from notes')) as unknown as Tables['notes'],
    conflicts: (await rows('select id, kind, changes, reason, resolution from conflicts')).map(conflictOf),
    claims: (await rows('select item_id, token, holder from claims')).map((row) => ({
      item_id: String(row['item_id']),
      token: Number(row['token']),
      holder: nullable(row['holder']),
    })),
    dependencies: (await rows(
      'select source_id, target_id, dependency_type from work_item_dependencies',
    )) as unknown as Tables['dependencies'],
    counts: (await rows('select item_type, status, items from work_item_counts')).map((row) => ({
      item_type: String(row['item_type']),
      status: String(row['status']),
      items: Number(row['items']),
    })),
    ready: (await rows('select item_id from ready_queue where waits = 0')).map(({ item_id }) =>
      String(item_id),
    ),
    feed: Number(head?.['seq'] ?? 0),
  };
}

async function rowsOf({ database, folders }: Stage, statement: string): Promise<Row[]> {
  if (database !== undefined) return await database.rows(statement);
  const file = new Database(path.join(folders[0]?.dataDir ?? '', 'worktrail.db'), {
    timeout: LOCK_PATIENCE_MS,
  });
  try {
    return file.prepare<[], Row>(statement).all();
  } finally {
    file.close();
  }
}

function changeOf(row: Row): RecordedChange {
  return {
    seq: Number(row['seq']),
    change_id: String(row['change_id']),
    client: String(row['client']),
    entity: String(row['entity']),
    entity_id: String(row['entity_id']),
    related_id: nullable(row['related_id']),
    kind: String(row['kind']),
    version: row['version'] === null ? null : Number(row['version']),
    fields: json(row['fields']) as unknown as RecordedChange['fields'],
  };
}

function itemOf(row: Row): ItemRow {
  return {
    id: String(row['id']),
    version: Number(row['version']),
    item_type: String(row['item_type']),
    status: String(row['status']),
    title: String(row['title']),
    description: nullable(row['description']),
    labels: json(row['labels']) as string[],
    metadata: json(row['metadata']) as JsonObject,
  };
}

function conflictOf(row: Row): ConflictRow {
  return {
    id: String(row['id']),
    kind: String(row['kind']),
    changes: json(row['changes']),
    reason: String(row['reason']),
    resolution: nullable(row['resolution']),
  };
}

function nullable(value: unknown): string | null {
  return value === null ? null : String(value);
}

/** PostgreSQL's driver answers JSON as values, SQLite's as text. */
function json(value: unknown): Json {
  return (typeof value === 'string' ? JSON.parse(value) : value) as Json;
}
