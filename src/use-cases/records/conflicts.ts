/** Writes that could not be applied as they were made: list them, settle them, and show them on every read. */
import * as z from 'zod';
import { validationError } from '../../domain/errors.ts';
import {
  type ConflictRecord,
  conflictRecord,
  listConflictsInput,
  resolveConflictInput,
} from '../../domain/conflict-record.ts';
import type { JsonObject } from '../../domain/json.ts';
import { parseInput } from '../../domain/validate.ts';
import { updateConfigurationInput } from '../../domain/configuration.ts';
import { createEnhancementInput, updateEnhancementInput } from '../../domain/enhancement.ts';
import { makerText } from '../../domain/worker.ts';
import { updateVendorInput } from '../../domain/vendor.ts';
import { createWorkItemInput, updateWorkItemInput } from '../../domain/work-item.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Answer, PendingWrite } from '../../storage/contract/store.ts';
import { writeOne, type WriteOutcome } from '../support/context.ts';
import { findId, findRecordId } from '../support/find-id.ts';
import { lookUp } from '../support/look-up.ts';
import { findVendor } from './vendors.ts';
import { listShape, writeShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** A page of conflicts, the newest first. */
export interface ConflictList extends Page<ConflictRecord> {
  /** Writes made here that wait for the primary store. */
  pending_count: number;
}

/**
 * The open conflicts, or with `resolved` the settled ones; of all records or of one.
 * @throws NotFoundError for a record or vendor that is not there
 */
export const listConflicts = defineUseCase({
  name: 'list_conflicts',
  kind: 'read',
  input: listConflictsInput,
  output: () => ({ ...listShape(conflictRecord()), pending_count: z.int() }),
  run: async (context, _caller, input): Promise<Answer<ConflictList>> => {
    const pending_count = (await context.store.pending()).length;
    return await context.store.read(async (reader) => {
      const { id, vendor, ...filter } = input;
      let record_id: string | undefined;
      if (vendor !== undefined) record_id = (await findVendor(reader, vendor)).id;
      else if (id !== undefined) record_id = await findRecordId(reader, id);
      return { ...(await reader.listConflicts({ ...filter, record_id })), pending_count };
    });
  },
});

/**
 * Settles one conflict. `record` is what it is about, as it is afterwards; null when nothing was applied.
 * @throws NotFoundError; ValidationError when it is settled already, or what takes the place of its fields is not valid
 */
export const resolveConflict = defineUseCase({
  name: 'resolve_conflict',
  kind: 'change',
  input: resolveConflictInput,
  output: () => ({ ...conflictRecord(), ...writeShape(), record: z.unknown() }),
  run: async (
    context,
    caller,
    input,
  ): Promise<Answer<ConflictRecord & { record: JsonObject | null } & WriteOutcome>> => {
    const { resolution, fields } = input;
    if ((fields !== undefined) !== (resolution === 'custom')) {
      throw validationError(
        {
          field: 'fields',
          constraint: resolution === 'custom' ? 'is needed for custom' : `means something for custom only`,
          value: fields ?? null,
        },
        'Give fields with resolution custom: the fields of the record to set instead of those of the write.',
      );
    }
    const asked = { call: 'resolve_conflict', arguments: input };
    const { entity_id, checked } = await lookUp(context, asked, async (reader) => {
      const id = await findId(reader.findConflictsByIdRange, 'conflict', input.id);
      if (fields === undefined) return { entity_id: id };
      return { entity_id: id, checked: checkFields(await reader.findConflict(id), fields as JsonObject) };
    });
    return await writeOne(context, caller, {
      entity: 'conflict',
      entity_id,
      kind: 'resolve',
      patch: { resolution, ...(checked !== undefined && { fields: checked }) },
      actor: input.resolved_by,
      idempotency_key: input.idempotency_key,
    });
  },
});

/** Fields that take their place obey the same rules as in an update of the record. */
function checkFields(conflict: ConflictRecord | undefined, fields: JsonObject): JsonObject {
  const [change] = conflict?.changes ?? [];
  const schema = change === undefined ? undefined : SCHEMAS[`${change.kind} ${change.entity}`];
  if (schema === undefined) {
    throw validationError(
      { field: 'fields', constraint: 'cannot be given for this kind of write', value: fields },
      'Settle it with keep_theirs or reapply, and make further changes as usual.',
    );
  }
  const given = parseInput(schema, fields) as JsonObject;
  // What is empty was named, by itself or by `clear`; other fields that nobody gave are defaults.
  const set = Object.entries(given).filter(([name, value]) => Object.hasOwn(fields, name) || value === null);
  return Object.fromEntries(set.map(([name, value]) => [name, name === 'labels' ? (value ?? []) : value]));
}

const SCHEMAS = {
  'create work_item': createWorkItemInput.partial(),
  'update work_item': updateWorkItemInput.omit({ id: true, version: true }),
  // What it depends on is given by prefixes too, which only the tools resolve.
  'create enhancement': createEnhancementInput.partial().omit({ depends_on: true }),
  'update enhancement': updateEnhancementInput.omit({ id: true, version: true, depends_on: true }),
  'update vendor': updateVendorInput.omit({ name: true, version: true }),
  'update configuration': updateConfigurationInput.omit({ version: true }),
} as Readonly<Record<string, Parameters<typeof parseInput>[0]>>;

/** Who made a write that waits, on one line. */
export function writerOf({ changes: [first] }: PendingWrite): string {
  return first === undefined ? '' : makerText(first);
}

/** A write that waits, in a few words. */
export function describePending({ changes }: PendingWrite): string {
  const [first] = changes;
  if (first === undefined) return 'something that only a newer Worktrail understands';
  const { kind, entity, entity_id, patch } = first;
  const name = typeof patch['title'] === 'string' ? patch['title'] : patch['name'];
  const what = `${kind} ${entity.replace('_', ' ')} ${typeof name === 'string' ? name : entity_id.slice(0, 8)}`;
  const fields = kind === 'update' ? ` (${Object.keys(patch).join(', ')})` : '';
  return changes.length === 1 ? `${what}${fields}` : `${what}${fields} and ${changes.length - 1} more`;
}
