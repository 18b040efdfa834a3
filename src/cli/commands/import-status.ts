import path from 'node:path';
import type { StatusImportReport } from '../../services/import/legacy-status/status-report.ts';
import type { StatusSource } from '../../services/import/legacy-status/status-source.ts';
import type { Config } from '../../config.ts';
import type { Answer } from '../../storage/store.ts';
import type { GlobalOptions } from '../global-options.ts';
import { printAnswer } from '../output.ts';
import { commandLineCaller, readSettings, withApp } from '../with-app.ts';

export interface StatusOptions {
  namespace?: string;
  dryRun?: true;
  sessionPrompts?: string;
  addFromGit?: true;
}

/** `worktrail import status [FILE]`: takes over a status file that was kept by hand, all of it or nothing. */
export async function importStatus(
  wanted: string | undefined,
  options: GlobalOptions & StatusOptions,
): Promise<void> {
  const config = await readSettings(options);
  const { readStatusSource, STATUS_FILE } =
    await import('../../services/import/legacy-status/status-source.ts');
  const { renderStatusImport } = await import('../../services/import/legacy-status/status-report.ts');
  const file = wanted ?? path.join(config.projectDir, STATUS_FILE);
  const source = await readStatusSource(config.projectDir, file, {
    namespace: options.namespace,
    sessionPrompts: options.sessionPrompts,
    addFromGit: options.addFromGit === true,
  });
  const answer =
    options.dryRun === true
      ? await rehearse(options, config, source)
      : await carryOut(options, source, false);
  printAnswer(answer, options.json, renderStatusImport);
}

async function carryOut(
  options: GlobalOptions,
  source: StatusSource,
  dryRun: boolean,
): Promise<Answer<StatusImportReport>> {
  const { importStatusFile } = await import('../../services/import/legacy-status/import-status-file.ts');
  return await withApp(options, ({ context }) =>
    importStatusFile(context, commandLineCaller(), source, { dryRun }),
  );
}

/** Where there is no store yet, none is made for that. */
async function rehearse(
  options: GlobalOptions,
  config: Config,
  source: StatusSource,
): Promise<Answer<StatusImportReport>> {
  const { inspectStore, unavailableError, outdatedError } = await import('../../storage/inspect-store.ts');
  const { rehearseStatusImport } = await import('../../services/import/legacy-status/import-status-file.ts');
  const found = await inspectStore(config);
  if (found.problem !== null) throw unavailableError(found);
  if (!found.exists) return { data: await rehearseStatusImport(source), source: found.source, warnings: [] };
  if (found.schema === 'behind') throw outdatedError(found);
  return await carryOut(options, source, true);
}
