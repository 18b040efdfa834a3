/** How a change alters the project configuration. */
import { and, eq } from 'drizzle-orm';
import { notFound, validationError } from '../../domain/errors.ts';
import { fieldChanges } from '../../domain/change.ts';
import type { ChangeOf } from '../../domain/change-schema.ts';
import type { Configuration } from '../../domain/configuration.ts';
import type { Connection } from '../database/connection.ts';
import { findConfiguration } from '../queries/configuration.ts';
import { findWorkItem } from '../queries/work-items.ts';
import { refuseArchived } from './archive.ts';
import { asJson, oneRow, picked, type Effect } from './effect.ts';
import { rebase } from './rebase.ts';

const FIELDS = [
  'active_context_type',
  'current_session_id',
  'default_token_budget',
  'archive_after_days',
] as const;

async function checkSession(c: Connection, id: string): Promise<void> {
  // The archive takes everything but the current session: it must not decide at the same moment.
  await c.lockStructure('shared');
  const item = await findWorkItem(c, id);
  if (item === undefined) throw notFound('work item', { id });
  refuseArchived(item, 'current_session_id');
  if (item.item_type === 'session' && item.deleted_at === null) return;
  const is = item.deleted_at === null ? `is a ${item.item_type}` : 'is deleted';
  throw validationError(
    { field: 'current_session_id', constraint: `must be a session; "${item.title}" ${is}`, value: id },
    'Give the id of a session, or clear ["current_session_id"] for none.',
  );
}

export async function updateConfiguration(
  c: Connection,
  change: ChangeOf<'update configuration'>,
): Promise<Effect> {
  const current = await findConfiguration(c);
  const { patch, merged_with, version } = await rebase(c, change, current, 'project configuration');
  const session = patch.current_session_id;
  if (typeof session === 'string') await checkSession(c, session);
  const next: Configuration = {
    ...current,
    ...picked(patch, FIELDS),
    version,
    updated_at: change.at,
    updated_by: change.actor,
  };
  const { configuration: t } = c.tables;
  oneRow(
    await c.db
      .update(t)
      .set(next)
      .where(and(eq(t.id, current.id), eq(t.version, current.version)))
      .returning({ id: t.id }),
  );
  return {
    record: asJson(next),
    touched: [
      {
        entity: 'configuration',
        entity_id: current.id,
        kind: 'update',
        version: next.version,
        fields: fieldChanges(current, next),
      },
    ],
    merged_with,
    warnings: [],
  };
}
