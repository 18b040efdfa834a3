/** Aligned columns for a terminal. */
import { outputWidth, paint, type Style } from './output.ts';
import { cutLine, displayWidth, plainLine } from './plain-text.ts';

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  style?: (row: Row) => Style | undefined;
  /** The column that is cut when the lines would be too long. */
  flexible?: boolean;
  /** Columns that it takes at most, where lines have an end. */
  max?: number;
  align?: 'right';
}

const GAP = '  ';
const FLEXIBLE_MIN_COLUMNS = 20;

/**
 * A header and one line per row, cut to `width`. Columns without any value are left out, and where there is
 * too little room for the flexible one, the last columns too.
 * @param width defaults to the terminal's
 */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number = outputWidth(),
): string {
  const filled = columns
    .map((column) => ({ ...column, cells: rows.map((row) => plainLine(column.value(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  const widths = filled.map(({ title, cells, max }) => {
    const widest = Math.max(...[title, ...cells].map(displayWidth));
    return max === undefined || width === Infinity ? widest : Math.min(max, widest);
  });
  const flexible = filled.findIndex((column) => column.flexible === true);
  if (flexible >= 0) {
    const wanted = widths[flexible] ?? 0;
    const room = () => wanted - Math.max(0, lineWidth(widths) - width);
    while (room() < Math.min(wanted, FLEXIBLE_MIN_COLUMNS) && flexible < widths.length - 1) widths.pop();
    widths[flexible] = Math.max(1, room());
  }
  const line = (cell: (index: number) => { text: string; style: Style | undefined }): string =>
    widths
      .map((columnWidth, index) => {
        const { text, style } = cell(index);
        const cut = cutLine(text, columnWidth);
        const space = ' '.repeat(Math.max(0, columnWidth - displayWidth(cut)));
        const shown = style === undefined ? cut : paint(style, cut);
        return filled[index]?.align === 'right' ? space + shown : shown + space;
      })
      .join(GAP)
      .trimEnd();
  return [
    line((index) => ({ text: filled[index]?.title ?? '', style: 'bold' })),
    ...rows.map((row, at) =>
      line((index) => ({ text: filled[index]?.cells[at] ?? '', style: filled[index]?.style?.(row) })),
    ),
  ].join('\n');
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1));
}

const STATUS_STYLES: Readonly<Record<string, Style>> = {
  active: 'green',
  operational: 'green',
  blocked: 'red',
  broken: 'red',
  completed: 'dim',
  cancelled: 'dim',
};

/** One colour per status wherever it is shown. */
export function statusStyle(status: string): Style | undefined {
  return STATUS_STYLES[status];
}

export function paintStatus(status: string): string {
  const style = statusStyle(status);
  return style === undefined ? status : paint(style, status);
}
