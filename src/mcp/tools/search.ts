import { search, type SearchResult } from '../../use-cases/records/search.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { cutLine, listText, shortId } from '../definitions/text.ts';

const TITLE_IN_LINE_CHARACTERS = 60;

export const searchTool = defineTool(search, {
  toolset: 'search',
  description:
    'Full-text search over work items, notes, vendors, deployments and enhancements: all words must match, "a phrase" as it stands; titles count most, then what is new. archived searches the archive instead. Ids and commits are found by their first 6+ characters. Example: {"query":"login \\"time zone\\"","entities":["work_item","note"]}',
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
