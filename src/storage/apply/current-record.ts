/** The record that a change was about, as it is now: what is answered when only the change's id is still known. */
import type { Change } from '../../domain/change.ts';
import { linkMeaning, type DependencyType } from '../../domain/dependency.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Connection } from '../database/connection.ts';
import { findConflict } from '../queries/conflicts.ts';
import { findConfiguration } from '../queries/configuration.ts';
import { findLinksBetween } from '../queries/dependencies.ts';
import { findDeployment } from '../queries/deployments.ts';
import { findEnhancement } from '../queries/enhancements.ts';
import { findNote } from '../queries/notes.ts';
import { findVendors } from '../queries/vendors.ts';
import { findWorkItem } from '../queries/work-items.ts';
import { asJson } from './effect.ts';

export async function findCurrentRecord(c: Connection, change: Change): Promise<JsonObject> {
  const { entity, entity_id: id } = change;
  switch (entity) {
    case 'work_item':
      return asJson((await findWorkItem(c, id)) ?? { id });
    case 'note':
      return asJson((await findNote(c, id)) ?? { id });
    case 'enhancement':
      return asJson((await findEnhancement(c, id)) ?? { id });
    case 'vendor':
      return asJson((await findVendors(c, [id]))[0] ?? { id });
    case 'deployment':
      return asJson((await findDeployment(c, id)) ?? { id });
    case 'conflict':
      return asJson((await findConflict(c, id)) ?? { id });
    case 'configuration':
      return asJson(await findConfiguration(c));
    case 'dependency': {
      const wanted = {
        source_id: id,
        target_id: change.patch['target_id'] as string,
        dependency_type: change.patch['dependency_type'] as DependencyType,
      };
      const links = await findLinksBetween(c, wanted.source_id, wanted.target_id);
      return asJson(
        links.find((link) => linkMeaning(link) === linkMeaning(wanted)) ?? {
          ...wanted,
          created_at: change.at,
          created_by: change.actor,
        },
      );
    }
  }
}
