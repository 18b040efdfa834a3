/** From what a hand-kept status file says to records: nothing is added to what it says. Pure but for git. */
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import { DESCRIPTION_MAX_BYTES, PRIORITY_DEFAULT } from '../../domain/limits.ts';
import type { EnhancementStatus } from '../../domain/enhancement.ts';
import { VENDOR_FORMATS, vendorNameKey, type VendorStatus } from '../../domain/vendor.ts';
import { spelledNames } from '../../storage/status-file/status-lines.ts';
import { cleanText, splitBytes } from '../import/within-limits.ts';
import { mapInTurns } from '../../platform/in-turns.ts';
import { assemblePlan } from '../import/plan-assembly.ts';
import { PlanLog } from '../import/plan-log.ts';
import { plannedId, type ImportPlan, type SourcePlace } from '../import/plan.ts';
import { promptItem } from '../session-prompts/prompt-item.ts';
import type { SourceItem } from '../import/source-item.ts';
import { ownText } from '../import/source-item.ts';
import type { LegacyDeployment, LegacyItem, LegacyVendor } from './legacy-records.ts';
import type { LegacyStatus } from './parse-legacy-status.ts';

export const STATUS_SOURCE = 'status-file';

export interface PlannedVendor {
  line: number;
  name: string;
  status: VendorStatus;
  extractor_version: string | null;
  /** The metadata to set. */
  metadata: JsonObject;
  /** What the file says, by path of the record: what is compared. */
  fields: Record<string, JsonValue>;
}

export interface PlannedDeployment {
  id: string;
  line: number;
  deployed_at: string;
  /** As the file has it: 7 to 40 hex, or empty. */
  commit: string;
  commit_line: number;
  pr_number: number | null;
  /** Without what is linked. */
  metadata: JsonObject;
  /** As the file lists them between commas. */
  vendor_parts: string[];
  vendors_line: number;
  work_item_ids: string[];
  /** What the file says of where and when, for the metadata. */
  origin: JsonObject;
}

export interface PlannedEnhancement {
  id: string;
  line: number;
  title: string;
  description: string | null;
  priority: number;
  status: EnhancementStatus | null;
  target_quarter: string | null;
}

export interface LineNote {
  line: number;
  message: string;
}

/** A record that the file names and does not contain. */
export interface UnknownReference extends LineNote {
  name: string;
}

export interface LegacyPlan {
  vendors: PlannedVendor[];
  /** Work items, and the sessions of the file's own section. */
  items: ImportPlan;
  deployments: PlannedDeployment[];
  enhancements: PlannedEnhancement[];
  /** Those of `items` that are session prompts; `file` is the foreign id. */
  sessions: { id: string; file: string }[];
  notes: LineNote[];
  unknown_work_items: UnknownReference[];
}

/** @param place where the file lies, if that is to be kept */
export async function planLegacyStatus(
  status: LegacyStatus,
  namespace: string,
  place: SourcePlace | null = null,
): Promise<LegacyPlan> {
  const notes: LineNote[] = [];
  const log = new PlanLog();
  const ids = new UniqueIds(namespace);
  const keyed = itemKeys(status.items);
  const byTitle = new Map<string, number[]>();
  status.items.forEach(({ title }, at) => {
    const places = byTitle.get(title);
    // More than three are as ambiguous as three.
    if (places === undefined) byTitle.set(title, [at]);
    else if (places.length < 3) places.push(at);
  });
  const sessions = status.sessions.map((session) => sessionItem(session, log));
  makeUnique(sessions, keyed);
  const items = await mapInTurns(status.items, (item, index) =>
    workItem(item, index, keyed, status, byTitle, log),
  );
  const plan = await assemblePlan(
    STATUS_SOURCE,
    { wanted: namespace, place },
    [...items, ...sessions],
    [],
    log,
  );
  const ofSessions = new Set(sessions.map(({ key }) => plannedId(STATUS_SOURCE, namespace, key)));
  const titled = titles(plan);
  const unknown_work_items: UnknownReference[] = [];
  return {
    vendors: status.vendors.map((vendor) => plannedVendor(vendor, notes)),
    items: plan,
    deployments: status.deployments.map((deployment) =>
      plannedDeployment(deployment, ids, titled, namespace, notes, unknown_work_items),
    ),
    enhancements: status.enhancements.map(
      ({ line, title, priority, status: said, target_quarter, description }) => {
        const id = ids.of(`enhancement ${title}`);
        const { start, rest } = splitBytes(cleanText(description ?? '', new Set()), DESCRIPTION_MAX_BYTES);
        if (rest !== '') notes.push({ line, message: `the description of "${title}" was cut at 64 KiB` });
        return { id, line, title, priority, status: said, target_quarter, description: start || null };
      },
    ),
    sessions: plan.items
      .filter(({ id }) => ofSessions.has(id))
      .map(({ id, foreign_id }) => ({ id, file: foreign_id })),
    notes,
    unknown_work_items,
  };
}

