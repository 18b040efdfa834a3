import path from 'node:path';
import type { Config } from '../../config/config.ts';
import { STATUS_FILE } from '../../storage/status-file/status-file-name.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { GlobalOptions } from '../terminal/global-options.ts';
import { printAnswer } from '../terminal/output.ts';
import { withProgressBar } from '../terminal/progress-bar.ts';
import { commandLineCaller, readConfig, withApp } from '../terminal/with-app.ts';

export interface StatusOptions {
  namespace?: string;
  dryRun?: true;
  sessionPrompts?: string;
  addFromGit?: true;
}

/** Runs the first where there is no store, else the second; never makes one. */
type Rehearsal = <T>(
  config: Config,
  onNothing: () => Promise<T>,
  onStore: () => Promise<Answer<T>>,
) => Promise<Answer<T>>;

/** `worktrail import status [FILE]`: takes over a status file that was kept by hand, all of it or nothing. */
export async function importStatus(
  wanted: string | undefined,
  options: GlobalOptions & StatusOptions,
  rehearse: Rehearsal,
): Promise<void> {
  const config = await readConfig(options);
  const { readStatusSource } = await import('../../importers/legacy-status/status-source.ts');
  const { importStatusFile, rehearseStatusImport } =
    await import('../../importers/legacy-status/import-status-file.ts');
  const { handOver } = await import('../../importers/legacy-status/take-over-file.ts');
  const { renderStatusImport } = await import('../../importers/legacy-status/import-report.ts');
  const file = wanted ?? path.join(config.projectDir, STATUS_FILE);
  const source = await readStatusSource(config.projectDir, file, {
    namespace: options.namespace,
    sessionPrompts: options.sessionPrompts,
    addFromGit: options.addFromGit === true,
  });
  const carryOut = (dryRun: boolean) =>
    withProgressBar((onProgress) =>
      withApp(options, async ({ context }) => {
        const takeOverFile = await handOver(context, source);
        return await importStatusFile(context, commandLineCaller(), source, {
          dryRun,
          takeOverFile,
          onProgress,
        });
      }),
    );
  const answer =
    options.dryRun === true
      ? await rehearse(
          config,
          () => rehearseStatusImport(source),
          () => carryOut(true),
        )
      : await carryOut(false);
  printAnswer(answer, options.json, renderStatusImport);
}
