/** Times as foreign trackers write them. */

export interface ReadDate {
  /** ISO 8601 in UTC with milliseconds. */
  iso: string;
  /** False when the source's text says more than `iso` does: an offset, a day without time, microseconds. */
  isExact: boolean;
}

/** What a tracker of ours would answer for an item whose source knows no date at all. */
export const NO_DATE = '1970-01-01T00:00:00.000Z';

const YEAR_FIRST =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/i;
/** Backlog.md wrote day, month and year of two digits once. */
const DAY_FIRST = /^(\d{2})([-/.])(\d{2})\2(\d{2})$/;

/**
 * `2025-07-23`, `2025-09-06 21:22`, RFC 3339, and `23-07-25` (day first). A time without offset is UTC.
 * Undefined for anything else, and for a day that does not exist.
 */
export function readDate(value: unknown): ReadDate | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const dayFirst = DAY_FIRST.exec(text);
  const match = YEAR_FIRST.exec(dayFirst === null ? text : `20${dayFirst[4]}-${dayFirst[3]}-${dayFirst[1]}`);
  if (match === null) return undefined;
  const [
    ,
    year = '',
    month = '',
    day = '',
    hour = '00',
    minute = '00',
    second = '00',
    fraction = '',
    zone = 'Z',
  ] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
  const time = Date.parse(local);
  // A day such as 30 February moves to March instead of failing: it must come back as it was written.
  if (Number.isNaN(time) || new Date(time).toISOString() !== local || year === '0000') return undefined;
  const minutes = offsetMinutes(zone);
  if (minutes === undefined) return undefined;
  const iso = new Date(time - minutes * 60_000).toISOString();
  // Outside the years 1 to 9999 no store would keep it.
  if (!/^\d{4}-/.test(iso) || iso.startsWith('0000')) return undefined;
  return { iso, isExact: text === iso || text === iso.replace('.000Z', 'Z') };
}

function offsetMinutes(zone: string): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
