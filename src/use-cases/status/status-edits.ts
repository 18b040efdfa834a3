/**
 * What was edited by hand in the generated lines of a status file: each field that says something else than Worktrail
 * wrote, against what the tracker says now. The version in a line's comment is the one that the edit was based on.
 */
import type { RecordedChange } from '../../domain/change.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { isProvisional } from '../../domain/provisional-version.ts';
import { vendorNameKey, type Vendor } from '../../domain/vendor.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { TrackerError } from '../../domain/errors.ts';
import { parseStatusFile, type ParsedStatus } from '../../storage/status-file/status-parser.ts';
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { Context } from '../support/context.ts';
import { takeBack } from '../support/past-state.ts';
import { copiesIn } from './status-edit-copies.ts';
import type { PresentFile } from './status-file.ts';
import {
  findAdded,
  findRemoved,
  judgeParent,
  judgeValue,
  type AddedRecord,
  type EditedEntity,
  type RemovedRecord,
  type KnownRecords,
  type StatusEdit,
} from './status-edit-rules.ts';
import { readStatus, type StatusEnhancement, type ProjectStatus } from './project-status.ts';
import { renderBody } from './status-view.ts';

export interface StatusEdits {
  /** Whether every generated line is as Worktrail wrote it: then nothing else is here. */
  is_intact: boolean;
  /** The time of the state that the file shows. */
  generated_at: string | null;
  edits: StatusEdit[];
  /** Records written by hand. */
  added: AddedRecord[];
  /** Records that stood there and do not any more; nothing is deleted by that. */
  removed: RemovedRecord[];
  /** Lines of generated parts that say nothing known. */
  not_understood: { line: number; text: string }[];
}

/**
 * Compares a file with the tracker. Changes nothing.
 * @throws DatabaseError while the tracker answers from a snapshot or from the file itself
 */
export async function readStatusEdits(
  context: Pick<Context, 'store'>,
  file: PresentFile,
): Promise<Answer<StatusEdits>> {
  const parsed = parseStatusFile(file.bytes);
  const { generated_at, not_understood } = parsed;
  const { data: report, ...answer } = await readStatus(context);
  if (answer.source === 'markdown_file' || answer.source === 'git_history') throw nothingToCompareWith();
  const none = { edits: [], added: [], removed: [], not_understood: [] };
  if (file.isIntact) return { ...answer, data: { is_intact: true, generated_at, ...none } };
  const { data: known } = await context.store.read((reader) => readRecords(reader, parsed, report));
  const [written, now] = [
    await parsedAgain(known.written, known.now, report),
    await parsedAgain(known.now, known.now, report),
  ];
  const edits = [
    ...editsOf('vendor', parsed.vendors, written.vendors, now.vendors, known),
    ...editsOf('work_item', parsed.work_items, written.work_items, now.work_items, known),
    ...editsOf('enhancement', parsed.enhancements, written.enhancements, now.enhancements, known),
    ...editsOf('deployment', parsed.deployments, written.deployments, now.deployments, known),
    ...parsed.work_items.flatMap((_item, index) => judgeParent(parsed, index, known) ?? []),
  ];
  const names = new Set(report.vendors.map(({ name }) => vendorNameKey(name)));
  return {
    ...answer,
    data: {
      is_intact: false,
      generated_at,
      edits: edits.sort(byRecord),
      added: await withFirstResults(context, findAdded(parsed, report, names, known.copies)),
      removed: findRemoved(parsed, report, file.as_of),
      not_understood,
    },
  };
}

/** Those that were added before, with the ids that they got. */
async function withFirstResults(
  context: Pick<Context, 'store'>,
  added: readonly AddedRecord[],
): Promise<AddedRecord[]> {
  const { data } = await context.store.read(async (reader) => {
    const found: AddedRecord[] = [];
    for (const [index, record] of added.entries()) {
      const first = index < LOOKED_UP_MAX ? await reader.findResultByKey(record.key) : undefined;
      found.push(first === undefined ? record : { ...record, id: first.entity_id, reason: null });
    }
    return found;
  });
  return data;
}

function nothingToCompareWith(): TrackerError {
  return new TrackerError(
    'DatabaseError',
    'The database is away, and what answers instead is a snapshot or the status file itself: edits cannot be told from it.',
    { layer: 'store', reason: 'only a snapshot or the status file answers' },
    'Repeat it when the database is back. Nothing was changed; a copy of the file keeps the edits.',
  );
}

/** Records that are looked up one by one: more than a generated file has of deployments and enhancements. */
const LOOKED_UP_MAX = 200;

async function readRecords(
  reader: Reader,
  parsed: ParsedStatus,
  report: ProjectStatus,
): Promise<KnownRecords> {
  const now = new Map<string, JsonObject>();
  const add = (records: readonly { id: string }[]) => {
    for (const record of records) now.set(record.id, record as unknown as JsonObject);
  };
  const ids = parsed.work_items.flatMap(({ id }) => id ?? []);
  add(await reader.findWorkItems([...new Set(ids)]));
  const outside = [...now.values()].flatMap(({ parent_id }) =>
    typeof parent_id === 'string' && !now.has(parent_id) ? [parent_id] : [],
  );
  add(await reader.findWorkItems([...new Set(outside)]));
  add(report.vendors);
  add(report.enhancements);
  add(report.deployments);
  for (const [entity, records] of [
    ['enhancement', parsed.enhancements],
    ['deployment', parsed.deployments],
  ] as const) {
    const missing = records.flatMap(({ id }) => (id === null || now.has(id) ? [] : [id]));
    for (const id of [...new Set(missing)].slice(0, LOOKED_UP_MAX)) {
      const record = await reader.findRecord(entity, id);
      if (record !== undefined) now.set(id, record);
    }
  }
  const copies = copiesIn(parsed, now);
  return { now, written: await asWritten(reader, parsed, now, copies), copies };
}

