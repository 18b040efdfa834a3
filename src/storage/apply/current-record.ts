/** The record that a change was about, as it is now: what is answered when only the change's id is still known. */
import type { Change } from '../../domain/change.ts';
import { linkMeaning } from '../../domain/dependency.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Connection } from '../database/connection.ts';
import { findLinksBetween } from '../queries/dependencies.ts';
import { NOUNS } from '../queries/nouns.ts';
import { readPatch, type LinkChange } from './dependencies.ts';
import { asJson } from './effect.ts';

export async function findCurrentRecord(c: Connection, change: Change): Promise<JsonObject> {
  const { entity, entity_id: id } = change;
  if (entity === 'dependency') return await currentLink(c, change as LinkChange);
  return asJson((await NOUNS[entity].find(c, id)) ?? { id });
}

async function currentLink(c: Connection, change: LinkChange): Promise<JsonObject> {
  const wanted = readPatch(change);
  const links = await findLinksBetween(c, wanted.source_id, wanted.target_id);
  const there = links.find((link) => linkMeaning(link) === linkMeaning(wanted));
  return asJson(there ?? { ...wanted, created_at: change.at, created_by: change.actor });
}
