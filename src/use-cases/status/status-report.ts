/** `generate_status_report`: the project's status as Markdown or as data, cut to a budget of tokens. */
import { READ_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { type StatusSection, type StatusReport, statusReportInput } from '../../domain/status-report.ts';
import { shortId } from '../../domain/text.ts';
import { estimateTokens, takeInTurns, type BudgetedList } from '../../domain/tokens.ts';
import { VENDOR_FORMATS } from '../../domain/vendor.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { describePending, writerOf } from '../records/conflicts.ts';
import { readStatus, type ProjectStatus } from './project-status.ts';
import { asShown, complianceOf } from './status-view.ts';
import { statusReportShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** One of the two, as asked for. */
export interface GeneratedStatusReport {
  markdown?: string;
  report?: StatusReport;
}

/** The same tracker, format and budget give the same report. */
export const generateStatusReport = defineUseCase({
  name: 'generate_status_report',
  kind: 'read',
  input: statusReportInput,
  output: () => statusReportShape(),
  run: async (
    context,
    _caller,
    { format, max_tokens = READ_TOKENS_DEFAULT },
  ): Promise<Answer<GeneratedStatusReport>> => {
    const answer = await readStatus(context);
    const summary = reportOf(answer.data);
    const cost = format === 'json' ? jsonOf : lineOf;
    const report = fitReport(summary, max_tokens, cost, format === 'json' ? JSON_HEAD_TOKENS : HEAD_TOKENS);
    return { ...answer, data: format === 'json' ? { report } : { markdown: markdownOf(report) } };
  },
});

function reportOf(report: ProjectStatus): StatusReport {
  const vendors = report.vendors.map(({ name, version, status, extractor_version, metadata }) => {
    const {
      passing = 0,
      total = 0,
      skipped = 0,
    } = (metadata['test_results'] ?? {}) as Record<string, number>;
    const support = (metadata['format_support'] ?? {}) as Record<string, boolean>;
    return {
      ...{ name, version, status, passing, total, skipped, extractor_version },
      formats: VENDOR_FORMATS.filter((format) => support[format] === true),
    };
  });
  const isBroken = ({ status }: { status: string }) => status === 'broken';
  return {
    changed_at: report.changed_at,
    vendors: {
      total: vendors.length,
      operational: report.operational,
      items: [...vendors.filter(isBroken), ...vendors.filter((vendor) => !isBroken(vendor))],
    },
    work_items: {
      total: report.items_total,
      items: report.items.map(({ id, version, item_type, title, level }) => ({
        ...{ id, version, item_type, title, level },
      })),
    },
    deployments: {
      total: report.deployments_total,
      items: report.deployments.map(({ id, deployed_at, metadata, affected_vendors }) => ({
        ...{ id, deployed_at },
        pr_number: (metadata['pr_number'] ?? null) as number | null,
        pr_title: String(metadata['pr_title'] ?? ''),
        compliant: (metadata['constitutional_compliance'] ?? null) as boolean | null,
        vendors: affected_vendors.map(({ name }) => name),
      })),
    },
    enhancements: {
      total: report.enhancements_total,
      items: report.enhancements.map(({ id, version, title, priority, status, target_quarter }) => ({
        ...{ id, version, title, priority, status, target_quarter },
      })),
    },
    pending: {
      total: report.pending.length,
      items: report.pending.map((write) => ({
        at: write.at,
        actor: writerOf(write),
        change: describePending(write),
      })),
    },
    archived_count: report.archived_total,
  };
}

const SECTIONS = ['vendors', 'work_items', 'deployments', 'enhancements', 'pending'] as const;
type SectionName = (typeof SECTIONS)[number];
type Row<Name extends SectionName> = StatusReport[Name]['items'][number];

/** Headings, totals and the lines that say what was left out; of JSON its names and brackets too. */
const HEAD_TOKENS = 220;
const JSON_HEAD_TOKENS = 130;

/** As many rows of each section as fit into the budget: see `takeInTurns`. */
function fitReport(
  summary: StatusReport,
  maxTokens: number,
  textOf: (name: SectionName, row: never) => string,
  headTokens: number,
): StatusReport {
  const lists = SECTIONS.map((name): BudgetedList => {
    const rows = summary[name].items as never[];
    const tokensOf = (row: number) => estimateTokens(textOf(name, rows[row] as never)) + 1;
    return { length: rows.length, weight: 1, tokensOf };
  });
  const taken = takeInTurns(lists, maxTokens - Math.min(headTokens, maxTokens / 2));
  const kept = SECTIONS.map((name, at) => [
    name,
    { ...summary[name], items: summary[name].items.slice(0, taken[at]) },
  ]);
  return { ...summary, ...(Object.fromEntries(kept) as Pick<StatusReport, SectionName>) };
}

const jsonOf = (_name: SectionName, row: never): string => JSON.stringify(row);

function markdownOf(summary: StatusReport): string {
  const { vendors, work_items, deployments, enhancements, pending, archived_count, changed_at } = summary;
  return [
    `# Project Status - ${changed_at.slice(0, 19)}Z`,
    section(
      `Vendor health (${vendors.operational}/${vendors.total} operational)`,
      'vendors',
      vendors,
      'list_vendors',
    ),
    section(`Active work (${work_items.total})`, 'work_items', work_items, 'list_work_items status:active'),
    section(`Recent deployments (of ${deployments.total})`, 'deployments', deployments, 'list_deployments'),
    section(
      `Pending enhancements (${enhancements.total})`,
      'enhancements',
      enhancements,
      'list_enhancements',
    ),
    `Archived items: ${archived_count}`,
    section(`Pending offline changes: ${pending.total}`, 'pending', pending, 'a larger max_tokens'),
  ].join('\n');
}

function section<Name extends SectionName>(
  title: string,
  name: Name,
  { total, items }: StatusSection<Row<Name>>,
  rest: string,
): string {
  const left = total - items.length;
  return [
    name === 'pending' ? title : `## ${title}`,
    ...items.map((row) => lineOf(name, row as never)),
    ...(left > 0 ? [`${left} more: ${rest}`] : []),
  ].join('\n');
}

const LINES: { [Name in SectionName]: (row: Row<Name>) => string } = {
  vendors: ({ name, version, status, passing, total, skipped, formats, extractor_version }) =>
    `- ${plain(name)} v${version}: ${status} ${passing}/${total} tests${skipped > 0 ? `, ${skipped} skipped` : ''} [${formats.join(', ')}] extractor ${plain(extractor_version)}`,
  work_items: ({ id, version, item_type, title, level }) =>
    `${'  '.repeat(level)}- ${shortId(id)} v${version} ${item_type} ${plain(title)}`,
  deployments: ({ id, deployed_at, pr_number, pr_title, compliant, vendors }) =>
    `- ${shortId(id)} ${deployed_at.slice(0, 10)} PR #${pr_number ?? '?'} ${plain(pr_title)} ${complianceOf(compliant) || '?'}${vendors.length === 0 ? '' : ` [${plain(vendors.join(', '))}]`}`,
  enhancements: ({ id, version, title, priority, status, target_quarter }) =>
    `- ${shortId(id)} v${version} p${priority} ${status} ${plain(title)}${target_quarter === null ? '' : ` (${target_quarter})`}`,
  pending: ({ at, actor, change }) => `- ${at.slice(0, 19)}Z ${plain(actor)}: ${plain(change)}`,
};

function lineOf(name: SectionName, row: never): string {
  return LINES[name](row);
}

/** People's text stays on its line, and is text where Markdown is shown. */
function plain(text: string): string {
  return asShown(text).replaceAll(/[\\`*[\]<>]/g, '\\$&');
}
