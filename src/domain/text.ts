/** Ids, titles and numbers in few characters. */

/** The first 8 characters of an id: prefixes are accepted wherever an id is taken. */
export const shortId = (id: string): string => id.slice(0, 8);

/** `1 item`, `2 items`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Text of at most `max` Unicode code points, with an ellipsis where it was longer. */
export function cut(text: string, max: number): string {
  const characters = Array.from(text.slice(0, max * 2 + 2));
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('')}…`;
}
