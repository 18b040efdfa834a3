/** A record of any kind by its id, as it is now. */
import type { Entity } from '../../domain/change.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Connection } from '../database/connection.ts';
import { ENTITIES_WITH_PAST, NOUNS } from './nouns.ts';

/** Undefined where there is none; of dependencies and conflicts too, which are no records with fields. */
export async function findRecord(c: Connection, entity: Entity, id: string): Promise<JsonObject | undefined> {
  // What newer programs recorded may be of a noun that is not known here.
  if (!ENTITIES_WITH_PAST.includes(entity)) return undefined;
  return (await NOUNS[entity].find?.(c, id)) as JsonObject | undefined;
}
