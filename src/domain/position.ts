/**
 * Where an item stands among others: a text compared byte by byte, which every item gets when it is made. Later changes come after
 * earlier ones, the items of one change in the order in which they were written, and between any two there is room for another.
 *
 *     01932f7c1a80 1f3 0002      milliseconds and counter of the change that made it; which of its items it is
 */
import { newChangeId } from './ids.ts';

/** In the order of their bytes. */
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const TIME_DIGITS = 12;
const NUMBER_DIGITS = 4;

/** What a stored position looks like. Each move beside another lengthens it by less than twenty characters at most. */
export const POSITION = /^[0-9a-z]{1,2000}$/;

/** Of the item that a change makes as its `number`th, from 0. */
export function positionOf(change_id: string, number = 0): string {
  const hex = change_id.replaceAll('-', '');
  const time = hex.slice(0, TIME_DIGITS);
  return `${time}${hex.slice(TIME_DIGITS + 1, TIME_DIGITS + 4)}${number.toString(36).padStart(NUMBER_DIGITS, '0')}`;
}

/** Of an item that an earlier version made: by age, as it was listed. The migration of the tables says the same in SQL. */
export function positionByAge({ id, created_at }: { id: string; created_at: string }): string {
  return Date.parse(created_at).toString(16).padStart(TIME_DIGITS, '0') + id.slice(0, 8);
}

/**
 * A position between two, another one each time: two who put different items into one place at once do not meet.
 * @param low undefined for the start
 * @param high undefined for the end, where it comes as if it were made now
 */
export function positionBetween(low: string | undefined, high: string | undefined): string {
  const now = positionOf(newChangeId());
  if (high !== undefined) return middle(low ?? '', high) + now;
  // By the clock of another machine, the one before may be made later.
  return low === undefined || low < now ? now : low + MIDDLE + now;
}

const digit = (text: string, at: number): number => Math.max(0, DIGITS.indexOf(text[at] ?? '0'));
const MIDDLE = DIGITS.charAt(DIGITS.length / 2);

/** Above `low` and below `high`, whatever is written behind it: it differs from `high` before its end. */
function middle(low: string, high: string): string {
  let place = '';
  for (let at = 0; at < high.length; at += 1) {
    const [from, to] = [digit(low, at), digit(high, at)];
    if (to - from > 1) return place + DIGITS.charAt((from + to) >> 1);
    place += DIGITS.charAt(from);
    if (to > from) return place + above(low.slice(at + 1));
  }
  throw new Error(`nothing lies between "${low}" and "${high}"`);
}

/** Above a text, with no upper end. */
function above(low: string): string {
  let place = '';
  for (let at = 0; at <= low.length; at += 1) {
    const from = digit(low, at);
    if (from < DIGITS.length - 1) return place + DIGITS.charAt((from + DIGITS.length) >> 1);
    place += DIGITS.charAt(from);
  }
  return place + MIDDLE;
}
