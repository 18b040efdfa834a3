import type { Command } from 'commander';
import type { StatusFileOutcome } from '../../services/status-file.ts';
import type { StatusReport } from '../../services/status-report.ts';
import type { LinkedDeployment } from '../../storage/sql/queries/deployments.ts';
import type { Vendor } from '../../domain/vendor.ts';
import { optionsOf } from '../global-options.ts';
import { paint, printAnswer } from '../output.ts';
import { count, plainLine, shortId, spokenTime } from '../plain-text.ts';
import { paintStatus, renderTable, statusStyle } from '../table.ts';
import { withApp } from '../with-app.ts';

/** `worktrail status`: the project at a glance; with --write, as its status file. */
export function addStatusCommand(program: Command): Command {
  return program
    .command('status')
    .description("show the project's vendors, active work and last deployments")
    .option('--write', 'bring .project_status.md up to date instead')
    .addHelpText(
      'after',
      `
Examples:
  worktrail status
  worktrail status --write
  worktrail status --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<{ write?: true }>(command);
      const { readStatus } = await import('../../services/status-report.ts');
      const { writeStatusFile, refuseForeignFile } = await import('../../services/status-file.ts');
      await withApp(options, async ({ context }, config) => {
        if (options.write !== true) {
          printAnswer(await readStatus(context), options.json, renderStatus);
          return;
        }
        const outcome = await writeStatusFile(context, config.dataDir);
        refuseForeignFile(outcome);
        const { source } = await context.store.read((reader) => reader.findFeedPosition());
        printAnswer({ data: outcome, source, warnings: [] }, options.json, renderOutcome);
      });
    });
}

function renderOutcome(outcome: StatusFileOutcome): string {
  if (!outcome.written) return `${outcome.file} is up to date already.`;
  const edit = outcome.saved_edit;
  return edit === null
    ? `Wrote ${outcome.file}.`
    : `Wrote ${outcome.file}. It had been edited by hand; the edited file was kept as ${edit}.`;
}

function renderStatus(report: StatusReport): string {
  const sections = [
    `Last change: ${spokenTime(report.changed_at)} UTC`,
    section(
      `Vendors: ${report.operational} of ${report.vendors.length} operational`,
      vendorTable(report.vendors),
    ),
    section(`Active work items: ${report.items_total}`, itemLines(report)),
    section(deploymentsHeading(report), deploymentTable(report.deployments)),
  ];
  return sections.join('\n\n');
}

function section(title: string, body: string): string {
  return body === '' ? paint('bold', title) : `${paint('bold', title)}\n${body}`;
}

function vendorTable(vendors: Vendor[]): string {
  if (vendors.length === 0) return '';
  const tests = ({ metadata }: Vendor) => (metadata['test_results'] ?? {}) as Record<string, number>;
  return renderTable(vendors, [
    { title: 'NAME', value: ({ name }) => name, flexible: true },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => statusStyle(status) },
    {
      title: 'TESTS',
      value: (vendor) => `${tests(vendor)['passing'] ?? 0}/${tests(vendor)['total'] ?? 0}`,
      align: 'right',
    },
    { title: 'EXTRACTOR', value: ({ extractor_version }) => extractor_version },
  ]);
}

function itemLines({ items, items_total }: StatusReport): string {
  const lines = items.map(
    ({ id, item_type, title, status, level }) =>
      `${'  '.repeat(level)}${shortId(id)}  ${item_type}  ${paintStatus(status)}  ${plainLine(title)}`,
  );
  const left = items_total - items.length;
  return [
    ...lines,
    ...(left > 0 ? [`and ${count(left, 'more item')}: worktrail list --status active`] : []),
  ].join('\n');
}

function deploymentsHeading({ deployments, deployments_total }: StatusReport): string {
  return deployments_total > deployments.length
    ? `Deployments: the last ${deployments.length} of ${deployments_total}`
    : `Deployments: ${deployments_total}`;
}

function deploymentTable(deployments: LinkedDeployment[]): string {
  if (deployments.length === 0) return '';
  return renderTable(deployments, [
    { title: 'DEPLOYED (UTC)', value: ({ deployed_at }) => spokenTime(deployed_at) },
    { title: 'PR', value: ({ metadata }) => `#${String(metadata['pr_number'] ?? '?')}` },
    { title: 'COMMIT', value: ({ commit_hash }) => commit_hash.slice(0, 8) },
    { title: 'TITLE', value: ({ metadata }) => String(metadata['pr_title'] ?? ''), flexible: true },
    {
      title: 'VENDORS',
      value: ({ affected_vendors }) => affected_vendors.map(({ name }) => name).join(', '),
      max: 30,
    },
  ]);
}
