/** A status report as the text of `.project_status.md`: what every generated line of it says. */
import { stretches } from '../../platform/in-turns.ts';
import { VENDOR_FORMATS } from '../../domain/vendor.ts';
import { withMark } from '../../storage/status-file/status-mark.ts';
import { describePending, writerOf } from '../records/conflicts.ts';
import { STATUS_DEPLOYMENTS, type ProjectStatus } from './project-status.ts';

/** Waiting writes that are listed; more are counted. */
const PENDING_LISTED_MAX = 100;
const DESCRIPTION_MAX_CHARACTERS = 300;

/** The whole text for a report where nobody else wrote, its last line a mark by which hand edits are noticed. */
export async function renderStatusFile(report: ProjectStatus): Promise<string> {
  const turn = stretches();
  const body = await renderBody(report);
  await turn();
  return withMark(body, report.project_id, report.changed_at);
}

/** The same without the mark. */
export async function renderBody(report: ProjectStatus): Promise<string> {
  // Loaded on first use: a server that only answers does not pay for the template engine.
  const { renderStatus } = await import('../../storage/status-file/status-template.ts');
  return renderStatus(viewOf(report));
}

function viewOf(report: ProjectStatus): Record<string, unknown> {
  const mark = (record: { id: string; version: number }) => `<!-- ${record.id} v${record.version} -->`;
  return {
    time: `${report.changed_at.slice(0, 19)}+00:00`,
    operational: report.operational,
    vendors_total: report.vendors.length,
    vendors: report.vendors.map((vendor) => {
      const { test_results = {}, format_support = {} } = vendor.metadata as {
        test_results?: Record<string, number>;
        format_support?: Record<string, boolean>;
      };
      return {
        name: vendor.name,
        status: vendor.status,
        extractor_version: vendor.extractor_version,
        passing: test_results['passing'] ?? 0,
        total: test_results['total'] ?? 0,
        skipped: test_results['skipped'] ?? 0,
        formats: VENDOR_FORMATS.filter((format) => format_support[format] === true).join(', '),
        mark: mark(vendor),
      };
    }),
    items_total: report.items_total,
    items_left: report.items_total - report.items.length,
    items: report.items.map((item) => ({
      ...item,
      indent: '  '.repeat(item.level),
      created: `${spoken(item.created_at)} UTC`,
      mark: mark(item),
    })),
    deployments_max: STATUS_DEPLOYMENTS,
    // What is not known of an imported one has no line.
    deployments: report.deployments.map((deployment) => ({
      deployed: `${spoken(deployment.deployed_at)} UTC`,
      commit_hash: deployment.commit_hash,
      pr_number: deployment.metadata['pr_number'] ?? '',
      pr_title: deployment.metadata['pr_title'] ?? '',
      tests: Object.entries((deployment.metadata['test_summary'] ?? {}) as Record<string, number>)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([category, number]) => `${category}: ${number}`)
        .join(', '),
      compliance: complianceOf(deployment.metadata['constitutional_compliance']),
      vendors: deployment.affected_vendors.map(({ name }) => name).join(', '),
      mark: mark(deployment),
    })),
    enhancements_total: report.enhancements_total,
    enhancements_left: report.enhancements_total - report.enhancements.length,
    enhancements: report.enhancements.map((enhancement) => ({
      title: enhancement.title,
      priority: enhancement.priority,
      // What is not said is planned.
      status: enhancement.status === 'planned' ? '' : enhancement.status,
      target: enhancement.target_quarter?.replace(/^(\d{4})-(Q\d)$/, '$2 $1') ?? '',
      description: beginningOf(enhancement.description ?? ''),
      mark: mark(enhancement),
    })),
    pending_total: report.pending.length,
    pending: report.pending.slice(0, PENDING_LISTED_MAX).map((write) => ({
      at: `${spoken(write.at)} UTC`,
      actor: writerOf(write),
      what: describePending(write),
    })),
    pending_left: Math.max(0, report.pending.length - PENDING_LISTED_MAX),
  };
}

/** Empty where it is not known. */
export function complianceOf(compliant: unknown): '✓' | '✗' | '' {
  return typeof compliant === 'boolean' ? (compliant ? '✓' : '✗') : '';
}

/** A title as the file shows it: on one line. */
export function asShown(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** A description on one line, cut where it is long: the file stays readable. */
export function beginningOf(description: string): string {
  const characters = Array.from(description.replaceAll(/\s+/g, ' ').trim());
  if (characters.length <= DESCRIPTION_MAX_CHARACTERS) return characters.join('');
  return `${characters
    .slice(0, DESCRIPTION_MAX_CHARACTERS - 1)
    .join('')
    .trimEnd()}…`;
}

/** `2026-01-31T09:30:00.000Z` as `2026-01-31 09:30:00`. */
function spoken(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}
