/**
 * An answer as a model gets it, in two forms: text and structured content. Some clients show a model the one, some the
 * other, some both; so each is complete and each keeps the budget, and both are made of what was cut as data, once.
 */
import { fitted, type Cut, type Part, type Shown } from '../../domain/budget.ts';
import { visible } from '../../domain/others-text.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { cursorAfter, type Page } from '../../storage/queries/paging.ts';
import { aboutAnswer, mayLackFields } from '../../use-cases/support/described-answer.ts';
import { unknownLine, withQuestionMarks, withoutUnknown } from '../../use-cases/support/unknown-fields.ts';
import { warningLines, type Tool } from './define-tool.ts';
import { pickedText } from './list-fields.ts';
import { changedOf, withoutEmpty } from './shown.ts';
import { IN_CORE, offeredCall } from './whole-item.ts';

export interface Presented {
  text: string;
  structured: Shown;
}

/**
 * @param input as the tool parsed it
 * @param offers whether this server has a tool: no answer names another
 * @param news one line of what others did meanwhile
 */
export function present(
  tool: Tool,
  answer: Answer<object>,
  input: object,
  offers: (tool: string) => boolean,
  news?: string,
): Presented {
  const { max_tokens, fields } = input as { max_tokens?: number; fields?: unknown };
  // Of a write, what it changed has room of its own, whatever it warns of and others did.
  const budget = tool.annotations.readOnlyHint
    ? (max_tokens ?? tool.budget)
    : tool.budget + jsonTokens(answer.warnings) + jsonTokens(news);
  const parts = tool.parts.map((part) => offered(tool, part, offers));
  // Of a decision about a conflict, `fields` are values to set; of a list, the names of those to answer.
  const toText = Array.isArray(fields) ? pickedText : tool.text;
  // Entries have no symbols: `cursorAfter` is nothing to show.
  const toShow = answer.unchecked === undefined ? tool.show : asAsked;
  const view: Shown = Object.fromEntries(Object.entries(toShow(answer.data as never, input as never)));
  const isPartial = mayLackFields(answer);
  const structuredOf = (shown: Shown): Shown => ({
    ...(isPartial ? withoutUnknown(shown) : shown),
    ...aboutAnswer(answer),
    ...(news !== undefined && { news }),
  });
  const textOf = (shown: Shown): string => {
    const told =
      answer.unchecked === undefined
        ? toText((isPartial ? withQuestionMarks(shown) : shown) as never) +
          (isPartial ? unknownLine(shown) : '')
        : `Saved, not checked yet: ${answer.unchecked}`;
    return visible(told + cutLines(shown) + warningLines(answer.warnings) + newsLine(news));
  };
  const paged = (shown: Shown): Shown => {
    const cutPage = withCursor(shown, answer.data as Partial<Page<unknown>>);
    return cutPage === shown ? shown : { ...cutPage, ...tool.goesOn?.(cutPage as never) };
  };
  const costOf = (shown: Shown, enough?: number) => {
    const next = paged(shown);
    const inJson = jsonTokens(structuredOf(next), enough);
    if (enough !== undefined && inJson > enough) return inJson;
    return Math.max(inJson, estimateTokens(textOf(next), enough));
  };
  const shown = paged(fitted(view, parts, budget, costOf, (value) => jsonTokens(value)));
  return { text: textOf(shown), structured: structuredOf(shown) };
}

const newsLine = (news: string | undefined): string => (news === undefined ? '' : `\nNews: ${news}`);

/** Of a write that nothing could check there is what was asked for. */
const asAsked = (data: object): object => changedOf(data, withoutEmpty(data), []);

/** Where the call that gives the rest is not offered, a larger budget does, if the tool takes one. */
function offered({ input }: Tool, part: Part, offers: (tool: string) => boolean): Part {
  const { rest } = part;
  if (rest === undefined) return part;
  const otherwise = 'max_tokens' in input.shape ? 'a larger max_tokens shows them' : IN_CORE;
  return { ...part, rest: (shown, kept) => offeredCall(rest(shown, kept), offers, otherwise) };
}

const jsonTokens = (value: unknown, enough?: number): number =>
  estimateTokens(JSON.stringify(value) ?? '', enough);

/** A page that was cut goes on after its last row; one of which not even the first fits is to be read again. */
function withCursor(shown: Shown, { items: all, [cursorAfter]: cursors }: Partial<Page<unknown>>): Shown {
  const { items, cut = [] } = shown as { items?: unknown; cut?: Cut[] };
  const isPage = Array.isArray(items) && all !== undefined && 'next_cursor' in shown;
  if (!isPage || items.length === all.length) return shown;
  if (items.length > 0) return { ...shown, next_cursor: cursors?.after(items.length) ?? null };
  const isTold = cut.some(({ field }) => field === 'items');
  const none: Cut = { field: 'items', left: all.length, next: 'the same call with a larger max_tokens' };
  return { ...shown, next_cursor: null, cut: isTold ? cut : [...cut, none] };
}

function cutLines({ cut = [] }: { cut?: Cut[] }): string {
  return cut.map(({ field, left, next }) => `\n${field}: ${left} more: ${next}`).join('');
}
