/**
 * The layers below the primary, each loaded into SQLite in memory, where the ordinary queries answer: a snapshot
 * in git, the status file, and a copy of the store in a file.
 */
import { sql } from 'drizzle-orm';
import { CONFIGURATION_DEFAULTS } from '../../domain/configuration.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { partlyShown } from '../../domain/provisional-version.ts';
import { TrackerError } from '../../domain/errors.ts';
import { positionByAge } from '../../domain/position.ts';
import { readSnapshot, type Snapshot } from './snapshot.ts';
import { parseStatusFile, type ParsedStatus } from '../status-file/status-parser.ts';
import { recount } from '../apply/counts.ts';
import { refreshDerived } from '../apply/derived.ts';
import { refillQueue } from '../apply/readiness.ts';
import type { Connection, Session } from '../database/connection.ts';
import { describeDriverError } from '../database/driver-errors.ts';
import { imageOf, openMemorySqlite } from '../primary/memory-session.ts';
import type { SchemaState } from '../primary/migrate.ts';
import {
  findFeedPosition,
  findProject,
  type FeedPosition,
  type ProjectRow,
} from '../queries/configuration.ts';
import { insertRows, type Row } from '../database/table-copy.ts';
import { LayerUnavailable } from './replica.ts';
import { recordsOfStatus, type StatusRecords } from './status-records.ts';

export { LayerUnavailable };

/** A layer, ready to be asked through a `SqlStore`. What is written to it gets provisional versions, and is gone at its end. */
export interface Loaded {
  session: Session;
  schema: SchemaState;
  /** The moment its records are from, ISO 8601 UTC. */
  as_of: string;
  /** The position of the feed that they are from; null when the layer does not know. */
  seq: number | null;
  /** What this layer does not know, in sentences for a person. */
  notes: string[];
  /** Whether its records have all their fields. */
  hasAllFields: boolean;
}

/**
 * The last snapshot in the repository.
 * @param project_id the project that it must be of; any when undefined
 * @throws LayerUnavailable
 */
export async function loadSnapshot(
  projectDir: string,
  project_id: string | undefined,
  isLost: (snapshot: Pick<Snapshot, 'commit' | 'meta'>) => boolean = () => false,
): Promise<Loaded> {
  const found = await readSnapshot(projectDir, project_id);
  if ('unavailable' in found) throw new LayerUnavailable(found.unavailable);
  if (isLost(found)) throw new LayerUnavailable('the last snapshot is of changes that the database has lost');
  const { meta, tables, skipped } = found;
  const items = parentsFirst(tables.get('workItems') ?? []);
  const loaded = await filled('the records of the snapshot do not fit together', async (c) => {
    for (const [name, rows] of tables) await insertRows(c, name, name === 'workItems' ? items : rows);
    await complete(c, meta, items as unknown as WorkItem[]);
  });
  const notes = ['The snapshot does not contain the history of changes.'];
  if (skipped > 0) notes.push(`The last ${skipped} snapshot(s) are damaged; this is the one before.`);
  return { ...loaded, as_of: meta.taken_at, seq: meta.seq, notes, hasAllFields: true };
}

/** Snapshots of earlier versions have no positions. */
function parentsFirst(items: Row[]): Row[] {
  return items
    .map((item): Row => ({ position: positionByAge(item as { id: string; created_at: string }), ...item }))
    .sort((a, b) => Number(a['depth']) - Number(b['depth']));
}

export interface StatusFileOptions {
  /** The project that the file lies in: the file does not name it. */
  project: Pick<ProjectRow, 'project_id' | 'project_slug' | 'root_commit'>;
  /** When the file was written, ISO 8601 UTC: counts where the file itself does not say. */
  modified_at?: string;
}

/**
 * What `.project_status.md` shows.
 * @throws LayerUnavailable when the text is no status file
 */
export async function loadStatusFile(
  text: string,
  { project, modified_at }: StatusFileOptions,
): Promise<Loaded> {
  const status = parseStatusFile(text);
  if (status.project_id !== null && status.project_id !== project.project_id) {
    throw new LayerUnavailable('the status file is of another project');
  }
  const records = [status.vendors, status.work_items, status.deployments, status.enhancements];
  if (status.mark === 'absent' && records.every(({ length }) => length === 0)) {
    throw new LayerUnavailable('it was not written by Worktrail, and holds no records that can be read');
  }
  const as_of = status.generated_at ?? modified_at ?? new Date(0).toISOString();
  const rows = recordsOfStatus(status, as_of);
  const loaded = await filled('the records of the status file do not fit together', async (c) => {
    await insertRows(c, 'meta', [{ id: 1, ...project, created_at: as_of }]);
    for (const name of [
      'vendors',
      'workItems',
      'deployments',
      'deploymentVendors',
      'enhancements',
    ] as const) {
      await insertRows(c, name, rows[name] as unknown as Row[]);
    }
    // Nobody told what is set there: that these are the defaults is not known either.
    await insertRows(c, 'configuration', [
      { ...(await defaultConfiguration(c, as_of)), version: partlyShown(1) },
    ]);
    await complete(c, { seq: 0, changed_at: as_of }, rows.workItems);
  });
  return { ...loaded, as_of, seq: null, notes: notesOn(status, rows), hasAllFields: false };
}

