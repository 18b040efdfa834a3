import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { BackupReport } from '../../storage/export/backup.ts';
import { asJob } from '../terminal/as-job.ts';
import { numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { print, printJson, say } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';
import { readConfig } from '../terminal/with-app.ts';

interface BackupOptions {
  to?: string;
  keep?: number;
}

const KEEP_MAX = 10_000;

/** `worktrail backup`: the state of this moment, kept and checked. */
export function addBackupCommand(program: Command): Command {
  return program
    .command('backup')
    .description('keep the state of this moment as a checked file, while others go on writing')
    .option('--to <folder>', 'where backups are kept (default: .worktrail/backups in the project)')
    .option('--keep <n>', 'how many backups of this project stay in the folder (default: 10)', numberFrom)
    .addHelpText(
      'after',
      `
Works the same on SQLite and on PostgreSQL; writes that wait in this folder for PostgreSQL are included. The file is
read back before it gets its name. A folder on another disk survives the loss of this one.

Examples:
  worktrail backup --to /mnt/backups
  worktrail backup --keep 30
  worktrail restore .worktrail/backups/worktrail-shop-backup-20261121T123000123Z-42-3f9a.jsonl`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<BackupOptions>(command);
      const keep = keepOf(options.keep);
      const { takeBackup } = await import('../../storage/export/backup.ts');
      const place = await readConfig(options);
      const report = await asJob('backup', place.dataDir, async (job) => {
        const taken = await takeBackup({ ...place, to: options.to, keep, onProgress: job.report });
        const { file: reference, bytes, rows, waiting, removed } = taken;
        job.counts({ rows, waiting, removed: removed.length });
        job.snapshot({ kind: 'backup', reference, bytes, counts: { rows, waiting } });
        return taken;
      });
      if (options.json === true) return printJson(report);
      print(render(report));
      for (const warning of report.warnings) say(`warning: ${warning}`);
    });
}

function keepOf(keep: number | undefined): number | undefined {
  if (keep === undefined || (Number.isInteger(keep) && keep >= 1 && keep <= KEEP_MAX)) return keep;
  throw validationError({
    field: '--keep',
    constraint: `must be a whole number from 1 to ${KEEP_MAX}`,
    value: keep,
  });
}

function render({ file, project_slug, seq, rows, waiting, bytes, sha256, removed }: BackupReport): string {
  return [
    `Backed up "${project_slug}" at change ${seq}: ${count(rows, 'row')}${
      waiting > 0 ? ` and ${count(waiting, 'waiting write')}` : ''
    }, ${megabytes(bytes)}, read back and found equal.`,
    `  ${file}`,
    `  SHA-256 of all rows: ${sha256}`,
    ...removed.map((old) => `Removed the older backup ${old}`),
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