/** A record that comes a second time under one name gets an id of its own, in the order of the file. */
class UniqueIds {
  readonly #seen = new Map<string, number>();
  constructor(private readonly namespace: string) {}

  of(name: string): string {
    const count = (this.#seen.get(name) ?? 0) + 1;
    this.#seen.set(name, count);
    return plannedId(STATUS_SOURCE, this.namespace, count === 1 ? name : `${name}~${count}`);
  }
}

function plannedVendor(vendor: LegacyVendor, notes: LineNote[]): PlannedVendor {
  const { line, name, status, tests, formats, extractor_version } = vendor;
  const metadata: JsonObject = {};
  const imported: JsonObject = {};
  const fields: Record<string, JsonValue> = { status };
  if (extractor_version !== null) fields['extractor_version'] = extractor_version;
  if (formats !== null) {
    const unknown = formats.filter((format) => !(VENDOR_FORMATS as readonly string[]).includes(format));
    if (unknown.length > 0) {
      imported['formats'] = formats;
      notes.push({
        line,
        message: `"${name}": ${unknown.join(', ')} is no format known here; it is kept in the metadata`,
      });
    }
    const support = Object.fromEntries(VENDOR_FORMATS.map((format) => [format, formats.includes(format)]));
    metadata['format_support'] = support;
    for (const [format, is] of Object.entries(support)) fields[`metadata.format_support.${format}`] = is;
  }
  if (tests !== null) {
    const { passing, total, skipped } = tests;
    if (passing + (skipped ?? 0) > total) {
      imported['tests'] = { passing, total, ...(skipped !== null && { skipped }) };
      notes.push({
        line,
        message: `"${name}": ${passing} passed and ${skipped ?? 0} skipped are more than ${total} tests; as it stands it is kept in metadata.imported only`,
      });
    } else {
      // A number that is not said is the 0 that every new vendor has; an older one must not stay beside new ones.
      metadata['test_results'] = { passing, total, skipped: skipped ?? 0 };
      Object.assign(fields, {
        'metadata.test_results.passing': passing,
        'metadata.test_results.total': total,
        ...(skipped !== null && { 'metadata.test_results.skipped': skipped }),
      });
    }
  }
  if (Object.keys(imported).length > 0) metadata['imported'] = { source: STATUS_SOURCE, ...imported };
  return { line, name, status, extractor_version, metadata, fields };
}

function plannedDeployment(
  deployment: LegacyDeployment,
  ids: UniqueIds,
  titled: ReadonlyMap<string, string | null>,
  namespace: string,
  notes: LineNote[],
  unknown: UnknownReference[],
): PlannedDeployment {
  const { line, deployed, pr_number, title, commit, commit_line, tests, compliant } = deployment;
  const origin: JsonObject = { source: STATUS_SOURCE, namespace };
  const of = pr_number === null ? `the deployment of ${deployed.written}` : `PR #${pr_number}`;
  if (deployed.isDay) {
    origin['date'] = deployed.written;
    notes.push({ line, message: `${of}: the file says the day only; deployed_at is its midnight in UTC` });
  }
  if (commit === null) notes.push({ line, message: `${of}: the file names no commit; commit_hash is empty` });
  const work_item_ids: string[] = [];
  const missing: string[] = [];
  for (const reference of deployment.work_items) {
    const id = titled.get(reference);
    if (typeof id === 'string') work_item_ids.push(id);
    else {
      missing.push(reference);
      unknown.push({
        line: deployment.work_items_line,
        name: reference,
        message: `${of} names the work item ${reference}, which the file does not contain`,
      });
    }
  }
  if (missing.length > 0) origin['work_items'] = missing;
  return {
    id: ids.of(`deployment ${pr_number ?? ''} ${deployed.written}`),
    line,
    deployed_at: deployed.iso,
    commit: commit ?? '',
    commit_line,
    pr_number,
    metadata: {
      ...(pr_number !== null && { pr_number }),
      ...(title !== null && { pr_title: title }),
      test_summary: tests ?? {},
      ...(compliant !== null && { constitutional_compliance: compliant }),
    },
    vendor_parts: deployment.vendors,
    vendors_line: deployment.vendors_line,
    work_item_ids: [...new Set(work_item_ids)],
    origin,
  };
}

/** Ids of the planned items by title; null where two have the same one. */
function titles({ items }: ImportPlan): Map<string, string | null> {
  const known = new Map<string, string | null>();
  for (const { title, id } of items) known.set(title, known.has(title) ? null : id);
  return known;
}

/** Unique: the titles from the root down, as the file places them; a repeated one is numbered. */
function itemKeys(items: readonly LegacyItem[]): string[] {
  const keys: string[] = [];
  const taken = new Taken();
  for (const { title, parent_index } of items) {
    const above = parent_index === null ? undefined : keys[parent_index];
    keys.push(taken.unique(above === undefined ? title : `${above} > ${title}`));
  }
  return keys;
}

/** Makes keys unique: a repeated one gets the next free number. */
class Taken {
  readonly #taken: Set<string>;
  readonly #last = new Map<string, number>();
  constructor(keys: readonly string[] = []) {
    this.#taken = new Set(keys);
  }