/** Taken back to the version in the file, where the tracker went on since. */
async function asWritten(
  reader: Reader,
  parsed: ParsedStatus,
  now: ReadonlyMap<string, JsonObject>,
  copies: ReadonlySet<object>,
): Promise<Map<string, JsonObject>> {
  const written = new Map(now);
  const older = new Map<string, number>();
  for (const said of [...parsed.vendors, ...parsed.work_items, ...parsed.enhancements]) {
    const { id, version } = said;
    const record = id === null ? undefined : now.get(id);
    if (id === null || version === null || record === undefined || copies.has(said)) continue;
    if (version < Number(record['version'])) older.set(id, version);
  }
  const rows = new Map<string, RecordedChange[]>();
  for (const row of await reader.findRowsOfRecords([...older.keys()], 0)) {
    if (row.entity === 'dependency' || (row.version ?? 0) <= (older.get(row.entity_id) ?? 0)) continue;
    const known = rows.get(row.entity_id);
    if (known === undefined) rows.set(row.entity_id, [row]);
    else known.unshift(row);
  }
  for (const [id, own] of rows) written.set(id, takeBack(now.get(id) as JsonObject, own));
  return written;
}

/** What a file with these records says of them: rendered and read back, so that like is compared with like. */
async function parsedAgain(
  records: ReadonlyMap<string, JsonObject>,
  now: ReadonlyMap<string, JsonObject>,
  report: ProjectStatus,
): Promise<ParsedStatus> {
  const all = [...records.values()];
  const having = <T>(field: string) => all.filter((record) => field in record) as unknown as T[];
  const items = having<WorkItem>('item_type').map((item) => ({
    ...item,
    level: 0,
    parent_title: item.parent_id === null ? null : String(now.get(item.parent_id)?.['title'] ?? ''),
  }));
  const text = await renderBody({
    ...report,
    vendors: having<Vendor>('extractor_version'),
    items,
    items_total: items.length,
    enhancements: having<StatusEnhancement>('target_quarter'),
    deployments: having<LinkedDeployment>('deployed_at'),
    pending: [],
  });
  return parseStatusFile(text);
}

type Parsed = { id: string | null; version: number | null };

/** The fields of all records of a kind in which the file differs from what was written, and from what is now. */
function editsOf<T extends Parsed>(
  entity: EditedEntity,
  inFile: readonly T[],
  written: readonly T[],
  now: readonly T[],
  known: KnownRecords,
): StatusEdit[] {
  const [before, after] = [byId(written), byId(now)];
  return inFile.flatMap((record): StatusEdit[] => {
    const { id, version } = record;
    if (id === null || version === null || known.copies.has(record)) return [];
    const [was, is] = [before.get(id), after.get(id)];
    const current = known.now.get(id);
    const base = {
      ...{ entity, id, base_version: version },
      name: String(current?.['title'] ?? current?.['name'] ?? nameOf(record)),
    };
    if (was === undefined || is === undefined || current === undefined) {
      return [{ ...base, ...UNKNOWN_RECORD, file: nameOf(record) }];
    }
    const isAnother = entity === 'vendor' && vendorNameKey(nameOf(record)) !== vendorNameKey(nameOf(was));
    return Object.keys(record).flatMap((key): StatusEdit[] => {
      const [said, wrote, has] = [record, was, is].map((one) => one[key as keyof T] as JsonValue);
      // Without its line an enhancement reads as planned, which nobody said.
      const isUnsaid = key === 'status' && 'has_status' in record && record.has_status === false;
      const says = isUnsaid && !equalJson(said, wrote) ? null : said;
      if (BESIDE.has(key) || says === undefined || wrote === undefined || has === undefined) return [];
      if (equalJson(says, wrote) || equalJson(says, has)) return [];
      const judged = judgeValue(entity, key, says, known.written.get(id) ?? current);
      const isKnown = version <= Number(current['version']) && !isProvisional(version);
      const isSame = version === current['version'];
      const refused =
        isKnown || isSame
          ? {}
          : {
              state: 'refused' as const,
              reason: `the file names version ${version} of it, which is not one of the tracker's`,
            };
      const state = equalJson(wrote, has) ? 'change' : 'conflict';
      const edit: StatusEdit = {
        ...base,
        written: wrote,
        file: says,
        tracker: has,
        state,
        ...judged,
        ...refused,
      };
      return [isAnother && key !== 'name' ? { ...edit, ...OF_ANOTHER } : edit];
    });
  });
}

/** Told otherwise: by the comment, and by the place of an item among the others. */
const BESIDE: ReadonlySet<string> = new Set(['id', 'version', 'parent_index', 'parent_title', 'has_status']);

const UNKNOWN_RECORD = {
  field: 'id',
  written: null,
  tracker: null,
  patch: {},
  state: 'refused',
  reason: 'no record of the tracker has this id',
} as const;

const OF_ANOTHER = {
  patch: {},
  state: 'refused',
  reason: 'its line names another vendor: put the name back, or register the other one',
} as const;

function byId<T extends Parsed>(records: readonly T[]): Map<string, T> {
  return new Map(records.flatMap((record) => (record.id === null ? [] : [[record.id, record]])));
}

function nameOf(record: object): string {
  const { name, title, pr_title } = record as { name?: string; title?: string; pr_title?: string | null };
  return name ?? title ?? pr_title ?? '';
}

function byRecord(a: StatusEdit, b: StatusEdit): number {
  return ORDER.indexOf(a.entity) - ORDER.indexOf(b.entity);
}

const ORDER: readonly EditedEntity[] = ['vendor', 'work_item', 'enhancement', 'deployment'];
