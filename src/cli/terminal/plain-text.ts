/** Other people's text at a terminal: measured, and cut by the columns it takes. What makes it harmless is below. */
export { nameFirst, oneLine as plainLine, quoted, visible, visibleJson } from '../../domain/others-text.ts';
export { count, shortId } from '../../domain/text.ts';

/** Characters that take two columns: East Asian wide forms and emoji. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;
const NARROW_ONLY = /^[\u0020-\u02ff]*$/;
const NO_WIDTH = /^[\p{Mark}\p{Cf}]+$/u;
let segmenter: Intl.Segmenter | undefined;
/** Made at the first need: making one costs more than starting the program. */
const graphemes = () => (segmenter ??= new Intl.Segmenter());

/** Columns that a line takes at a terminal. */
export function displayWidth(line: string): number {
  if (NARROW_ONLY.test(line)) return line.length;
  let width = 0;
  for (const { segment } of graphemes().segment(line)) width += widthOf(segment);
  return width;
}

/** The line, or as much of it as fits into `columns` with an ellipsis. */
export function cutLine(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  let kept = '';
  let width = 1;
  for (const { segment } of graphemes().segment(line)) {
    width += widthOf(segment);
    if (width > columns) break;
    kept += segment;
  }
  return `${kept}…`;
}

function widthOf(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** `2026-01-31T09:30:00.000Z` as `2026-01-31 09:30`, in UTC. */
export function spokenTime(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
