/** When one table or query of the primary fails: only that part of an answer comes from a lower layer. */
import { layerFailure } from '../database/driver-errors.ts';
import { QUERY_NAMES, type Reader } from '../queries/reader.ts';
import type { Primary } from '../primary/sql-store.ts';
import type { Answer } from '../contract/store.ts';
import type { ChosenReplica, Found } from '../replicas/replicas.ts';

type Lower = <T>(work: (chosen: ChosenReplica) => Promise<T>) => Promise<Found<T>>;

/**
 * Runs `work` again, query by query.
 * @returns undefined when the primary could answer nothing of it
 */
export async function readByParts<T>(
  primary: Primary,
  work: (reader: Reader) => Promise<T>,
  lower: Lower,
): Promise<Answer<T> | undefined> {
  const replaced = new Map<string, Found<unknown>>();
  let answered = 0;
  const byPart =
    (name: keyof Reader) =>
    async (...args: unknown[]) => {
      const ask = (reader: Reader) => (reader[name] as (...args: unknown[]) => Promise<unknown>)(...args);
      try {
        const { data } = await primary.read(ask);
        answered += 1;
        return data;
      } catch (error) {
        const failure = layerFailure(error);
        if (failure !== 'partial' && failure !== 'denied') throw error;
        const found = await lower(({ read }) => read(ask)).catch((without: unknown) => {
          // What is missing is a right, and only that error says so.
          throw failure === 'denied' ? error : without;
        });
        replaced.set(name, found);
        return found.data;
      }
    };
  const reader = Object.fromEntries(QUERY_NAMES.map((name) => [name, byPart(name)])) as unknown as Reader;
  const data = await work(reader);
  if (answered === 0 && replaced.size > 0) return undefined;
  const warnings = [...replaced].map(([name, { source, as_of }]) => ({
    code: 'partial',
    message: `A part of this answer (${inWords(name)}) could not be read from the store; it is from ${source}, as of ${as_of}.`,
  }));
  const [oldest] = [...replaced.values()].sort((a, b) => (a.as_of < b.as_of ? -1 : 1));
  return { data, source: primary.source, warnings, ...(oldest !== undefined && { copy: oldest.copy }) };
}

/** `listDeployments` as `list deployments`. */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
