import { Option, type Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { Job } from '../../domain/job.ts';
import type { ExportReport } from '../../storage/export/export.ts';
import { asJob } from '../terminal/as-job.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { print, printJson, say, stream } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';
import { readConfig } from '../terminal/with-app.ts';

interface ExportOptions extends GlobalOptions {
  format: 'jsonl' | 'csv';
  to?: string;
}

const STANDARD_OUTPUT = '-';

/** `worktrail export`: everything, to be loaded elsewhere or looked at in a spreadsheet. */
export function addExportCommand(program: Command): Command {
  return program
    .command('export')
    .description(
      'write everything, history included, to a file that `worktrail load` takes, or as CSV tables',
    )
    .addOption(
      new Option('--format <format>', 'jsonl: one file, complete; csv: a folder with a file for each table')
        .choices(['jsonl', 'csv'])
        .default('jsonl'),
    )
    .option(
      '--to <path>',
      'the new file or folder, or an existing folder; "-" is standard output (default: the current folder)',
    )
    .addHelpText(
      'after',
      `
All of it is from one moment, while others go on writing. In CSV, a text that a spreadsheet could take for a formula
has an apostrophe in front: where a cell begins with one, take one away to have the value.

Examples:
  worktrail export
  worktrail export --to - | gzip > tracker.jsonl.gz
  worktrail export --format csv --to tables`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<ExportOptions>(command);
      const place = await readConfig(options);
      const { exportToCsv, exportToFile, exportToSink } = await import('../../storage/export/export.ts');
      if (options.to === STANDARD_OUTPUT) {
        if (options.format === 'csv' || options.json === true) throw notThere(options.format);
        const report = await asJob('export', place.dataDir, async (job) => {
          const sink = async (text: string) => {
            if (!(await stream(text))) throw new ReaderLeft();
          };
          const exported = await exportToSink({ ...place, onProgress: job.report }, sink).catch(
            unlessReaderLeft,
          );
          if (exported === undefined) job.cancelled();
          else tell(job, exported);
          return exported;
        });
        for (const warning of report?.warnings ?? []) say(`warning: ${warning}`);
        return;
      }
      const report = await asJob('export', place.dataDir, async (job) => {
        const to = { ...place, to: options.to, folder: process.cwd(), onProgress: job.report };
        const exported = options.format === 'csv' ? await exportToCsv(to) : await exportToFile(to);
        tell(job, exported);
        return exported;
      });
      if (options.json === true) return printJson(report);
      print(render(report));
      for (const warning of report.warnings) say(`warning: ${warning}`);
    });
}

function tell(job: Job, { to, bytes, rows, waiting }: ExportReport): void {
  job.counts({ rows, waiting });
  job.snapshot({ kind: 'export', reference: to ?? STANDARD_OUTPUT, bytes, counts: { rows, waiting } });
}

class ReaderLeft extends Error {}

function unlessReaderLeft(error: unknown): undefined {
  if (!(error instanceof ReaderLeft)) throw error;
}

function notThere(format: string) {
  const constraint =
    format === 'csv' ? 'is for jsonl only: CSV is a file for each table' : 'goes without --json';
  return validationError({ field: '--to -', constraint, value: STANDARD_OUTPUT });
}

function render({ to, project_slug, seq, rows, waiting, sha256, format }: ExportReport): string {
  return [
    `Exported "${project_slug}" at change ${seq}: ${count(rows, 'row')}${
      waiting > 0 && format === 'jsonl' ? ` and ${count(waiting, 'waiting write')}` : ''
    }.`,
    `  ${to ?? ''}`,
    ...(sha256 === null ? [] : [`  SHA-256 of all rows: ${sha256}`]),
  ].join('\n');
}
