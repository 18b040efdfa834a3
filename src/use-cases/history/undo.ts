/** Taking changes back by making the inverse change: of one change, or of what somebody did since a time. */
import { batchPatch, recordsOf, type BatchPart } from '../../domain/batch.ts';
import type { Applied, RecordedChange } from '../../domain/change.ts';
import { groupBy } from '../../domain/grouping.ts';
import { formatUuid, idRange } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { UNDO_CHANGES_MAX, type UndoInput, undoInput } from '../../domain/undo.ts';
import type { RefusedUndo } from '../../domain/undo-choice.ts';
import { planUndo, type UndoPlan } from '../../domain/undo-plan.ts';
import { makerText } from '../../domain/worker.ts';
import { notFound, validationError, type TrackerError } from '../../domain/errors.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { write, type ChangeRequest } from '../support/context.ts';
import { withoutLookUp } from '../support/look-up.ts';
import { undoShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** A change that is, or would be, taken back. */
export interface UndoneChange {
  change_id: string;
  /** Its first position in the feed. */
  seq: number;
  at: string;
  /** Who made it: see `makerText`. */
  by: string;
  actor: string;
  kind: string;
  entity: string;
  entity_id: string;
  /** What the record is called now. */
  title?: string;
  /** How many records it touched. */
  records: number;
}

export interface Undo {
  /** Whether it was done; else this is what would be done. */
  applied: boolean;
  /** The change that took them back, which can be taken back itself. */
  change_id?: string;
  /** Newest first: the order in which they are taken back. */
  undone: UndoneChange[];
  /** What cannot be taken back, newest first. */
  refused: (UndoneChange & { reason: string })[];
  /**
   * The records that were altered, with their versions now: but for those that others changed in between, which who goes on
   * has to read first.
   */
  records?: { id: string; version?: number }[];
  repeated?: true;
}

/** Rows of the record of changes that one call looks at: a row for each record that a change touched. */
const ROWS_MAX = 2_000;

/**
 * Without `apply`, one change is taken back at once and what an actor did is only shown.
 * @throws ValidationError when something cannot be taken back, with the reasons; nothing was changed then
 */
export const undo = defineUseCase({
  name: 'undo',
  kind: 'change',
  input: undoInput,
  output: () => undoShape(),
  run: async (context, caller, input): Promise<Answer<Undo>> => {
    checkArguments(input);
    const now = context.now().toISOString();
    const isApplied = input.apply ?? input.change_id !== undefined;
    const reading = context.store.read((reader) => prepare(reader, input, now));
    const read = await (isApplied
      ? reading.catch(withoutLookUp({ call: 'undo', arguments: input }))
      : reading);
    const { rows, plan, records, first } = read.data;
    if (first !== undefined)
      return { ...read, data: { ...repeated(first, rows, input), undone: [], refused: [] } };

    const describe = describer(rows, records);
    const shown: Undo = {
      applied: false,
      undone: plan.undone.map(describe),
      refused: plan.refused.map(({ change_id, reason }) => ({ ...describe(change_id), reason })),
    };
    if (!isApplied) return { ...read, data: shown };
    if (plan.refused.length > 0 && !input.partial) throw refusal(plan, shown.refused);
    if (plan.parts.length === 0) {
      throw validationError(
        {
          field: 'change_id',
          constraint: 'nothing is left to take back',
          value: input.change_id ?? input.actor,
        },
        'Read the history again: what was asked is as it was before already.',
      );
    }
    const answer = await write(context, caller, [requestOf(plan.parts, input)]);
    const [applied] = answer.data;
    return {
      ...answer,
      data: { ...shown, ...(applied === undefined ? {} : outcome(applied, rows)), applied: true },
    };
  },
});

function checkArguments({ change_id, actor, since, partial }: UndoInput): void {
  const isOne = change_id !== undefined;
  const isMany = actor !== undefined && since !== undefined;
  if (isOne ? actor === undefined && since === undefined && !partial : isMany) return;
  throw validationError(
    {
      field: isOne ? 'actor' : 'change_id',
      constraint: isOne
        ? 'goes with since; one change is named by change_id alone'
        : 'is needed, or actor together with since',
      value: actor ?? null,
    },
    'Give change_id for one change, or actor and since for all that somebody did from a time on.',
  );
}

interface Prepared {
  rows: RecordedChange[];
  plan: UndoPlan;
  records: Map<string, JsonObject>;
  /** The first answer to this call, where it was made before. */
  first?: Applied;
}

async function prepare(reader: Reader, input: UndoInput, now: string): Promise<Prepared> {
  const wanted =
    input.change_id === undefined ? await rowsBy(reader, input) : await rowsOf(reader, input.change_id);
  const { idempotency_key } = input;
  const first = idempotency_key === undefined ? undefined : await reader.findResultByKey(idempotency_key);
  const none = { parts: [], undone: [], refused: [] };
  if (first !== undefined) return { rows: wanted, plan: none, records: new Map(), first };
  const [oldest] = wanted;
  if (oldest === undefined) return { rows: wanted, plan: none, records: new Map() };
  const ids = [...new Set(wanted.map(({ entity_id }) => entity_id))];
  const timeline = await reader.findRowsOfRecords(ids, oldest.seq);
  const records = await readRecords(reader, wanted);
  const items = [...records.values()].filter((record) => 'parent_id' in record).map(({ id }) => id as string);
  const children = items.length === 0 ? [] : await reader.findChildren(items, CHILDREN_MAX);
  return { rows: wanted, plan: planUndo({ wanted, timeline, records, children, now }), records };
}

/** Of the items to be deleted; more of them change nothing, since one is enough to keep its parent. */
const CHILDREN_MAX = 5_000;

async function rowsOf(reader: Reader, reference: string): Promise<RecordedChange[]> {
  const rows = await reader.findRowsOfChange(await changeId(reader, reference));
  if (rows.length === 0) throw notFound('change', { id: reference });
  if (rows.length <= ROWS_MAX) return rows;
  throw validationError(
    {
      field: 'change_id',
      constraint: `touched ${rows.length} records, and one call takes back at most ${ROWS_MAX}`,
      value: reference,
    },
    'Update the records that should be different now (update_work_items of toolset plan takes many of them at once). Nothing was changed.',
  );
}

async function changeId(reader: Reader, reference: string): Promise<string> {
  if (reference.startsWith('#')) {
    const row = await reader.findChangeAt(Number(reference.slice(1)));
    if (row === undefined) throw notFound('change', { id: reference });
    return row.change_id;
  }
  const hex = reference.replaceAll('-', '');
  if (hex.length === 32) return formatUuid(hex);
  const found = await reader.findChangeIds(idRange(hex), CANDIDATES_MAX);
  const [only] = found;
  if (only === undefined) throw notFound('change', { id: reference });
  if (found.length === 1) return only;
  throw validationError(
    {
      field: 'change_id',
      constraint: `is the beginning of several ids: ${found.join(', ')}`,
      value: reference,
    },
    'Give more characters of the id, or the position of the change in the feed as "#12".',
  );
}

const CANDIDATES_MAX = 5;

async function rowsBy(reader: Reader, { actor = '', since = '' }: UndoInput): Promise<RecordedChange[]> {
  const rows = await reader.findRowsBy(actor, since, ROWS_MAX + 1);
  const changes = new Set(rows.map(({ change_id }) => change_id)).size;
  const tooMany = (did: string): TrackerError =>
    validationError(
      {
        field: 'since',
        constraint: `is too early: ${actor} ${did} from then on, and one call takes back no more`,
        value: since,
      },
      'Take back the newest ones first: give a later since. Nothing was changed.',
    );
  if (changes > UNDO_CHANGES_MAX) throw tooMany(`made more than ${UNDO_CHANGES_MAX} changes`);
  if (rows.length > ROWS_MAX) throw tooMany(`changed more than ${ROWS_MAX} records`);
  return rows.reverse();
}

/** The records themselves, and the items on which their places depend. */
async function readRecords(
  reader: Reader,
  rows: readonly RecordedChange[],
): Promise<Map<string, JsonObject>> {
  const items = new Set<string>();
  const others = new Map<string, RecordedChange['entity']>();
  for (const { entity, entity_id, related_id, fields } of rows) {
    if (entity === 'work_item' || entity === 'dependency') items.add(entity_id);
    else others.set(entity_id, entity);
    if (entity === 'dependency' && related_id !== null) items.add(related_id);
    for (const { field, from } of fields)
      if (field === 'parent_id' && typeof from === 'string') items.add(from);
  }
  const records = new Map<string, JsonObject>();
  const add = async (ids: string[]) => {
    const found = await reader.findWorkItems(ids.filter((id) => !records.has(id)));
    for (const item of found) records.set(item.id, item as unknown as JsonObject);
    return found;
  };
  const found = await add([...items]);
  await add([...new Set(found.flatMap(({ parent_id }) => parent_id ?? []))]);
  for (const [id, entity] of others) {
    const record = await reader.findRecord(entity, id);
    if (record !== undefined) records.set(id, record);
  }
  return records;
}

/** The inverse of one field change is an ordinary update; several records go together or not at all. */
function requestOf(parts: readonly BatchPart[], { updated_by, idempotency_key }: UndoInput): ChangeRequest {
  const [first] = parts;
  if (first === undefined) throw new Error('nothing to take back');
  const request: ChangeRequest =
    parts.length === 1
      ? { ...first }
      : { entity: first.entity, entity_id: first.entity_id, kind: 'batch', patch: batchPatch(parts) };
  return { ...request, ...(updated_by !== undefined && { actor: updated_by }), idempotency_key };
}

/** @param rows those that were taken back */
function outcome(
  { change_id, record, entity_id }: Applied,
  rows: readonly RecordedChange[],
): Pick<Undo, 'change_id' | 'records'> {
  const newest = new Map<string, number>();
  for (const { entity_id: id, version } of rows) newest.set(id, Math.max(newest.get(id) ?? 0, version ?? 0));
  const altered = recordsOf(record) ?? [{ id: entity_id, version: record['version'] }];
  const records = altered.flatMap(({ id, version }) => {
    if (typeof version !== 'number') return [];
    return [newest.get(id) === version - 1 ? { id, version } : { id }];
  });
  return { change_id, records };
}

/** A repeated call: what it asks about must be what the first one altered. */
function repeated(
  first: Applied,
  rows: readonly RecordedChange[],
  { idempotency_key }: UndoInput,
): Omit<Undo, 'undone' | 'refused'> {
  const known = new Set(rows.map(({ entity_id }) => entity_id));
  const { change_id, records = [] } = outcome(first, rows);
  if (!known.has(first.entity_id) || records.some(({ id }) => !known.has(id))) {
    throw validationError(
      {
        field: 'idempotency_key',
        constraint: 'was used before for another operation',
        value: idempotency_key,
      },
      'Use a new key for a new operation; repeat the same arguments to get the first result again.',
    );
  }
  return { applied: true, repeated: true, records, ...(change_id !== undefined && { change_id }) };
}

function describer(rows: readonly RecordedChange[], records: ReadonlyMap<string, JsonObject>) {
  const byChange = groupBy(rows, ({ change_id }) => change_id);
  return (change_id: string): UndoneChange => {
    const own = byChange.get(change_id) ?? [];
    const [first] = own;
    if (first === undefined) throw new Error('a change without rows');
    const { seq, at, actor, kind, entity, entity_id } = first;
    const title = records.get(entity_id)?.['title'] ?? records.get(entity_id)?.['name'];
    return {
      ...{ change_id, seq, at, by: makerText(first), actor, kind, entity, entity_id },
      ...(typeof title === 'string' && { title }),
      records: own.length,
    };
  };
}

function refusal(plan: UndoPlan, refused: (RefusedUndo & UndoneChange)[]): TrackerError {
  const error = validationError(
    refused.map(({ seq, reason, change_id }) => ({
      field: 'change_id',
      constraint: `#${seq} cannot be taken back: ${reason}`,
      value: change_id,
    })),
    plan.undone.length === 0
      ? 'Nothing was changed. Make the change you want as an ordinary update.'
      : `Nothing was changed. The other ${plan.undone.length} can be taken back: repeat with partial true to leave these out.`,
  );
  error.details['refused'] = refused.slice(0, REFUSED_NAMED);
  return error;
}

const REFUSED_NAMED = 20;
