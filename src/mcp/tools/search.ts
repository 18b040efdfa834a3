import * as z from 'zod';
import { search, type SearchResult } from '../../use-cases/records/search.ts';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { oneLine } from '../../domain/others-text.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { rowOf } from '../definitions/shown.ts';
import { listText } from '../definitions/text.ts';

export const searchTool = defineTool(search, {
  toolset: 'search',
  title: 'Search',
  inCore: true,
  hint: 'find tasks, notes, text',
  description:
    'Full-text search over work items, notes, vendors, deployments and enhancements: all words must match, "a phrase" as it stands; titles count most, then what is new. Ids and commits are found by their first 6+ characters. Example: {"query":"login \\"time zone\\"","entities":["work_item","note"]}',
  parameters: {
    query: 'Words, a "phrase", an id or a commit',
    entities: 'Only of these kinds',
    archived: 'In the archive instead',
    limit: 'Results at most; default 10, at most 50',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: ({ cut, ...found }, input) => ({
    ...pageOf(found, input, (one: SearchResult) =>
      rowOf(one, ['id', 'entity', 'item_id', 'title', 'status', 'snippet']),
    ),
    ...(cut !== undefined && { narrow: `${cut.reason}. ${cut.next}` }),
  }),
  more: () => ({ narrow: z.string().optional() }),
  parts: [{ at: 'items', rest: () => 'a larger max_tokens, or a word more in the query' }],
  text: (found) => {
    const list = listText(found, 'match', resultLine);
    return found.narrow === undefined ? list : `${list}\n${found.narrow}`;
  },
});

type Row = Omit<SearchResult, 'score' | 'snippet'> & Partial<Pick<SearchResult, 'snippet'>>;

function resultLine({ entity, id, item_id, title, status, snippet }: Row): string {
  const of = item_id === undefined ? '' : ` on ${item_id}`;
  const what = `${id} ${entity}${of}${status === undefined ? '' : ` ${status}`}`;
  return `${what} ${oneLine(title)}${snippet === undefined ? '' : `: ${snippet}`}`;
}
