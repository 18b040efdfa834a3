/**
 * Order of ids as people count: `BACK-4.9` before `BACK-4.13`. Independent of the locale; 0 only for equal
 * text, so that a sort by it is total.
 */
export function compareNatural(a: string, b: string): number {
  const left = a.match(RUNS) ?? [];
  const right = b.match(RUNS) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = compareRuns(left[index] ?? '', right[index] ?? '');
    if (order !== 0) return order;
  }
  if (left.length !== right.length) return left.length - right.length;
  return compareText(a, b);
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const RUNS = /\d+|\D+/g;

function compareRuns(a: string, b: string): number {
  if (!isDigit(a) || !isDigit(b)) return compareText(a, b);
  // Compared as text of equal length: ids may hold more digits than a number can.
  const x = a.replace(/^0+(?=\d)/, '');
  const y = b.replace(/^0+(?=\d)/, '');
  return x.length === y.length ? compareText(x, y) : x.length - y.length;
}

const isDigit = (run: string): boolean => run >= '0' && run < ':';