function notesOn(status: ParsedStatus, { repeated, nameless }: StatusRecords): string[] {
  const left = status.work_items_left;
  const unread = status.not_understood.length;
  const notes: [applies: boolean, note: string][] = [
    [
      true,
      'The status file lists active work items, vendors, the last deployments and enhancements not completed only: no other items, no descriptions but the beginning of an enhancement’s, no labels, priorities, assignees or links, no history, and of the configuration the defaults.',
    ],
    [left > 0, `It leaves out ${left} active work item(s).`],
    [status.enhancements_left > 0, `It leaves out ${status.enhancements_left} enhancement(s).`],
    [status.mark === 'edited', 'It was edited by hand since Worktrail wrote it.'],
    [status.mark === 'absent', 'It does not carry the mark of a file that Worktrail wrote.'],
    [nameless > 0, `${nameless} of its records have no id; those shown for them are made from their names.`],
    [repeated > 0, `${repeated} of its records stand there twice; the first of each counts.`],
    [unread > 0, `${unread} of its lines were not understood.`],
  ];
  return notes.filter(([applies]) => applies).map(([, note]) => note);
}

/**
 * A copy of a store in a SQLite file, with everything that was committed to it; the file is not changed.
 * @param project_id the project that it must be of; any when undefined
 * @throws LayerUnavailable when it is missing, damaged or not a tracker's
 */
export async function loadImage(file: string, project_id?: string): Promise<Loaded> {
  let opened: ReturnType<typeof openMemorySqlite> | undefined;
  try {
    opened = openMemorySqlite({ image: imageOf(file), isReplica: true });
    const position = await opened.session.read(async (c) => {
      const project = await findProject(c);
      if (project === undefined) throw new LayerUnavailable('it holds no project');
      if (project_id !== undefined && project.project_id !== project_id) {
        throw new LayerUnavailable(`it holds another project, "${project.project_slug}"`);
      }
      return await findFeedPosition(c);
    });
    const newer = opened.state === 'newer';
    if (!newer) await refreshDerived(opened.session);
    return {
      session: opened.session,
      schema: opened.state,
      as_of: position.changed_at,
      seq: position.seq,
      notes: newer ? ['The copy was written by a newer version of Worktrail.'] : [],
      hasAllFields: true,
    };
  } catch (error) {
    await opened?.session.close();
    if (error instanceof LayerUnavailable) throw error;
    const reason = error instanceof TrackerError ? error.details['reason'] : describeDriverError(error);
    throw new LayerUnavailable(String(reason), { cause: error });
  }
}

async function filled(problem: string, fill: (c: Connection) => Promise<void>) {
  const { session, state } = openMemorySqlite({ isReplica: true });
  try {
    await session.write(fill);
    return { session, schema: state };
  } catch (error) {
    await session.close();
    throw new LayerUnavailable(problem, { cause: error });
  }
}

/** What follows from the records, and what every tracker has. */
async function complete(c: Connection, { seq, changed_at }: FeedPosition, items: readonly WorkItem[]) {
  const { workItems: w, workItemLabels } = c.tables;
  await insertRows(c, 'feed', [{ id: 1, seq, changed_at }]);
  await c.db
    .insert(workItemLabels)
    .select(sql`select distinct ${w.id}, label.value from ${w}, json_each(${w.labels}) label`);
  await recount(
    c,
    items.map((after) => ({ before: null, after })),
  );
  await refillQueue(c);
  const configured = await c.db.select({ id: c.tables.configuration.id }).from(c.tables.configuration);
  if (configured.length === 0)
    await insertRows(c, 'configuration', [await defaultConfiguration(c, changed_at)]);
}

async function defaultConfiguration(c: Connection, at: string): Promise<Row> {
  const project = await findProject(c);
  if (project === undefined) throw new Error('the layer does not say which project it is of');
  const times = { created_at: at, updated_at: at };
  const actors = { created_by: SYSTEM_ACTOR, updated_by: SYSTEM_ACTOR };
  return { id: project.project_id, version: 1, ...CONFIGURATION_DEFAULTS, ...times, ...actors };
}

const SYSTEM_ACTOR = 'worktrail';
