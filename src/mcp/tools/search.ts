import { search, type SearchResult } from '../../use-cases/records/search.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { cutLine, listText, shortId } from '../definitions/text.ts';

const TITLE_IN_LINE_CHARACTERS = 60;

export const searchTool = defineTool(search, {
  toolset: 'search',
  title: 'Search',
  description:
    'Full-text search over work items, notes, vendors, deployments and enhancements: all words must match, "a phrase" as it stands; titles count most, then what is new. archived searches the archive instead. Ids and commits are found by their first 6+ characters. Example: {"query":"login \\"time zone\\"","entities":["work_item","note"]}',
  parameters: {
    query: 'Words, a "phrase", an id or a commit',
    entities: 'Only these: work_item, note, vendor, deployment, enhancement',
    archived: 'In the archive instead',
    limit: 'Results at most; default 10, at most 50',
  },
  text: (found) => {
    const list = listText({ ...found, next_cursor: null }, 'matches', resultLine);
    return found.cut === undefined ? list : `${list}\ncut: ${found.cut.reason}. ${found.cut.next}`;
  },
});

function resultLine({ entity, id, item_id, title, status, snippet }: SearchResult): string {
  const of = item_id === undefined ? '' : ` on ${shortId(item_id)}`;
  const what = `${shortId(id)} ${entity}${of}${status === undefined ? '' : ` ${status}`}`;
  return `${what} ${cutLine(title, TITLE_IN_LINE_CHARACTERS)}${snippet === '' ? '' : `: ${snippet}`}`;
}
