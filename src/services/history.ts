/** History: what was changed, by whom, when, and from what to what (W13). */
import type { QueryHistoryInput, RecordedChange } from '../domain/change.ts';
import type { Page } from '../storage/sql/queries/paging.ts';
import type { Answer } from '../storage/store.ts';
import type { Context } from './context.ts';
import { findRecordId } from './find-id.ts';
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
        vendor === undefined
          ? id === undefined
            ? undefined
            : await findRecordId(reader, id)
          : (await findVendor(reader, vendor)).id;
      const page = await reader.listChanges({ ...filter, record_id });
      const { seq } = await reader.findFeedPosition();
      return { ...page, latest_seq: seq };
    },
    { snapshot: true },
  );
}