  unique(key: string): string {
    let count = this.#last.get(key) ?? 1;
    let unique = count === 1 ? key : `${key}~${count}`;
    while (this.#taken.has(unique)) unique = `${key}~${(count += 1)}`;
    this.#last.set(key, count);
    this.#taken.add(unique);
    return unique;
  }
}

function workItem(
  item: LegacyItem,
  index: number,
  keys: readonly string[],
  { items, generated_at }: LegacyStatus,
  byTitle: ReadonlyMap<string, number[]>,
  log: PlanLog,
): SourceItem {
  const key = keys[index] ?? item.title;
  const { title, item_type, status, created, branch, parent_title } = item;
  log.map('status', status ?? '(none)', status ?? 'active');
  const parent = parentOf(item, index, items, byTitle);
  if (parent_title !== null && parent === undefined) {
    log.unresolved(key, 'Parent', parent_title, 'no one item of the file has this title');
  }
  const placed = parent ?? item.parent_index;
  const place = placed === null ? null : (keys[placed] ?? null);
  const isUnresolved = parent_title !== null && parent === undefined;
  return {
    key,
    foreignId: key,
    said: { title, item_type, status, created: created?.written ?? null, branch, parent_title, place },
    itemType: item_type,
    title,
    description: null,
    status: status ?? 'active',
    priority: PRIORITY_DEFAULT,
    labels: [],
    assignee: null,
    branch,
    author: null,
    parentKey: place,
    dates: { created: created === null ? undefined : { field: 'created', value: created.iso } },
    ...(generated_at !== null && { fileDates: { created: generated_at.iso } }),
    known: {},
    fields: isUnresolved ? { parent: parent_title } : {},
    comments: [],
  };
}

/** The place in the list of the parent that the item names; null when it names none, undefined when that is not there. */
function parentOf(
  item: LegacyItem,
  index: number,
  items: readonly LegacyItem[],
  byTitle: ReadonlyMap<string, number[]>,
): number | null | undefined {
  const { parent_title } = item;
  if (parent_title === null) return null;
  for (let at = item.parent_index; at !== null; at = items[at]?.parent_index ?? null) {
    if (items[at]?.title === parent_title) return at;
  }
  const named = (byTitle.get(parent_title) ?? []).filter((at) => at !== index);
  return named.length === 1 ? named[0] : undefined;
}

function sessionItem(session: LegacyStatus['sessions'][number], log: PlanLog): SourceItem {
  const { heading, frontmatter, body } = session;
  const name = frontmatter === null ? undefined : ownText(frontmatter, 'session_id');
  const key = `session ${name ?? heading}`;
  const date = /\d{4}-\d{2}-\d{2}/.exec(heading)?.[0] ?? null;
  return promptItem({ key, frontmatter, body, heading, date, origin: { section: heading } }, log);
}

function makeUnique(sessions: SourceItem[], others: readonly string[]): void {
  const taken = new Taken(others);
  for (const session of sessions) {
    const key = taken.unique(session.key);
    Object.assign(session, { key, foreignId: key });
  }
}

/** The names that parts between commas spell: of the known ones, the longest that fits; the others as they stand. */
export function nameVendors(
  parts: readonly string[],
  known: ReadonlySet<string>,
): { names: string[]; unknown: string[] } {
  const names: string[] = [];
  const unknown: string[] = [];
  const isKnown = (name: string) => known.has(vendorNameKey(name));
  for (const name of spelledNames(parts, isKnown)) (isKnown(name) ? names : unknown).push(name);
  return { names: [...new Set(names)], unknown };
}
