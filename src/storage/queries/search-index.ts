/** The newest matches in the index of either database: FTS5 in SQLite, tsvector and GIN in PostgreSQL. */
import { is, sql, type SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { SearchEntity, SearchQuery } from '../../domain/search.ts';
import type { Connection } from '../database/connection.ts';

/** A record that may be among the results. */
export interface Candidate {
  entity: SearchEntity;
  entity_id: string;
  item_id: string | null;
  /** When the record was made, in Unix milliseconds. */
  created_ms: number;
  title: string;
}

/** The raw columns of a candidate, as every query on the index selects them. */
export const candidateColumns = {
  entity: sql<SearchEntity>`d.entity`,
  entity_id: sql<string>`d.entity_id`,
  item_id: sql<string | null>`d.item_id`,
  created_ms: sql<number | string>`d.created_ms`,
  title: sql<string>`d.title`,
};

export function toCandidate(row: Omit<Candidate, 'created_ms'> & { created_ms: number | string }): Candidate {
  return { ...row, created_ms: Number(row.created_ms) };
}

/** `from` with a source that is no table of the schema. */
export const from = (source: SQL): PgTable => source as unknown as PgTable;

/** What is looked up in the index. */
export interface IndexQuery {
  query: SearchQuery;
  entities: readonly SearchEntity[];
  archived: boolean;
  /** Whether the last word may be the beginning of one. */
  open: boolean;
  /** Whether all words must be in the title. */
  in_title: boolean;
}

/** The newest matches, newest first, at most `limit` of them. */
export async function findNewest(c: Connection, query: IndexQuery, limit: number): Promise<Candidate[]> {
  return await (is(c.tables.workItems, SQLiteTable) ? newestInSqlite : newestInPostgres)(c, query, limit);
}

const facetOf = (entity: SearchEntity): string => entity.replaceAll('_', '');
const shelfOf = ({ archived }: IndexQuery): string => (archived ? 'archived' : 'live');

/** Matches by the time they were made, newest first: the order of the index itself, so that it stops at `limit`. */
async function newestInSqlite(c: Connection, query: IndexQuery, limit: number): Promise<Candidate[]> {
  const index = query.in_title ? 'search_titles' : 'search_index';
  const rows = await c
    .statement(index, (db) =>
      db
        .select(candidateColumns)
        .from(
          from(sql`(select rowid as id from ${sql.raw(index)} where ${sql.raw(index)} match ${sql.placeholder('match')}
            order by rowid desc limit ${sql.placeholder('limit')}) m cross join search_documents d on d.id = m.id`),
        )
        .orderBy(sql`m.id desc`),
    )
    .execute({ match: ftsQuery(query), limit });
  return rows.map(toCandidate);
}

/** Everything of the user's stands in quotes: FTS5 then knows no operators in it. */
function ftsQuery(asked: IndexQuery): string {
  const { query, entities, open, in_title } = asked;
  const terms = query.terms.map(
    ({ words }, index) => `"${words.join(' ')}"${open && index === query.terms.length - 1 ? ' *' : ''}`,
  );
  const kinds = entities.length === 0 ? '' : ` AND (${entities.map(facetOf).join(' OR ')})`;
  return `${in_title ? 'title' : '{title body}'} : (${terms.join(' AND ')}) AND facets : (${shelfOf(asked)}${kinds})`;
}

/** Records that came one after the other and share a word of their own in the index, `#b` or `#c`; see the migration. */
const BLOCK = { name: '#b', records: 512 };
const LARGE_BLOCK = { name: '#c', records: 16_384 };
/** A word for each of more blocks than these costs more than looking at all matches. */
const NAMED_BLOCKS_MAX = 16;
/** How many times as many records as were looked at before the next look may go through, for each match and one more. */
const GROWTH = 4;

/**
 * Matches by the order in which they came into the database, newest first. GIN knows no order, and collecting all
 * matches of a word that is everywhere takes a time that grows with the tracker: so the newest blocks are looked at
 * first, and then as many more as their share of matches lets expect to be enough. Few matches say little, and the word
 * may be in every record but the newest: then each look goes only a few times as far as all before it.
 */
async function newestInPostgres(c: Connection, query: IndexQuery, limit: number): Promise<Candidate[]> {
  const [newest] = await c
    .statement('search_newest', (db) =>
      db
        .select({ id: sql<string>`d.id` })
        .from(from(sql`search_documents d`))
        .orderBy(sql`d.id desc`)
        .limit(1),
    )
    .execute();
  if (newest === undefined) return [];
  const last = Number(newest.id);
  const match = textQuery(query);
  const found: Candidate[] = [];
  let upper = last;
  // Two blocks, because the newest may just have begun.
  for (let size = 2 * BLOCK.records; ;) {
    const block = size > NAMED_BLOCKS_MAX * BLOCK.records ? LARGE_BLOCK : BLOCK;
    const top = Math.floor(upper / block.records);
    const lower = Math.max(0, (top - Math.ceil(size / block.records) + 1) * block.records);
    found.push(...(await lookBetween(c, match, lower, upper, block, limit - found.length)));
    if (found.length >= limit || lower === 0) return found;
    const seen = last - lower + 1;
    const expected = ((limit - found.length) * seen) / (found.length + 1);
    size = Math.min(expected * 1.25, GROWTH * seen * (found.length + 1));
    upper = lower - 1;
  }
}

/** The newest of the matches whose numbers in the index are from `lower` to `upper`. */
async function lookBetween(
  c: Connection,
  match: string,
  lower: number,
  upper: number,
  block: typeof BLOCK,
  limit: number,
): Promise<Candidate[]> {
  const [bottom, top] = [Math.floor(lower / block.records), Math.floor(upper / block.records)];
  const names = Array.from({ length: top - bottom + 1 }, (_, index) => `'${block.name}${bottom + index}'`);
  const rows = await c
    .statement('search', (db) =>
      db
        .select(candidateColumns)
        .from(
          // Past "offset 0" the order is not seen, and "+ 0" hides the range: GIN is what answers here.
          from(sql`(select id, entity, entity_id, item_id, created_ms, title from search_documents
            where words @@ search_fold(${sql.placeholder('match')})::tsquery
            and id + 0 between ${sql.placeholder('lower')} and ${sql.placeholder('upper')} offset 0) d`),
        )
        .orderBy(sql`d.id desc`)
        .limit(sql.placeholder('limit')),
    )
    .execute({
      match: names.length > NAMED_BLOCKS_MAX ? match : `${match} & (${names.join(' | ')})`,
      lower,
      upper,
      limit,
    });
  return rows.map(toCandidate);
}

/** Lexemes are at most 2,046 bytes long; the index keeps as much of longer ones. */
const LEXEME_MAX_CHARACTERS = 500;

/** The words are letters and digits alone, so that quotes are enough. `search_fold` takes case and diacritics off. */
function textQuery(asked: IndexQuery): string {
  const { query, entities, open, in_title } = asked;
  const terms = query.terms.map(({ words }, index) => {
    const lexemes = words.map(
      (word) => `'${in_title ? '=' : ''}${Array.from(word).slice(0, LEXEME_MAX_CHARACTERS).join('')}'`,
    );
    const isOpen = open && index === query.terms.length - 1;
    return `(${lexemes.join(' <-> ')}${isOpen ? ':*' : ''})`;
  });
  const kinds =
    entities.length === 0 ? [] : [`(${entities.map((entity) => `'#${facetOf(entity)}'`).join(' | ')})`];
  return [...terms, `'#${shelfOf(asked)}'`, ...kinds].join(' & ');
}
