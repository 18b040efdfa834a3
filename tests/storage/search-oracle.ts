// What the search index must hold, worked out from the records by plain code; and what it does hold.
import { sql, type SQL } from 'drizzle-orm';
import { wordsOf } from '../../src/domain/search.ts';
import type { JsonValue } from '../../src/domain/json.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import type { Connection } from '../../src/storage/database/connection.ts';
import { readTable, type Row, type TableName } from '../../src/storage/database/table-copy.ts';

export interface Indexed {
  entity: string;
  entity_id: string;
  item_id: string | null;
  created_ms: number;
  facets: string;
  title: string;
  /** The words of the body, sorted: databases keep the keys of JSON in orders of their own. */
  words: string[];
}

export async function expectedIndex(c: Connection): Promise<Indexed[]> {
  const items = (await all(c, 'workItems')) as unknown as WorkItem[];
  const shelves = new Map(
    items.map(({ id, deleted_at, archived_at }) => [
      id,
      deleted_at !== null ? 'deleted' : archived_at !== null ? 'archived' : 'live',
    ]),
  );
  const made = (row: Row, at = 'created_at') => ({
    entity_id: String(row['id']),
    created_ms: Date.parse(String(row[at])),
  });
  const words = (...parts: unknown[]) =>
    parts.flatMap((part) => (part == null ? [] : wordsOf(String(part)))).sort();
  const texts = (value: unknown) => stringsIn(value as JsonValue).join(' ');
  return [
    ...items.map((row) => ({
      ...{ entity: 'work_item', ...made(row as unknown as Row), item_id: row.id },
      facets: `${shelves.get(row.id)} workitem`,
      title: row.title,
      words: words(
        ...[row.description, row.labels.join(' '), row.assignee, row.branch_name, row.commit_hash],
        ...[row.pr_number, texts(row.metadata)],
      ),
    })),
    ...(await all(c, 'notes')).map((row) => ({
      ...{ entity: 'note', ...made(row), item_id: String(row['item_id']), title: '' },
      facets: `${shelves.get(String(row['item_id']))} note`,
      words: words(row['text']),
    })),
    ...(await all(c, 'vendors')).map((row) => ({
      ...{ entity: 'vendor', ...made(row), item_id: null, facets: 'live vendor', title: String(row['name']) },
      words: words(row['extractor_version'], texts(row['metadata'])),
    })),
    ...(await all(c, 'deployments')).map((row) => {
      const { pr_title, ...metadata } = row['metadata'] as Record<string, JsonValue>;
      return {
        ...{ entity: 'deployment', ...made(row, 'deployed_at'), item_id: null, facets: 'live deployment' },
        title: String(pr_title),
        words: words(row['commit_hash'], metadata['pr_number'], texts(metadata)),
      };
    }),
    ...(await all(c, 'enhancements')).map((row) => ({
      ...{ entity: 'enhancement', ...made(row), item_id: row['work_item_id'] as string | null },
      ...{ facets: 'live enhancement', title: String(row['title']) },
      words: words(
        row['description'],
        row['target_quarter'],
        texts(row['requires_constitutional_principles']),
      ),
    })),
  ].sort(byId);
}

export async function actualIndex(c: Connection): Promise<Indexed[]> {
  const rows = await c.db
    .select({
      entity: sql<string>`d.entity`,
      entity_id: sql<string>`d.entity_id`,
      item_id: sql<string | null>`d.item_id`,
      created_ms: sql<number | string>`d.created_ms`,
      facets: sql<string>`d.facets`,
      title: sql<string>`d.title`,
      body: sql<string>`d.body`,
    })
    .from(sql`search_documents d` as SQL as never);
  return (rows as (Omit<Indexed, 'words'> & { body: string })[])
    .map(({ body, ...row }) => ({ ...row, created_ms: Number(row.created_ms), words: wordsOf(body).sort() }))
    .sort(byId);
}

const byId = (a: Indexed, b: Indexed) => (a.entity_id + a.entity < b.entity_id + b.entity ? -1 : 1);

async function all(c: Connection, name: TableName): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const chunk of readTable(c, name)) rows.push(...chunk);
  return rows;
}

function stringsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(stringsIn);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
