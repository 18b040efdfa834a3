// A list and its count are of one moment.
import type { History, Violation } from '../history.ts';

export function checkLists({ calls }: History): Violation[] {
  return calls.flatMap(({ n, tool, answer, outcome }) => {
    const { items, total_count, next_cursor } = answer;
    if (outcome !== 'answered' || !Array.isArray(items) || typeof total_count !== 'number') return [];
    const isWrong = next_cursor === null ? items.length !== total_count : items.length >= total_count;
    const what = `${tool} lists ${items.length}${next_cursor === null ? '' : ' and more'} and counts ${total_count}`;
    return isWrong ? [{ guarantee: 'lists and their counts are of one moment', what, calls: [n] }] : [];
  });
}
