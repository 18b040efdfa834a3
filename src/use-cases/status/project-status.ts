/** The project's status as data: what the status file and `worktrail status` show. */
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { EnhancementStatus } from '../../domain/enhancement.ts';
import { groupBy } from '../../domain/grouping.ts';
import type { Vendor } from '../../domain/vendor.ts';
import { pipelined } from '../../storage/database/pipelined.ts';
import type { Answer, PendingWrite } from '../../storage/contract/store.ts';
import type { Context } from '../support/context.ts';

/** Items listed; more are counted. Keeps the file readable and quick to write in the largest tracker. */
export const STATUS_ITEMS_MAX = 1_500;
export const STATUS_DEPLOYMENTS = 10;
/** Enhancements listed; more are counted. */
const STATUS_ENHANCEMENTS_MAX = 200;

export interface StatusEnhancement {
  id: string;
  version: number;
  title: string;
  /** Its beginning, where it is long. */
  description: string | null;
  priority: number;
  status: EnhancementStatus;
  target_quarter: string | null;
  updated_at: string;
}

export interface StatusItem {
  id: string;
  version: number;
  item_type: string;
  title: string;
  status: string;
  branch_name: string | null;
  created_at: string;
  updated_at: string;
  /** Steps below the nearest listed ancestor; 0 at the margin. */
  level: number;
  parent_title: string | null;
}

export interface ProjectStatus {
  project_id: string;
  /** Position of the feed that the report was read at. */
  seq: number;
  /**
   * Time of the last change, or of the copy that it was read from where that is older: all until then is in it. An
   * unchanged tracker gives an unchanged report.
   */
  changed_at: string;
  vendors: Vendor[];
  operational: number;
  items: StatusItem[];
  items_total: number;
  deployments: LinkedDeployment[];
  deployments_total: number;
  /** Those not completed, the most important first. */
  enhancements: StatusEnhancement[];
  enhancements_total: number;
  /** Items in the archive. */
  archived_total: number;
  /** Writes that wait for the primary store, in the order in which they will be applied. */
  pending: PendingWrite[];
}

export async function readStatus(context: Pick<Context, 'store'>): Promise<Answer<ProjectStatus>> {
  const pending = await context.store.pending();
  const answer = await context.store.read(async (reader) => {
    const [{ seq, changed_at }, project, vendors, { items, total }, deployments, enhancements, counts] =
      await pipelined(
        reader.findFeedPosition(),
        reader.findProject(),
        reader.statusVendors(),
        readItems(reader),
        reader.listDeployments({ limit: STATUS_DEPLOYMENTS }),
        reader.statusEnhancements(STATUS_ENHANCEMENTS_MAX),
        reader.countItems(),
      );
    const archived = counts.filter(({ shelf }) => shelf === 'archived');
    return {
      project_id: project?.project_id ?? '',
      seq,
      changed_at,
      vendors,
      operational: vendors.filter(({ status }) => status === 'operational').length,
      items,
      items_total: total,
      deployments: deployments.items,
      deployments_total: deployments.total_count,
      enhancements: enhancements.items,
      enhancements_total: enhancements.total,
      archived_total: archived.reduce((sum, { items: number }) => sum + number, 0),
      pending,
    };
  });
  const { as_of } = answer;
  if (as_of === undefined || as_of >= answer.data.changed_at) return answer;
  // Of a copy: what waits lies on top of it, and is younger than what others did that is not in it.
  return { ...answer, data: { ...answer.data, changed_at: as_of } };
}

async function readItems(reader: Reader): Promise<{ items: StatusItem[]; total: number }> {
  const { items, total } = await reader.statusWorkItems(STATUS_ITEMS_MAX);
  const listed = new Map(items.map((item) => [item.id, item]));
  const outside = [...new Set(items.flatMap(({ parent_id }) => parent_id ?? []))].filter(
    (id) => !listed.has(id),
  );
  const titles = await reader.findTitles(outside);

  const below = groupBy([...items].sort(byPosition), ({ parent_id }) =>
    parent_id !== null && listed.has(parent_id) ? parent_id : null,
  );
  const ordered: StatusItem[] = [];
  const visit = (parent: string | null, level: number): void => {
    for (const row of below.get(parent) ?? []) {
      const { parent_id, depth: _depth, path: _path, position: _position, ...shown } = row;
      const parent_title =
        parent_id === null ? null : (listed.get(parent_id)?.title ?? titles.get(parent_id) ?? null);
      ordered.push({ ...shown, level, parent_title });
      visit(row.id, level + 1);
    }
  };
  visit(null, 0);
  return { items: ordered, total };
}

type Placed = { position: string; id: string };

function byPosition(a: Placed, b: Placed): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
