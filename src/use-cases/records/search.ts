/** Full-text search over everything that is tracked. */
import * as z from 'zod';
import { parseQuery, snippetOf, type SearchEntity, searchInput } from '../../domain/search.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { searchResultShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** A record that matches. */
export interface SearchResult {
  entity: SearchEntity;
  id: string;
  /** Of a note: the item it is about. */
  item_id?: string;
  /** Of a note: the title of its item. */
  title: string;
  /** Absent for deployments; of a note: that of its item. */
  status?: string;
  /** The text around the first match; empty where only the title matches and there is no other text. */
  snippet: string;
  /** From 0 (the words are in the text alone) to 1 (they are the title, or the id). */
  score: number;
}

/** The matches that were ranked, and what was left out. */
export interface SearchResults {
  /** The best first, equal ones newest first. */
  items: SearchResult[];
  /** How many matches were ranked. */
  total_count: number;
  /** What was left out, when something was. */
  cut?: { reason: string; next: string };
}

/** Finds and ranks records. Any text is a query: none is an error, and one without words finds nothing. */
export const search = defineUseCase({
  name: 'search',
  kind: 'read',
  input: searchInput,
  output: () => ({
    items: z.array(z.object(searchResultShape())),
    total_count: z.int(),
    cut: z.object({ reason: z.string(), next: z.string() }).optional(),
  }),
  run: async (context, _caller, input): Promise<Answer<SearchResults>> => {
    const query = parseQuery(input.query);
    return await context.store.read(async (reader) => {
      const { items, ranked, is_cut } = await reader.search({
        query,
        entities: input.entities ?? [],
        archived: input.archived,
        limit: input.limit,
      });
      const reasons = [
        ...(is_cut ? [`more records match than the ${ranked} newest ones that were ranked`] : []),
        ...(query.ignored > 0 ? ['the query was too long; only its first words were used'] : []),
      ];
      return {
        items: items.map(({ entity, entity_id, item_id, title, status, body, score }) => ({
          entity,
          id: entity_id,
          ...(entity === 'note' && item_id !== null && { item_id }),
          title,
          ...(status !== null && { status }),
          snippet: snippetOf(query, body),
          score,
        })),
        total_count: ranked,
        ...(reasons.length > 0 && {
          cut: { reason: reasons.join('; '), next: 'Add a word, or name entities, to narrow it.' },
        }),
      };
    });
  },
});
