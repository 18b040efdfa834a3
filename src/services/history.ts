/** History: what was changed, by whom, when, and from what to what (W13). */
import type { QueryHistoryInput, RecordedChange } from '../domain/change.ts';
import { notFound } from '../errors.ts';
import type { Page } from '../storage/sql/queries/paging.ts';
import type { Reader } from '../storage/sql/reader.ts';
import type { Answer } from '../storage/store.ts';
import type { Context } from './context.ts';
import { findId, findItemId } from './find-id.ts';
import { findVendor } from './vendors.ts';

export interface History extends Page<RecordedChange> {
  /** Where the feed stands now: pass it as `since` next time to hear only what is new. */
  latest_seq: number;
}

export async function queryHistory(context: Context, input: QueryHistoryInput): Promise<Answer<History>> {
  return await context.store.read(
    async (reader) => {
      const { id, vendor, ...filter } = input;
      const record_id =
        vendor === undefined ? await recordId(reader, id) : (await findVendor(reader, vendor)).id;
      const page = await reader.listChanges({ ...filter, record_id });
      const { seq } = await reader.findFeedPosition();
      return { ...page, latest_seq: seq };
    },
    { snapshot: true },
  );
}

/** An id may be of any kind of record; a prefix is looked for among work items, then deployments, then vendors. */
async function recordId(reader: Reader, hex: string | undefined): Promise<string | undefined> {
  if (hex === undefined) return undefined;
  for (const find of [
    () => findItemId(reader, hex),
    () => findId(reader.findDeploymentsByIdRange, 'deployment', hex),
    () => findId(reader.findVendorsByIdRange, 'vendor', hex),
  ]) {
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof Error && error.name === 'NotFoundError')) throw error;
    }
  }
  throw notFound('record', { id: hex });
}
