/** The search index as a whole. Triggers in the database keep it (migration 0004), whatever program writes. */
import { sql, type SQL } from 'drizzle-orm';
import type { SearchEntity } from '../../domain/search.ts';
import type { Connection } from '../database/connection.ts';
import { countDiffering, dialectOf, runPlainly } from '../database/plain-statement.ts';

/** The version of the triggers: see `derived.ts`. */
export const SEARCH_RULES = 1;

/** Each has a view `search_source_…` with a row per record. */
const SOURCES: { readonly [E in SearchEntity]: string } = {
  work_item: 'work_items',
  note: 'notes',
  vendor: 'vendors',
  deployment: 'deployments',
  enhancement: 'enhancements',
};
const COLUMNS = sql.raw('entity, entity_id, item_id, created_ms, facets, title, body');

/** How many records are missing in the index, stand there differently, or are not there any more. */
export async function differingDocuments(c: Connection): Promise<number> {
  return await countDiffering(c, sources(), sql`select ${COLUMNS} from search_documents`);
}

/** Indexes every record anew. */
export async function refillSearch(c: Connection): Promise<void> {
  await runPlainly(c, sql`delete from search_documents`);
  await runPlainly(c, dialectOf(c) === 'postgres' ? FILL_IN_POSTGRES : FILL_IN_SQLITE);
}

function sources(): SQL {
  const each = Object.values(SOURCES).map(
    (source) => sql`select ${COLUMNS} from ${sql.raw(`search_source_${source}`)}`,
  );
  return sql.join(each, sql` union all `);
}

const FILL_IN_POSTGRES = sql`insert into search_documents (${COLUMNS})
  select ${COLUMNS} from (${sources()}) everything order by created_ms, entity_id`;

/** Ids as the triggers give them: the second of creation, and a counter. */
const FILL_IN_SQLITE = sql`insert into search_documents (id, ${COLUMNS})
  select (second << 24) + row_number() over (partition by second order by created_ms, entity_id) - 1, ${COLUMNS}
  from (select *, max(0, coalesce(created_ms, 0) / 1000) as second from (${sources()})) order by 1`;
