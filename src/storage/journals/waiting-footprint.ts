/** What waits, by what it has to do with: whether a write would overtake it. */
import type { Footprint } from '../../domain/footprint.ts';
import type { JournalEntry } from '../contract/journal.ts';

export class WaitingFootprint {
  /** By name: the ids of the entries that alter it, and of those that are about it. */
  readonly #altering = new Map<string, string[]>();
  readonly #about = new Map<string, string[]>();

  constructor(entries: readonly JournalEntry[], footprintOf: (entry: JournalEntry) => Footprint) {
    for (const entry of entries) {
      const { alters, about } = footprintOf(entry);
      for (const name of alters) into(this.#altering, name, entry.id);
      for (const name of about) into(this.#about, name, entry.id);
    }
  }

  get isEmpty(): boolean {
    return this.#altering.size === 0;
  }

  /**
   * Whether something waits that has to be applied before such a write.
   * @param forPerson the ids of entries that wait for a person: only what cannot do without them waits behind them
   */
  isInFrontOf({ alters, needs, about }: Footprint, forPerson: ReadonlySet<string>): boolean {
    if ([...alters, ...needs].some((name) => this.#altering.has(name))) return true;
    const isSoon = (ids: readonly string[] | undefined) => ids?.some((id) => !forPerson.has(id)) ?? false;
    return (
      about.some((name) => isSoon(this.#altering.get(name))) ||
      [...alters, ...about].some((name) => isSoon(this.#about.get(name)))
    );
  }
}

function into(map: Map<string, string[]>, name: string, id: string): void {
  const ids = map.get(name);
  if (ids === undefined) map.set(name, [id]);
  else ids.push(id);
}
