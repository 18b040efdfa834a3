/** Collects what an import has to tell about itself while a plan is made. */
import { shorten } from '../../domain/errors.ts';
import type { FieldMapping, ImportNote, ImportPlan, SkippedInput, UnresolvedReference } from './plan.ts';
import { compareNatural } from './natural-order.ts';

export class PlanLog {
  readonly #mappings = new Map<string, FieldMapping>();
  readonly #notes: ImportNote[] = [];
  readonly #unresolved: UnresolvedReference[] = [];
  readonly #skipped: SkippedInput[] = [];

  /** Counts one value of the source that became one value of the tracker. */
  map(field: string, from: unknown, to: string | number): void {
    const mapping = { field, from: display(from), to: String(to), count: 1 };
    const key = JSON.stringify([field, mapping.from, mapping.to]);
    const present = this.#mappings.get(key);
    if (present === undefined) this.#mappings.set(key, mapping);
    else present.count += 1;
  }

  note(code: string, foreignId: string, message: string): void {
    this.#notes.push({ code, foreign_id: storable(foreignId), message: storable(message) });
  }

  unresolved(foreignId: string, field: string, reference: unknown, reason: string): void {
    this.#unresolved.push({ foreign_id: storable(foreignId), field, reference: display(reference), reason });
  }

  skip(file: string, reason: string, line?: number): void {
    this.#skipped.push(line === undefined ? { file, reason } : { file, line, reason });
  }

  /** Everything collected, in an order that depends on the content only. */
  result(): Pick<ImportPlan, 'mappings' | 'notes' | 'unresolved' | 'skipped'> {
    return {
      mappings: sorted([...this.#mappings.values()], ({ field, from, to }) => [field, from, to]),
      notes: sorted(this.#notes, ({ code, foreign_id, message }) => [code, foreign_id, message]),
      unresolved: sorted(this.#unresolved, ({ foreign_id, field, reference }) => [
        foreign_id,
        field,
        reference,
      ]),
      skipped: sorted(this.#skipped, ({ file, line, reason }) => [file, String(line ?? 0), reason]),
    };
  }
}

/** Text that every store and terminal can take; ids of the source come here as they are. */
const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed();

/** A value of the source as a report can show it: short, and always text. */
export function display(value: unknown): string {
  const short = shorten(value);
  return storable(typeof short === 'string' ? short : JSON.stringify(short));
}

function sorted<Entry>(entries: Entry[], keys: (entry: Entry) => string[]): Entry[] {
  return entries
    .map((entry) => ({ entry, keys: keys(entry) }))
    .sort((a, b) => {
      for (const [index, key] of a.keys.entries()) {
        const order = compareNatural(key, b.keys[index] ?? '');
        if (order !== 0) return order;
      }
      return 0;
    })
    .map(({ entry }) => entry);
}
