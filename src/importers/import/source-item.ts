/** What the readers hand over: one item as its source tells it, not yet brought inside any limit. */
import { groupBy } from '../../domain/grouping.ts';
import { stableJson, type JsonObject } from '../../domain/json.ts';
import type { ItemStatus, ItemType } from '../../domain/work-item.ts';
import type { KeyedLink } from '../../use-cases/records/link-rules.ts';
import { compareNatural, compareText } from './natural-order.ts';
import { display, type PlanLog } from './plan-log.ts';

export interface SourceItem {
  /** Unique in the import; the id is made of it. The foreign id, in one spelling where the source has several. */
  key: string;
  foreignId: string;
  /** Everything the source says about this item alone. */
  said: unknown;
  itemType: ItemType;
  title: string;
  description: string | null;
  status: ItemStatus;
  priority: number;
  labels: string[];
  assignee: string | null;
  /** Absent where the kind of source knows no branches. */
  branch?: string | null;
  /** Who wrote the item, where the source says so. */
  author: string | null;
  /** The key of an item of the same import. */
  parentKey: string | null;
  dates: {
    created?: SourceDate | undefined;
    updated?: SourceDate | undefined;
    completed?: SourceDate | undefined;
  };
  /** Dates of the file around the item, for an item that has none itself. */
  fileDates?: { created?: unknown; updated?: unknown };
  /** Metadata under the known keys of the item's type. */
  known: JsonObject;
  /** Everything without a home, under the source's names; it goes to `metadata.imported`. */
  fields: Record<string, unknown>;
  comments: SourceComment[];
}

export interface SourceDate {
  /** The source's name for it. */
  field: string;
  value: unknown;
}

export interface SourceComment {
  author: string | null;
  text: string;
  created: unknown;
}

export type SourceLink = KeyedLink;

/** A date under its name, or undefined where the source has none. */
export function sourceDate(record: Record<string, unknown>, ...names: string[]): SourceDate | undefined {
  const field = names.find((name) => ownValue(record, name) !== undefined);
  return field === undefined ? undefined : { field, value: record[field] };
}

/** The value of an own key; undefined also for null and empty text, which say nothing. */
export function ownValue(record: Record<string, unknown>, name: string): unknown {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  return value === null || value === '' ? undefined : value;
}

/** The text of a scalar; undefined for nothing, blank text, lists and objects. */
export function ownText(record: Record<string, unknown>, name: string): string | undefined {
  const value = ownValue(record, name);
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  return typeof text === 'string' && text.trim() !== '' ? text : undefined;
}

/** A list's entries; one value instead of a list counts as a list of one. */
export function ownList(record: Record<string, unknown>, name: string): unknown[] {
  const value = ownValue(record, name);
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** Label texts of a list or of comma-separated text. */
export function ownLabels(record: Record<string, unknown>, name: string): string[] {
  return ownList(record, name)
    .flatMap((entry) =>
      typeof entry === 'string' && !Array.isArray(record[name]) ? entry.split(',') : [entry],
    )
    .map((entry) => asText(entry).trim())
    .filter((label) => label !== '');
}

/** A reference or a name as text, whatever the file holds there. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/**
 * The fields that have no home of their own.
 * @param housed text and date fields with a home; where the file holds a list or an object instead of text,
 *   the field has lost its home and is among the result
 */
export function homeless(
  record: Record<string, unknown>,
  housed: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).filter(
      ([name, value]) =>
        value !== null && (!housed.includes(name) || (typeof value === 'object' && name !== 'labels')),
    ),
  );
}

/** The record without some of its keys. */
export function without(record: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** Sections of markdown below a text; empty ones are left out, nothing at all is null. */
export function withSections(
  text: string | undefined,
  sections: [heading: string, body: string | undefined][],
): string | null {
  const parts = sections
    .filter(([, body]) => body !== undefined && body.trim() !== '')
    .map(([heading, body]) => `## ${heading}\n\n${body}`);
  if (text !== undefined && text.trim() !== '') parts.unshift(text);
  return parts.length === 0 ? null : parts.join('\n\n');
}

/**
 * Items in the order of their keys, every key once. An exact repetition is left out and reported; a different
 * item under a taken key gets `<key>~2`, so that neither is lost. Which one keeps the key depends on `prefer`
 * and on the content, not on the order of reading.
 * @param prefer sorts the items of one key, the one that keeps it first
 */
export function makeKeysUnique<Item extends SourceItem>(
  items: readonly Item[],
  log: PlanLog,
  where: (item: Item) => { file: string; line?: number },
  prefer: (a: Item, b: Item) => number,
): Item[] {
  const unique: Item[] = [];
  for (const group of groupBy(items, ({ key }) => key).values()) {
    const told = group.map((item) => ({ item, said: stableJson(item.said) }));
    told.sort((a, b) => prefer(a.item, b.item) || compareText(a.said, b.said));
    const kept = new Set<string>();
    for (const { item, said } of told) {
      const { file, line } = where(item);
      if (kept.has(said)) {
        log.skip(file, `repeats ${display(item.foreignId)} word for word`, line);
        continue;
      }
      kept.add(said);
      if (kept.size > 1) {
        const key = `${item.key}~${kept.size}`;
        log.note(
          'duplicate_id',
          item.foreignId,
          `is there more than once; the one in ${file} is imported as "${item.foreignId}~${kept.size}"`,
        );
        unique.push({ ...item, key, foreignId: `${item.foreignId}~${kept.size}` });
      } else unique.push(item);
    }
  }
  return unique.sort((a, b) => compareNatural(a.key, b.key));
}
