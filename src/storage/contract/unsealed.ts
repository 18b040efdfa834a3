/** What is said of writes that nothing proves to be of this user on this machine. */
import { count } from '../../domain/text.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { UnsealedWrite } from './journal.ts';

/** How many there are in each file or ref. */
export interface UnsealedReport {
  place: string;
  writes: number;
}

export function unsealedByPlace(unsealed: readonly UnsealedWrite[]): UnsealedReport[] {
  const writes = new Map<string, number>();
  for (const { place } of unsealed) writes.set(place, (writes.get(place) ?? 0) + 1);
  return [...writes].map(([place, count]) => ({ place, writes: count }));
}

const PLACES_NAMED = 2;

export function unsealedWarning(unsealed: readonly UnsealedWrite[]): Warning {
  const places = unsealedByPlace(unsealed).map(({ place }) => place);
  const more = places.length - PLACES_NAMED;
  const where = `${places.slice(0, PLACES_NAMED).join(', ')}${more > 0 ? ` and ${count(more, 'other place')}` : ''}`;
  const message = `${count(unsealed.length, 'write')} in ${where} ${unsealed.length === 1 ? 'does' : 'do'} not have the seal of this user on this machine: somebody else may have made ${unsealed.length === 1 ? 'it' : 'them'}. Nothing of it is applied; it stays where it is. A person can look at it and take it over with \`worktrail doctor --adopt\`.`;
  return { code: 'unsealed_writes', message };
}

/** A write was saved in a journal with a key that ends with this process. */
export function keylessWarning(problem: string): Warning {
  const message = `${problem}, so this write is sealed for this program alone. If the program ends before the write is applied, take it over with \`worktrail doctor --adopt\`. To avoid that, let WORKTRAIL_HOME name a folder of yours that can be written.`;
  return { code: 'no_journal_key', message };
}
