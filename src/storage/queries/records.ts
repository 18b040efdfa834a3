/** A record of any kind by its id, as it is now. */
import type { Entity } from '../../domain/change.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Connection } from '../database/connection.ts';
import { findConfiguration } from './configuration.ts';
import { findDeployment } from './deployments.ts';
import { findEnhancement } from './enhancements.ts';
import { findNote } from './notes.ts';
import { findVendors } from './vendors.ts';
import { findWorkItem } from './work-items.ts';

/** Undefined where there is none; of dependencies and conflicts too, which are no records with fields. */
export async function findRecord(c: Connection, entity: Entity, id: string): Promise<JsonObject | undefined> {
  return (await find(c, entity, id)) as unknown as JsonObject | undefined;
}

async function find(c: Connection, entity: Entity, id: string): Promise<object | undefined> {
  switch (entity) {
    case 'work_item':
      return await findWorkItem(c, id);
    case 'vendor':
      return (await findVendors(c, [id]))[0];
    case 'deployment':
      return await findDeployment(c, id);
    case 'enhancement':
      return await findEnhancement(c, id);
    case 'note':
      return await findNote(c, id);
    case 'configuration':
      return await findConfiguration(c);
    case 'dependency':
    case 'conflict':
      return undefined;
  }
}
