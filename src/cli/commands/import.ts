import path from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import type { ImportSource, ImportOptions, ImportPlan } from '../../importers/import/plan.ts';
import type { ImportAnswer, ImportResult } from '../../importers/import/run.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { validationError } from '../../domain/errors.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { printAnswer } from '../terminal/output.ts';
import { count, nameFirst, plainLine } from '../terminal/plain-text.ts';
import { importStatus, type StatusOptions } from './import-status.ts';
import { withProgressBar } from '../terminal/progress-bar.ts';
import { commandLineCaller, readConfig, withApp } from '../terminal/with-app.ts';

type Read = (path: string, options: ImportOptions) => Promise<ImportPlan>;

type ListedSource = Exclude<ImportSource, 'status-file'>;

const READERS: Readonly<Record<ListedSource, () => Promise<Read>>> = {
  'backlog-md': async () => (await import('../../importers/backlog-md/backlog-md.ts')).readBacklogMd,
  beads: async () => (await import('../../importers/beads/beads.ts')).readBeads,
  'task-master': async () => (await import('../../importers/task-master/task-master.ts')).readTaskMaster,
  'session-prompts': async () =>
    (await import('../../importers/session-prompts/read-session-prompts.ts')).readSessionPrompts,
};

interface ImportCommandOptions extends StatusOptions {
  glob?: string;
}

/** What is read where no path is given, below the project's folder. */
const USUAL_PATHS: Readonly<Partial<Record<string, string>>> = { 'session-prompts': 'docs/session-prompts' };
/** Not a list of items: it has a way of its own. */
const STATUS = 'status';

/** `worktrail import SOURCE PATH`: takes over another tracker's items, as often as one likes. */
export function addImportCommand(program: Command): Command {
  return program
    .command('import')
    .description('import the items of another tracker; a repeated import brings them up to date')
    .argument('<source>', 'backlog-md, beads, task-master, session-prompts or status')
    .argument('[path]', 'the folder or file of that tracker')
    .option(
      '--namespace <name>',
      'which source this is (default: the one that has the same items, else a new one)',
    )
    .option('--dry-run', 'show what would be done and change nothing')
    .option(
      '--session-prompts <dir>',
      'status: the folder of session prompts (default: docs/session-prompts)',
    )
    .option(
      '--glob <pattern>',
      'session-prompts: which files below the folder, with *, ** and ? (default: **/*.md)',
    )
    .option('--add-from-git', 'status: add what the git history tells beyond the file')
    .addHelpText(
      'after',
      `
Items that were changed here since they were imported are left as they are, and listed.
A source is known again when it has grown, moved or been renamed; another file with the same ids is another
source. Where that cannot be told, nothing is imported and the error says what to give as --namespace.

Examples:
  worktrail import backlog-md ./backlog --dry-run
  worktrail import beads .beads/issues.jsonl
  worktrail import task-master .taskmaster/tasks/tasks.json --namespace shop
  worktrail import session-prompts docs/session-prompts
  worktrail import status .project_status.md --dry-run

status reads a status file that was kept by hand: backed up first, imported whole or not at all.`,
    )
    .action(async (source: string, wanted: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf<ImportCommandOptions>(command);
      if (source === STATUS) return await importStatus(wanted, options, withoutMakingAStore);
      const read = await readerOf(source);
      // A wrong setting is told before a long read.
      const config = await readConfig(options);
      const { namespace, glob } = options;
      const { projectDir } = config;
      const plan = await read(wanted ?? usualPath(source, projectDir), { namespace, projectDir, glob });
      const answer =
        options.dryRun === true ? await rehearse(options, config, plan) : await carryOut(options, plan);
      const { renderImportReport } = await import('../../importers/import/report.ts');
      const { plan: settled, ...rest } = answer;
      const { data } = rest;
      printAnswer({ ...rest, data: detailed(settled, data) }, options.json, () =>
        [renderImportReport(settled, data).trimEnd(), ...remarkLines(data)].join('\n'),
      );
    });
}

async function readerOf(source: string): Promise<Read> {
  if (!Object.hasOwn(READERS, source)) {
    throw validationError({
      field: 'source',
      constraint: `must be one of ${[...Object.keys(READERS), STATUS].join(', ')}`,
      value: source,
    });
  }
  return await READERS[source as ListedSource]();
}

function usualPath(source: string, projectDir: string): string {
  const usual = USUAL_PATHS[source];
  if (usual !== undefined) return path.join(projectDir, usual);
  throw validationError({ field: 'path', constraint: 'must name the folder or file to import', value: null });
}

async function carryOut(options: GlobalOptions, plan: ImportPlan): Promise<ImportAnswer> {
  const { runImport } = await import('../../importers/import/run.ts');
  return await withProgressBar((onProgress) =>
    withApp(options, ({ context }) =>
      runImport(context, commandLineCaller(), plan, { dryRun: false, onProgress }),
    ),
  );
}

/** Compares the plan with what is there. */
async function rehearse(options: GlobalOptions, config: Config, plan: ImportPlan): Promise<ImportAnswer> {
  const { runImport, outcomeOnEmptyTracker } = await import('../../importers/import/run.ts');
  let settled = plan;
  const answer = await withoutMakingAStore(
    config,
    () => outcomeOnEmptyTracker(plan),
    () =>
      withApp(options, async ({ context }) => {
        const compared = await runImport(context, commandLineCaller(), plan, { dryRun: true });
        settled = compared.plan;
        return compared;
      }),
  );
  return { ...answer, plan: settled };
}

/** A dry run: where there is no store yet, none is made for it. */
async function withoutMakingAStore<T>(
  config: Config,
  onNothing: () => Promise<T>,
  onStore: () => Promise<Answer<T>>,
): Promise<Answer<T>> {
  const { inspectStore, unavailableError, outdatedError } =
    await import('../../storage/maintenance/inspect-store.ts');
  const found = await inspectStore(config);
  if (found.problem !== null) throw unavailableError(found);
  if (!found.exists) return { data: await onNothing(), source: found.source, warnings: [] };
  if (found.schema === 'behind') throw outdatedError(found);
  return await onStore();
}

/** What a program wants to know of an import; the planned records themselves only when nothing was written. */
function detailed(plan: ImportPlan, result: ImportResult) {
  const { items, links, place: _place, is_named: _named, ...about } = plan;
  const planned = items.map(({ made_of: _made, ...item }) => item);
  return {
    ...result,
    ...about,
    items_planned: items.length,
    ...(result.dry_run && { items: planned, links }),
  };
}

/** What the report of a plan cannot know: what was found here. */
function remarkLines({ links_removed, remarks, dry_run }: ImportResult): string[] {
  const removed = `${count(links_removed, 'link')} of an earlier import ${dry_run ? 'would be' : 'were'} removed: the source has no such link any more`;
  return [
    ...(links_removed > 0 ? ['', removed] : []),
    ...(remarks.length > 0 ? ['', `Kept as it is here: ${remarks.length}`] : []),
    ...remarks.map(
      ({ foreign_id, title, message }) => `  ${nameFirst(foreign_id)} "${plainLine(title)}": ${message}`,
    ),
  ];
}
