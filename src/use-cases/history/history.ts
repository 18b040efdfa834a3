/** History: what was changed, by whom, when, and from what to what. */
import { type QueryHistoryInput, type RecordedChange, queryHistoryInput } from '../../domain/change.ts';
import type { JsonObject } from '../../domain/json.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import { validationError } from '../../domain/errors.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { findRecordId } from '../support/find-id.ts';
import { readPastState, type PastState } from '../support/past-state.ts';
import { findVendor } from '../records/vendors.ts';
import { changeShape, historyShape, listShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

export interface History extends Page<RecordedChange> {
  /** Where the feed stands now. */
  latest_seq: number;
  /**
   * Of a catch-up: what to pass as `since` next time. Null while writes made here wait for the primary and the page
   * is full: then `next_cursor` leads on.
   */
  next_since?: number | null;
  /** The record as it was, with `as_of`. */
  state?: JsonObject;
  /** Its links then. */
  dependencies?: PastState['dependencies'];
}

/**
 * Newest first; with `since`, what came after that position, oldest first. Nothing is skipped or shown twice while
 * others write: positions are given in the order of the commits. Follow `next_since` until `items` is empty. With
 * `as_of`, the one change that made the record what it was then, and its state.
 */
export const queryHistory = defineUseCase({
  name: 'query_history',
  kind: 'read',
  input: queryHistoryInput,
  output: () => ({ ...listShape(changeShape()), ...historyShape() }),
  run: async (context, _caller, input): Promise<Answer<History>> => {
    const answer = await context.store.read(async (reader) => {
      const { id, vendor, as_of, actor, ...filter } = input;
      const record_id =
        vendor === undefined
          ? id === undefined
            ? undefined
            : await findRecordId(reader, id)
          : (await findVendor(reader, vendor)).id;
      if (as_of !== undefined) return await pastHistory(reader, input, record_id, as_of);
      const page = await reader.listChanges({
        ...filter,
        maker: actor,
        record_id,
      });
      const { seq } = await reader.findFeedPosition();
      return {
        ...page,
        latest_seq: seq,
        ...(filter.since !== undefined && nextSince(page, filter.since, seq)),
      };
    });
    return input.since === undefined ? answer : toldOfRestore(answer, input.since);
  },
});

/** The feed of the primary never goes back, unless the tracker was restored; copies may lag behind. */
function toldOfRestore(answer: Answer<History>, since: number): Answer<History> {
  const { latest_seq } = answer.data;
  const isInPrimary = answer.source === 'postgres' || answer.source === 'sqlite';
  if (!isInPrimary || since <= latest_seq || answer.data.next_since == null) return answer;
  const message = `The feed stands at ${latest_seq}, before ${since}: the tracker was brought back to an earlier state. Read anew what you know of it, then go on from next_since.`;
  const warnings = [...answer.warnings, { code: 'feed_went_back', message }];
  return { ...answer, data: { ...answer.data, next_since: latest_seq }, warnings };
}

function nextSince({ items, next_cursor }: Page<RecordedChange>, since: number, latest: number) {
  const last = items.at(-1)?.seq ?? since;
  if (next_cursor === null) return { next_since: Math.max(latest, since) };
  return { next_since: last >= PROVISIONAL_FEED_STEP ? null : last };
}

async function pastHistory(
  reader: Reader,
  { entity }: QueryHistoryInput,
  record_id: string | undefined,
  time: string,
): Promise<History> {
  const id = record_id ?? (entity === 'configuration' ? (await reader.findConfiguration()).id : undefined);
  if (id === undefined) {
    throw validationError(
      { field: 'as_of', constraint: 'needs id or vendor (or entity "configuration")', value: time },
      'Name the record whose past state you want.',
    );
  }
  const { state, dependencies, last } = await readPastState(reader, id, time);
  const { seq } = await reader.findFeedPosition();
  return {
    items: last === undefined ? [] : [last],
    total_count: last === undefined ? 0 : 1,
    next_cursor: null,
    latest_seq: seq,
    state,
    ...(dependencies !== undefined && { dependencies }),
  };
}
