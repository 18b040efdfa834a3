import type { Command } from 'commander';
import type { LoadReport } from '../../storage/export/load.ts';
import { asJob } from '../terminal/as-job.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { print, printJson } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';
import { readConfig } from '../terminal/with-app.ts';
import { useOnce } from '../terminal/use-once.ts';

/** `worktrail load`: an export or a backup into a place that has no tracker yet. */
export function addLoadCommand(program: Command): Command {
  return program
    .command('load')
    .description('load an export or a backup into a folder or database that has no tracker yet')
    .argument('<file>', 'what `worktrail export` or `worktrail backup` wrote')
    .addHelpText(
      'after',
      `
Every row is as it was, on either database: ids, versions, history, claims, conflicts. The file is checked as a
whole before anything is written, and all of it is loaded or nothing. A tracker with records is never loaded over.

Examples:
  worktrail load worktrail-shop-20261121T123000123Z.jsonl --project ../copy
  worktrail load shop.jsonl --database postgres://ada@localhost/team`,
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = optionsOf(command);
      const { loadExport } = await import('../../storage/export/load.ts');
      const place = await readConfig(options);
      const report = await asJob('load', place.dataDir, async (job) => {
        const loaded = await loadExport({ ...place, file, onProgress: job.report });
        const { outcome, rows, waiting } = loaded;
        job.counts({ rows, waiting });
        if (outcome === 'loaded') {
          job.snapshot({ kind: 'restore', reference: loaded.file, counts: { rows, waiting } });
        }
        return loaded;
      });
      await useOnce(options);
      if (options.json === true) printJson(report);
      else print(render(report));
    });
}

function render({ outcome, project_slug, seq, rows, location, waiting, sha256 }: LoadReport): string {
  return [
    outcome === 'already'
      ? `${location} was in the state of the file already; nothing was done.`
      : `Loaded "${project_slug}" at change ${seq} into ${location}: ${count(rows, 'row')}, each read back and found equal.`,
    ...(waiting > 0
      ? [`${count(waiting, 'waiting write')} of the file will be applied when the tracker is used next.`]
      : []),
    `  SHA-256 of all rows: ${sha256}`,
  ].join('\n');
}
