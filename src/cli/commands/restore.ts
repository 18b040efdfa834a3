import type { Command } from 'commander';
import type { RestoreReport } from '../../storage/export/restore.ts';
import { asJob } from '../terminal/as-job.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { print, printJson, say } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';
import { readConfig } from '../terminal/with-app.ts';
import { useOnce } from '../terminal/use-once.ts';

interface RestoreOptions {
  replace?: true;
  keepIn?: string;
}

/** `worktrail restore`: the tracker as it was when a file was written. */
export function addRestoreCommand(program: Command): Command {
  return program
    .command('restore')
    .description('bring the tracker back to the state of a backup; what is there now is kept first')
    .argument('<file>', 'what `worktrail backup` or `worktrail export` wrote')
    .option('--replace', 'also where the tracker has changes that the file lacks, or is damaged')
    .option(
      '--keep-in <folder>',
      'where the present state is kept (default: .worktrail/backups in the project)',
    )
    .addHelpText(
      'after',
      `
The file is checked as a whole first, and the change-over is one transaction: other programs see the state before it
or the one after it. With --replace too, what is there is kept as a backup first, and named. Writes that wait in this
folder are applied on top afterwards. Other folders that use the same PostgreSQL and have seen a later state stop
until \`worktrail doctor --accept-database\` is run there.

Examples:
  worktrail restore .worktrail/backups/worktrail-shop-backup-20261121T123000123Z-42-3f9a.jsonl
  worktrail restore shop.jsonl --project ../copy`,
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = optionsOf<RestoreOptions>(command);
      const { restoreExport } = await import('../../storage/export/restore.ts');
      const place = await readConfig(options);
      const report = await asJob('restore', place.dataDir, async (job) => {
        const how = { replace: options.replace === true, keepIn: options.keepIn, onProgress: job.report };
        const restored = await restoreExport({ ...place, file, ...how });
        const { outcome, rows, waiting, replaced } = restored;
        job.counts({ rows, waiting });
        if (replaced !== null) job.snapshot({ kind: 'backup', reference: replaced.kept_in });
        if (outcome === 'restored') {
          job.snapshot({ kind: 'restore', reference: restored.file, counts: { rows, waiting } });
        }
        return restored;
      });
      await useOnce(options);
      if (options.json === true) return printJson(report);
      print(render(report));
      for (const warning of report.warnings) say(`warning: ${warning}`);
    });
}

function render(report: RestoreReport): string {
  const { outcome, project_slug, seq, changed_at, rows, location, replaced, sha256 } = report;
  const waiting = Math.max(report.waiting, report.waiting_here);
  return [
    outcome === 'already'
      ? `${location} was in the state of the file already; nothing was done.`
      : `Restored "${project_slug}" in ${location} to change ${seq} of ${changed_at}: ${count(rows, 'row')}, each read back and found equal.`,
    ...(replaced === null
      ? []
      : [
          `The state before, at change ${replaced.seq} of ${replaced.changed_at}, is kept in ${replaced.kept_in}`,
        ]),
    ...(report.damaged_file === null
      ? []
      : [`The file that could not be opened is kept as ${report.damaged_file}`]),
    ...(waiting > 0
      ? [`${count(waiting, 'waiting write')} will be applied when the tracker is used next.`]
      : []),
    `  SHA-256 of all rows: ${sha256}`,
  ].join('\n');
}
