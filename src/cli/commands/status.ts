import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { StatusFileOutcome } from '../../use-cases/status/status-file.ts';
import type { ProjectStatus } from '../../use-cases/status/project-status.ts';
import type { LinkedDeployment } from '../../storage/queries/deployments.ts';
import type { Vendor } from '../../domain/vendor.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { paint, printAnswer } from '../terminal/output.ts';
import { count, nameFirst, plainLine, shortId, spokenTime } from '../terminal/plain-text.ts';
import { paintStatus, renderTable, statusStyle } from '../terminal/table.ts';
import { withApp } from '../terminal/with-app.ts';

interface StatusOptions {
  write?: true;
  diff?: true;
  importEdits?: true;
  dryRun?: true;
}

/** `worktrail status`: the project at a glance; as its status file; and what was edited in that by hand. */
export function addStatusCommand(program: Command): Command {
  return program
    .command('status')
    .description("show the project's vendors, active work and last deployments")
    .argument('[file]', 'with --diff and --import-edits: an edited copy instead of the status file itself')
    .option('--write', 'bring .project_status.md up to date instead')
    .option('--diff', 'show what was edited by hand in its generated lines')
    .option('--import-edits', 'take these edits over, each with its version check')
    .option('--dry-run', 'with --import-edits: only show them')
    .addHelpText(
      'after',
      `
Text of your own, anywhere between the generated parts of the file, stays as you wrote it.
Exit codes of --diff and --import-edits: 0 nothing is left, 1 there are edits, or some were not taken over.

Examples:
  worktrail status
  worktrail status --write
  worktrail status --diff
  worktrail status --import-edits --dry-run
  worktrail status .worktrail/edited/project_status-0a1b2c3d4e5f.md --import-edits
  worktrail status --json`,
    )
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf<StatusOptions>(command);
      checkOptions(file, options);
      if (options.diff === true || options.importEdits === true) {
        const { importEdits, showStatusEdits } = await import('./status-edits.ts');
        const isShown = options.diff === true || options.dryRun === true;
        await (isShown ? showStatusEdits : importEdits)(file, options);
        return;
      }
      const { readStatus } = await import('../../use-cases/status/project-status.ts');
      const { writeStatusFile, refuseForeignFile } = await import('../../use-cases/status/status-file.ts');
      await withApp(options, async ({ context }, config) => {
        if (options.write !== true) {
          printAnswer(await readStatus(context), options.json, renderStatus);
          return;
        }
        const outcome = await writeStatusFile(context, config);
        refuseForeignFile(outcome);
        const { source } = await context.store.read((reader) => reader.findFeedPosition());
        printAnswer({ data: outcome, source, warnings: [] }, options.json, renderOutcome);
      });
    });
}

function checkOptions(file: string | undefined, { write, diff, importEdits, dryRun }: StatusOptions): void {
  const chosen = [write, diff, importEdits].filter((option) => option === true).length;
  const isOfEdits = diff === true || importEdits === true;
  if (chosen <= 1 && (isOfEdits || file === undefined) && (importEdits === true || dryRun !== true)) return;
  throw validationError(
    chosen > 1
      ? { field: 'options', constraint: 'must be one of --write, --diff and --import-edits', value: chosen }
      : file === undefined || isOfEdits
        ? { field: 'dry-run', constraint: 'goes with --import-edits', value: true }
        : { field: 'file', constraint: 'goes with --diff and --import-edits', value: file },
    'See `worktrail status --help`. Nothing was changed.',
  );
}

function renderOutcome(outcome: StatusFileOutcome): string {
  if (!outcome.written) return `${outcome.file} is up to date already.`;
  const edit = outcome.saved_edit;
  return edit === null
    ? `Wrote ${outcome.file}.`
    : `Wrote ${outcome.file}. It had been edited by hand; the edited file was kept as ${edit}.\nTake the edits over: worktrail status ${edit} --import-edits`;
}

function renderStatus(report: ProjectStatus): string {
  const sections = [
    `Last change: ${spokenTime(report.changed_at)} UTC`,
    section(
      `Vendors: ${report.operational} of ${report.vendors.length} operational`,
      vendorTable(report.vendors),
    ),
    section(`Active work items: ${report.items_total}`, itemLines(report)),
    section(deploymentsHeading(report), deploymentTable(report.deployments)),
    section(`Enhancements not completed: ${report.enhancements_total}`, enhancementTable(report)),
    `${count(report.archived_total, 'archived item')}; ${count(report.pending.length, 'offline change')} waiting for the database`,
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
    { title: 'NAME', value: ({ name }) => nameFirst(name), flexible: true },
    { title: 'STATUS', value: ({ status }) => status, style: ({ status }) => statusStyle(status) },
    {
      title: 'TESTS',
      value: (vendor) => `${tests(vendor)['passing'] ?? 0}/${tests(vendor)['total'] ?? 0}`,
      align: 'right',
    },
    { title: 'EXTRACTOR', value: ({ extractor_version }) => extractor_version },
  ]);
}

function itemLines({ items, items_total }: ProjectStatus): string {
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

function deploymentsHeading({ deployments, deployments_total }: ProjectStatus): string {
  return deployments_total > deployments.length
    ? `Deployments: the last ${deployments.length} of ${deployments_total}`
    : `Deployments: ${deployments_total}`;
}

function enhancementTable({ enhancements }: ProjectStatus): string {
  if (enhancements.length === 0) return '';
  return renderTable(enhancements, [
    { title: 'PRIORITY', value: ({ priority }) => String(priority), align: 'right' },
    { title: 'STATUS', value: ({ status }) => status },
    { title: 'TARGET', value: ({ target_quarter }) => target_quarter ?? '' },
    { title: 'TITLE', value: ({ title }) => title, flexible: true },
  ]);
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
