/** Which hand edits of a status file can become changes of the tracker, and which not and why. Pure. */
import { createHash } from 'node:crypto';
import { equalJson, stableJson, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { parseInput } from '../../domain/validate.ts';
import { updateEnhancementInput } from '../../domain/enhancement.ts';
import { VENDOR_METADATA_DEFAULT, updateVendorInput, vendorNameKey } from '../../domain/vendor.ts';
import { updateWorkItemInput } from '../../domain/work-item.ts';
import { TrackerError } from '../../domain/errors.ts';
import type { ParsedStatus } from '../../storage/status-file/status-parser.ts';
import type { ProjectStatus } from './project-status.ts';
import { asShown, beginningOf } from './status-view.ts';

export type EditedEntity = 'vendor' | 'work_item' | 'enhancement' | 'deployment';

/** A record that somebody wrote by hand. */
export interface AddedRecord {
  entity: EditedEntity;
  name: string;
  /** Its place among the records of its kind in the file. */
  index: number;
  /** What it became, where it was taken over before; else null. */
  id: string | null;
  /** The idempotency key under which it is added. */
  key: string;
  /** Why it cannot be taken over; null where it can. */
  reason: string | null;
}

/** A record that the tracker would have shown in the file. */
export interface RemovedRecord {
  entity: EditedEntity;
  id: string;
  name: string;
}

type Judged = Pick<StatusEdit, 'field' | 'patch'> & Partial<Pick<StatusEdit, 'state' | 'reason'>>;

/**
 * @param key of the parsed record
 * @param written the record as it was when the file was written
 */
export function judgeValue(entity: EditedEntity, key: string, value: JsonValue, written: JsonObject): Judged {
  const field = FIELDS[key] ?? key;
  const refused = (reason: string): Judged => ({ field, patch: {}, state: 'refused', reason });
  if (entity === 'deployment') return refused(NEVER_CHANGES);
  if (value === null)
    return refused('the file no longer says it, or not so that it can be read; that clears nothing');
  const fixed = FIXED[`${entity} ${key}`];
  if (fixed !== undefined) return refused(fixed);
  if (key === 'description' && !isWhole(written['description'])) {
    return refused(
      'the file shows it on one line, and only its beginning: set it with `worktrail enhancement`',
    );
  }
  const patch = patchFor(key, value);
  if (patch === undefined) return refused('a format is excel, csv, pdf or ocr');
  const problem = problemOf(entity, patch);
  return problem === undefined ? { field, patch } : refused(problem);
}

const NEVER_CHANGES = 'a deployment never changes: record another one';
const FIXED: Readonly<Record<string, string>> = {
  'vendor name': 'a vendor keeps its name: register another one',
  'work_item item_type': 'the type of an item never changes: create another one',
  'work_item created_at': 'the time at which it was created never changes',
};
const FIELDS: Readonly<Record<string, string>> = {
  tests: 'metadata.test_results',
  formats: 'metadata.format_support',
};

function isWhole(description: JsonValue | undefined): boolean {
  return typeof description !== 'string' || beginningOf(description) === description;
}

function patchFor(key: string, value: JsonValue): JsonObject | undefined {
  if (key === 'tests') return { metadata: { test_results: value } };
  if (key !== 'formats') return { [key]: value };
  const known = Object.keys(VENDOR_METADATA_DEFAULT.format_support);
  const named = value as string[];
  if (named.some((format) => !known.includes(format))) return undefined;
  return {
    metadata: { format_support: Object.fromEntries(known.map((one) => [one, named.includes(one)])) },
  };
}

/** What the schema of updates says against it. */
function problemOf(entity: AlterableEntity, patch: JsonObject): string | undefined {
  try {
    CHECKS[entity]({ version: 1, ...patch });
    return undefined;
  } catch (error) {
    if (error instanceof TrackerError) return error.message;
    throw error;
  }
}

const ANY_ID = '00000000';
type AlterableEntity = Exclude<EditedEntity, 'deployment'>;
const CHECKS: { readonly [E in AlterableEntity]: (update: object) => unknown } = {
  vendor: (update) => parseInput(updateVendorInput, { name: 'vendor', ...update }),
  work_item: (update) => parseInput(updateWorkItemInput, { id: ANY_ID, ...update }),
  enhancement: (update) => parseInput(updateEnhancementInput, { id: ANY_ID, ...update }),
};

/**
 * Whether an item was moved: its indentation tells whose child it is. Where the line of its parent is gone, only the
 * name of the parent counts, so that taking a line out moves nothing.
 */
export function judgeParent(
  parsed: ParsedStatus,
  index: number,
  { now, written, copies }: KnownRecords,
): StatusEdit | undefined {
  const item = parsed.work_items[index];
  const [current, was] = [now.get(item?.id ?? ''), written.get(item?.id ?? '')];
  if (item?.id == null || item.version === null || current === undefined || was === undefined)
    return undefined;
  if (copies.has(item)) return undefined;
  const above = item.parent_index === null ? undefined : parsed.work_items[item.parent_index];
  const parent = was['parent_id'] ?? null;
  const isListed = parsed.work_items.some(({ id }) => id !== null && id === parent);
  const titleOf = (id: JsonValue | undefined) =>
    typeof id === 'string' ? asShown(String(now.get(id)?.['title'] ?? '')) : null;
  const edit: StatusEdit = {
    ...{ entity: 'work_item', id: item.id, base_version: item.version, field: 'parent_id' },
    name: String(current['title']),
    written: titleOf(parent),
    file: above?.title ?? null,
    tracker: titleOf(current['parent_id']),
    state: equalJson(parent, current['parent_id'] ?? null) ? 'change' : 'conflict',
    patch: { parent_id: above?.id ?? null },
  };
  const refused = (reason: string): StatusEdit => ({ ...edit, patch: {}, state: 'refused', reason });
  if (parent === null || isListed) {
    if (above !== undefined && above.id === null) {
      return refused('its new parent is not in the tracker yet: take that over first');
    }
    if ((above?.id ?? null) === (current['parent_id'] ?? null)) return undefined;
    if (above !== undefined && copies.has(above)) return refused(`its new parent is a copy: ${COPIED}`);
    if ((above?.id ?? null) !== parent) return edit;
  }
  return undefined;
}

/** Records without the comment that names them, and copies of those with one. */
export function findAdded(
  parsed: ParsedStatus,
  report: ProjectStatus,
  vendorNames: ReadonlySet<string>,
  copies: ReadonlySet<object>,
): AddedRecord[] {
  const inFile = idsIn(parsed);
  const gone = (records: readonly { id: string; title: string }[]) =>
    new Set(records.filter(({ id }) => !inFile.has(id)).map(({ title }) => asShown(title)));
  const [items, enhancements] = [gone(report.items), gone(report.enhancements)];
  const added = <T extends { id: string | null }>(
    entity: EditedEntity,
    records: readonly T[],
    nameOf: (record: T) => string,
    whyNot: (name: string) => string | null,
  ): AddedRecord[] =>
    records.flatMap((record, index): AddedRecord[] => {
      const name = nameOf(record);
      const asked = stableJson({ at: parsed.generated_at, entity, index, record } as unknown as JsonObject);
      const key = `status file ${createHash('sha256').update(asked).digest('hex')}`;
      if (record.id === null) return [{ entity, name, index, id: null, key, reason: whyNot(name) }];
      return copies.has(record) ? [{ entity, name, index, id: null, key, reason: COPIED }] : [];
    });
  return [
    ...added(
      'vendor',
      parsed.vendors,
      ({ name }) => name,
      (name) => (vendorNames.has(vendorNameKey(name)) ? UNNAMED : null),
    ),
    ...added(
      'work_item',
      parsed.work_items,
      ({ title }) => title,
      (title) => (items.has(title) ? UNNAMED : null),
    ),
    ...added(
      'enhancement',
      parsed.enhancements,
      ({ title }) => title,
      (title) => (enhancements.has(title) ? UNNAMED : null),
    ),
    ...added(
      'deployment',
      parsed.deployments,
      ({ pr_number, pr_title }) => `PR #${pr_number ?? ''} ${pr_title ?? ''}`.trim(),
      () => 'a deployment is recorded by `record_deployment`, with its whole commit hash',
    ),
  ];
}

const COPIED = 'the comment with the id stands there twice: take it out of the new line';
const UNNAMED =
  'the tracker has it already: put the comment with its id and version back at the end of its line';

function idsIn({ vendors, work_items, enhancements, deployments }: ParsedStatus): Set<string> {
  return new Set([...vendors, ...work_items, ...enhancements, ...deployments].flatMap(({ id }) => id ?? []));
}

/**
 * What the tracker shows and the file does not, unless it came or changed after the file was written.
 * @param asOf the time of the last change that the file shows; null where only its head tells, in seconds
 */
export function findRemoved(
  parsed: ParsedStatus,
  report: ProjectStatus,
  asOf: string | null,
): RemovedRecord[] {
  const inFile = idsIn(parsed);
  const until = asOf ?? parsed.generated_at?.slice(0, 19) ?? '';
  const removed = (
    entity: EditedEntity,
    records: readonly { id: string; name: string; at: string }[],
  ): RemovedRecord[] =>
    records
      .filter(({ id, at }) => !inFile.has(id) && at.slice(0, until.length) <= until)
      .map(({ id, name }) => ({ entity, id, name }));
  return [
    ...removed(
      'vendor',
      report.vendors.map(({ id, name, created_at }) => ({ id, name, at: created_at })),
    ),
    ...(parsed.work_items_left > 0
      ? []
      : removed(
          'work_item',
          report.items.map(({ id, title, updated_at }) => ({ id, name: title, at: updated_at })),
        )),
    ...(parsed.enhancements_left > 0
      ? []
      : removed(
          'enhancement',
          report.enhancements.map(({ id, title, updated_at }) => ({ id, name: title, at: updated_at })),
        )),
    ...removed(
      'deployment',
      report.deployments.map(({ id, metadata, created_at }) => ({
        id,
        name: `PR #${String(metadata['pr_number'] ?? '')}`,
        at: created_at,
      })),
    ),
  ];
}

/** The records that the file names, as they are and as they were at the version that the file names. */
export interface KnownRecords {
  now: ReadonlyMap<string, JsonObject>;
  written: ReadonlyMap<string, JsonObject>;
  /** Those of the file that are told as added records, since they are copies of another line. */
  copies: ReadonlySet<object>;
}

/** A field of a record that the file says something else of than Worktrail wrote. */
export interface StatusEdit {
  entity: EditedEntity;
  id: string;
  /** What the record is called in the tracker; in the file, where the tracker does not know it. */
  name: string;
  /** As the tracker calls it: `status`, `metadata.test_results`. */
  field: string;
  /** The version that the line was written from. */
  base_version: number;
  /** What Worktrail wrote. */
  written: JsonValue;
  /** What the file says. */
  file: JsonValue;
  /** What the tracker says now. */
  tracker: JsonValue;
  /** `change`: it can be taken over; `conflict`: the tracker's value changed too; `refused`: it never can be. */
  state: 'change' | 'conflict' | 'refused';
  /** Why not, where it is refused. */
  reason?: string;
  /** What an update of the record sets. */
  patch: JsonObject;
}
