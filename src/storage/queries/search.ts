/**
 * Full-text search. The index is derived data: triggers in the database keep `search_documents`, a row per
 * record, so that rules, copies and imports all keep it; no program writes it, and `schema.ts` does not have it,
 * because nothing may copy it. SQLite looks in `search_index` (FTS5), PostgreSQL in `search_documents.words` (GIN);
 * see drizzle/<dialect>/0004_search.sql. Both give the newest matches; which of them are best is decided here, by
 * one rule for both.
 */
import { sql, type SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { idRange } from '../../domain/ids.ts';
import { ALL_IN_TITLE, titleScore, type SearchEntity, type SearchQuery } from '../../domain/search.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { pipelined } from '../database/pipelined.ts';
import { candidateColumns, findNewest, from, toCandidate, type Candidate } from './search-index.ts';

/** More matches than these are not ranked: the newest are, and as many of the newest with all words in the title. */
const RANKED_MAX = 64;
/** Records whose id begins as asked. */
const BY_ID_MAX = 5;

export interface SearchFilter {
  query: SearchQuery;
  /** Empty: all kinds. */
  entities: readonly SearchEntity[];
  /** The archive instead of what is live; what is deleted is never found. */
  archived: boolean;
  limit: number;
}

export interface Match extends Candidate {
  score: number;
  body: string;
  /** Of a work item, a vendor or an enhancement; of a note, that of its item. */
  status: string | null;
}

export interface Matches {
  /** The best first; equal ones newest first. */
  items: Match[];
  /** How many were found and ranked. */
  ranked: number;
  /** Whether there are more, older ones. */
  is_cut: boolean;
}

export async function search(c: Connection, filter: SearchFilter): Promise<Matches> {
  const { query, limit } = filter;
  const score = titleScore(query);
  const found = new Map<string, Candidate & { score: number }>();
  const add = (candidates: Candidate[], scoreOf: (title: string) => number) => {
    for (const candidate of candidates) {
      const key = `${candidate.entity} ${candidate.entity_id}`;
      if (!found.has(key)) found.set(key, { ...candidate, score: scoreOf(candidate.title) });
    }
  };
  if (query.hex !== null) add(await byId(c, filter, query.hex), () => 1);
  let is_cut = false;
  const newest = async (open: boolean, in_title: boolean, limit: number) =>
    await findNewest(c, { ...filter, open, in_title }, limit);
  // The last word as a whole first: its beginning alone may match nearly everything.
  for (const open of query.open ? [false, true] : [false]) {
    if (query.terms.length === 0 || found.size >= limit) break;
    const anywhere = await newest(open, false, RANKED_MAX + 1);
    add(anywhere.slice(0, RANKED_MAX), score);
    if (anywhere.length <= RANKED_MAX) continue;
    is_cut = true;
    // Then older ones with all words in the title would come after these.
    if ([...found.values()].filter((match) => match.score >= ALL_IN_TITLE).length >= limit) break;
    add(await newest(open, true, RANKED_MAX), score);
  }
  const best = [...found.values()].sort(byRank).slice(0, limit);
  return { items: await withDetails(c, best), ranked: found.size, is_cut };
}

function byRank(a: Candidate & { score: number }, b: Candidate & { score: number }): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.created_ms !== b.created_ms) return b.created_ms - a.created_ms;
  return a.entity_id < b.entity_id ? -1 : 1;
}

/** Ids are found by their beginnings along their own index, so that they are no words of the text. */
async function byId(c: Connection, { entities, archived }: SearchFilter, hex: string): Promise<Candidate[]> {
  const rows = await c
    .statement('search_by_id', (db) =>
      db
        .select({ ...candidateColumns, facets: sql<string>`d.facets` })
        .from(from(sql`search_documents d`))
        .where(sql`d.entity_id >= ${sql.placeholder('from')} and d.entity_id <= ${sql.placeholder('to')}`)
        .orderBy(sql`d.entity_id`)
        .limit(sql.placeholder('limit')),
    )
    .execute({ ...idRange(hex), limit: BY_ID_MAX });
  return rows
    .filter(({ facets }) => facets.startsWith(archived ? 'archived ' : 'live '))
    .filter(({ entity }) => entities.length === 0 || entities.includes(entity))
    .map(({ facets: _facets, ...row }) => toCandidate(row));
}

/** Adds what only the shown ones need. */
async function withDetails(c: Connection, best: (Candidate & { score: number })[]): Promise<Match[]> {
  if (best.length === 0) return [];
  const { workItems, vendors, enhancements } = c.tables;
  // Null for what has no status.
  const statuses: { readonly [E in SearchEntity]: Standing | null } = {
    work_item: workItems,
    note: workItems,
    vendor: vendors,
    enhancement: enhancements,
    deployment: null,
  };
  const standing = new Map<Standing, Set<string>>();
  for (const candidate of best) {
    // Newer programs may have put what is not known here into the index.
    const table = statuses[candidate.entity] as Standing | null | undefined;
    const id = bearerOf(candidate);
    if (table == null || id === null) continue;
    standing.set(table, (standing.get(table) ?? new Set()).add(id));
  }
  const named = async (table: Standing, ids: readonly string[]) =>
    await c.db
      .select({
        id: table.id,
        status: sql<string>`${table.status}`,
        title: sql<string>`${table === workItems ? workItems.title : table.status}`,
      })
      .from(table as PgTable)
      .where(inList(sql`${table.id}`, ids));
  const [bodies, ...known] = await pipelined(
    c.db
      .select({
        entity: candidateColumns.entity,
        entity_id: candidateColumns.entity_id,
        body: sql<string>`d.body`,
      })
      .from(from(sql`search_documents d`))
      .where(
        inList(
          sql`d.entity_id`,
          best.map(({ entity_id }) => entity_id),
        ),
      )
      .then((rows) => new Map(rows.map(({ entity, entity_id, body }) => [`${entity} ${entity_id}`, body]))),
    ...[...standing].map(([table, ids]) => named(table, [...ids])),
  );
  const records = new Map(known.flat().map(({ id, ...record }) => [id, record]));
  return best.map((candidate) => {
    const { entity, entity_id } = candidate;
    const record = records.get(bearerOf(candidate) ?? '');
    return {
      ...candidate,
      title: entity === 'note' ? (record?.title ?? '') : candidate.title,
      status: record?.status ?? null,
      body: bodies.get(`${entity} ${entity_id}`) ?? '',
    };
  });
}

type Standing = Tables['workItems'] | Tables['vendors'] | Tables['enhancements'];

/** Whose title and status a match has: a note those of its item. */
const bearerOf = ({ entity, entity_id, item_id }: Candidate): string | null =>
  entity === 'note' ? item_id : entity_id;

function inList(column: SQL, values: readonly string[]): SQL {
  return sql`${column} in (${sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  )})`;
}
