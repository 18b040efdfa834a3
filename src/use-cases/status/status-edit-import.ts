/** Hand edits of a status file as changes of the tracker: one update for each record, each with its version check. */
import type { JsonObject } from '../../domain/json.ts';
import { createEnhancementInput } from '../../domain/enhancement.ts';
import { groupBy } from '../../domain/grouping.ts';
import { parseInput } from '../../domain/validate.ts';
import { registerVendorInput } from '../../domain/vendor.ts';
import { createWorkItemInput } from '../../domain/work-item.ts';
import { TrackerError, validationError } from '../../domain/errors.ts';
import { parseStatusFile, type ParsedStatus } from '../../storage/status-file/status-parser.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { writeOne, type Caller, type Context } from '../support/context.ts';
import { createEnhancement } from '../records/enhancements.ts';
import type { AddedRecord, StatusEdit } from './status-edit-rules.ts';
import { readStatusEdits, type StatusEdits } from './status-edits.ts';
import type { PresentFile } from './status-file.ts';
import { registerVendor } from '../records/vendors.ts';
import { createWorkItem } from '../records/work-items.ts';

/** What became of the edits of one record. */
export interface ImportedEdit {
  entity: string;
  /** Null for a record that was not added. */
  id: string | null;
  name: string;
  fields: string[];
  /** `conflict`: others changed one of these fields too, and nothing of this record was saved. */
  outcome: 'saved' | 'merged' | 'added' | 'conflict' | 'refused';
  /** The version after it. */
  version: number | null;
  /** Why nothing was saved. */
  reason?: string;
}

export interface StatusEditImport extends StatusEdits {
  /** One for each record that could be taken over, or was tried. */
  imported: ImportedEdit[];
}

/**
 * Takes over what can be, record by record: an update based on the version in the file, merged where others changed
 * other fields, refused where they changed the same. Records written by hand are added. The same file twice changes
 * nothing more.
 */
export async function importStatusEdits(
  context: Context,
  caller: Caller,
  file: PresentFile,
): Promise<Answer<StatusEditImport>> {
  const answer = await readStatusEdits(context, file);
  const { edits, added } = answer.data;
  const imported: ImportedEdit[] = [];
  const makers = makersOf(context, caller, parseStatusFile(file.bytes), added);
  for (const record of added) {
    if (record.reason === null && record.id === null)
      imported.push(await attempt(record, [], () => makers[record.entity](record)));
  }
  for (const own of byRecord(edits)) imported.push(await update(context, caller, own));
  return { ...answer, data: { ...answer.data, imported } };
}

/** The edits that can be taken over, one list for each record. */
function byRecord(edits: readonly StatusEdit[]): StatusEdit[][] {
  const usable = edits.filter(({ state }) => state !== 'refused');
  return [...groupBy(usable, ({ id }) => id).values()];
}

async function update(context: Context, caller: Caller, edits: readonly StatusEdit[]): Promise<ImportedEdit> {
  const [first] = edits as [StatusEdit];
  const patch: JsonObject = {};
  for (const { patch: one } of edits) {
    const { metadata, ...rest } = one;
    Object.assign(patch, rest);
    if (metadata !== undefined) {
      patch['metadata'] = { ...(patch['metadata'] as JsonObject | undefined), ...(metadata as JsonObject) };
    }
  }
  const fields = edits.map(({ field }) => field);
  return await attempt(first, fields, async () => {
    const { data } = await writeOne<{ id: string; version: number }>(context, caller, {
      entity: first.entity,
      entity_id: first.id,
      kind: 'update',
      base_version: first.base_version,
      patch,
      on_conflict: 'merge',
    });
    return { ...data, outcome: data.merged_with === undefined ? 'saved' : 'merged' };
  });
}

type Done = { id: string; version: number; outcome: ImportedEdit['outcome'] };

/** What one record cannot do does not keep the others from being saved; only a store that fails ends it all. */
async function attempt(
  record: { entity: string; name: string; id?: string | null },
  fields: string[],
  work: () => Promise<Done>,
): Promise<ImportedEdit> {
  const { entity, name, id = null } = record;
  try {
    const { id: made, version, outcome } = await work();
    return { entity, id: made, name, fields, outcome, version };
  } catch (error) {
    if (!(error instanceof TrackerError) || FAILED.has(error.code)) throw error;
    const outcome = error.code === 'VersionConflictError' ? 'conflict' : 'refused';
    return { entity, id, name, fields, outcome, version: null, reason: error.message };
  }
}

const FAILED: ReadonlySet<string> = new Set(['DatabaseError', 'NotSavedError']);

/** How records that were written by hand are added: parents before what is below them. */
function makersOf(
  context: Context,
  caller: Caller,
  parsed: ParsedStatus,
  added: readonly AddedRecord[],
): Record<AddedRecord['entity'], (record: AddedRecord) => Promise<Done>> {
  const made = new Map<number, string>();
  const left = new Set(
    added.flatMap(({ entity, index, reason }) => (entity === 'work_item' && reason !== null ? [index] : [])),
  );
  for (const { entity, index, id } of added) if (entity === 'work_item' && id !== null) made.set(index, id);
  const done = ({ id, version }: { id: string; version: number }): Done => ({
    id,
    version,
    outcome: 'added',
  });
  return {
    vendor: async (record) => {
      const said = parsed.vendors[record.index] as ParsedStatus['vendors'][number];
      const { name, status, extractor_version, tests, formats } = said;
      const input = parseInput(registerVendorInput, {
        ...{ name, status },
        ...(extractor_version !== null && { extractor_version }),
        metadata: {
          ...(tests !== null && { test_results: tests }),
          ...(formats.length > 0 && {
            format_support: Object.fromEntries(formats.map((format) => [format, true])),
          }),
        },
        idempotency_key: record.key,
      });
      return done((await registerVendor.run(context, caller, input)).data);
    },
    work_item: async (record) => {
      const said = parsed.work_items[record.index] as ParsedStatus['work_items'][number];
      const { title, item_type, status, branch_name, parent_index } = said;
      const above =
        parent_index === null || left.has(parent_index) ? undefined : parsed.work_items[parent_index];
      const parent_id = parent_index === null ? null : (above?.id ?? made.get(parent_index));
      if (parent_id === undefined) {
        throw validationError(
          { field: 'parent', constraint: 'could not be added', value: said.parent_title },
          'Correct the line of its parent, then repeat the call.',
        );
      }
      const input = parseInput(createWorkItemInput, {
        ...{ title, item_type, branch_name, parent_id },
        ...(status !== null && { status }),
        idempotency_key: record.key,
      });
      const { data } = await createWorkItem.run(context, caller, input);
      made.set(record.index, data.id);
      return done(data);
    },
    enhancement: async (record) => {
      const said = parsed.enhancements[record.index] as ParsedStatus['enhancements'][number];
      const { title, priority, status, target_quarter, description } = said;
      const input = parseInput(createEnhancementInput, {
        ...{ title, priority, status, target_quarter, description },
        idempotency_key: record.key,
      });
      return done((await createEnhancement.run(context, caller, input)).data);
    },
    deployment: () => Promise.reject(new Error('a deployment is never added')),
  };
}
