/** What a write has to know before it can be made: the ids behind prefixes and names, what is ready next. */
import { QUERY_NAMES, type Reader } from '../../storage/queries/reader.ts';
import type { ReadOptions } from '../../storage/database/connection.ts';
import { isUnanswered, notLookedUp } from '../../storage/tiers/messages.ts';
import type { Context } from './context.ts';

/** A call as it came, for whom it has to be repeated. */
export interface Asked {
  /** The tool that makes this write. */
  call: string;
  arguments: object;
}

/**
 * Reads for a write. Where no layer can answer, work that asks nothing goes on all the same, as with ids that were
 * given in full: then the write is kept.
 * @throws NotSavedError with what was asked, when no layer can answer what the work asks
 */
export async function lookUp<T>(
  context: Context,
  asked: Asked,
  work: (reader: Reader) => Promise<T>,
  options?: ReadOptions,
): Promise<T> {
  try {
    return (await context.store.read(work, options)).data;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return await work(readerThatThrows(notLookedUp(asked, error)));
  }
}

/** For what cannot be made without reading: a failed read for a write, as the error of that write. */
export function withoutLookUp(asked: Asked): (error: unknown) => never {
  return (error) => {
    throw isUnanswered(error) ? notLookedUp(asked, error) : error;
  };
}

function readerThatThrows(error: Error): Reader {
  const refuse = () => Promise.reject(error);
  return Object.fromEntries(QUERY_NAMES.map((name) => [name, refuse])) as unknown as Reader;
}
