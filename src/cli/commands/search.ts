import type { Command } from 'commander';
import type { SearchQuery } from '../../domain/search.ts';
import type { SearchResults } from '../../use-cases/records/search.ts';
import { collect, fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { paint } from '../terminal/output.ts';
import { count, plainLine, shortId } from '../terminal/plain-text.ts';
import { paintStatus } from '../terminal/table.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

const FIELDS = { entity: 'entities', archived: 'archived', limit: 'limit' } as const;

/** `worktrail search WORDS…`: everything that has all of these words. */
export function addSearchCommand(program: Command): Command {
  return program
    .command('search')
    .description('search items, notes, vendors, deployments and enhancements for words')
    .argument('<words...>', 'all of them must match; "in quotes" as a phrase; or the beginning of an id')
    .option(
      '--entity <kind>',
      'only work_item, note, vendor, deployment or enhancement; may be given more than once',
      collect,
    )
    .option('--archived', 'the archive instead of what is live')
    .option('--limit <number>', 'matches to show, 1 to 50 (default: 10)', numberFrom)
    .addHelpText(
      'after',
      `
Examples:
  worktrail search time zone
  worktrail search '"time zone" parser' --entity note
  worktrail search 3f2a9c1e --json`,
    )
    .action(async (words: string[], _options: unknown, command: Command) => {
      const options = optionsOf(command);
      const { marksIn, parseQuery } = await import('../../domain/search.ts');
      const load = async () => (await import('../../use-cases/records/search.ts')).search;
      const query = words.join(' ');
      await runUseCase(options, load, { query, ...fieldsFrom(options, FIELDS) }, (found) =>
        renderResults(found, (line) => marked(line, marksIn, parseQuery(query))),
      );
    });
}

function renderResults({ items, total_count, cut }: SearchResults, mark: (line: string) => string): string {
  const lines = items.flatMap(({ entity, id, item_id, title, status, snippet }) => {
    const on = item_id === undefined ? '' : ` on ${shortId(item_id)}`;
    const what = [shortId(id), `${entity}${on}`, ...(status === undefined ? [] : [paintStatus(status)])];
    return [`${what.join('  ')}  ${mark(title)}`, ...(snippet === '' ? [] : [`    > ${mark(snippet)}`])];
  });
  const shown =
    items.length === 0 ? 'Nothing matches.' : `${items.length} of ${count(total_count, 'match', 'matches')}`;
  const left = cut === undefined ? [] : [`(${cut.reason})`];
  return [...lines, ...(lines.length === 0 ? [] : ['']), shown, ...left].join('\n');
}

/** Painted at a terminal only, as all colour is. */
function marked(
  text: string,
  marksIn: (query: SearchQuery, line: string) => { start: number; end: number }[],
  query: SearchQuery,
): string {
  const line = plainLine(text);
  let at = 0;
  let shown = '';
  for (const { start, end } of marksIn(query, line)) {
    shown += line.slice(at, start) + paint('bold', line.slice(start, end));
    at = end;
  }
  return shown + line.slice(at);
}
