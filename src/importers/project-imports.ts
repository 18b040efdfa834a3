/**
 * Imports that a client may ask for: of files inside the project only. The readers are loaded when one is asked for,
 * and with them what reads YAML: a server that is asked for none does not pay for it.
 */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { importStatusFileInput, importSessionPromptsInput } from '../domain/status-import.ts';
import { STATUS_FILE } from '../storage/status-file/status-file-name.ts';
import type { Answer } from '../storage/contract/store.ts';
import type { StatusImportReport } from './legacy-status/import-report.ts';
import type { ImportPlan } from './import/plan.ts';
import { runImport, type ImportResult } from './import/run.ts';
import { insideFolder, isThere, sourceError } from './import/source-files.ts';
import { promptsImportShape, statusImportShape } from '../use-cases/support/answer-shapes.ts';
import { defineUseCase } from '../use-cases/support/define-use-case.ts';

export const importProjectStatus = defineUseCase({
  name: 'import_status_file',
  kind: 'settle',
  input: importStatusFileInput,
  output: () => statusImportShape(),
  phases: { list: 5, read: 20, plan: 10, compare: 15, copy: 10, verify: 5, write: 35 },
  run: async (context, caller, input, onProgress): Promise<Answer<StatusImportReport>> => {
    const file = await pathInProject(context.workspace.projectDir, input.path ?? STATUS_FILE);
    const { readStatusSource } = await import('./legacy-status/status-source.ts');
    const { importStatusFile } = await import('./legacy-status/import-status-file.ts');
    const { handOver } = await import('./legacy-status/take-over-file.ts');
    const source = await readStatusSource(context.workspace.projectDir, file, {
      namespace: input.namespace,
      addFromGit: input.add_from_git,
      onProgress,
    });
    const takeOverFile = await handOver(context, source);
    return await importStatusFile(context, caller, source, {
      dryRun: input.dry_run,
      takeOverFile,
      onProgress,
    });
  },
});

/** What was done with the prompts, and which files or parts of them were left out and why. */
export type SessionPromptsReport = ImportResult & Pick<ImportPlan, 'notes' | 'skipped'>;

export const importProjectPrompts = defineUseCase({
  name: 'import_session_prompts',
  kind: 'settle',
  input: importSessionPromptsInput,
  output: () => promptsImportShape(),
  phases: { list: 15, read: 40, plan: 5, compare: 10, write: 30 },
  run: async (context, caller, input, onProgress): Promise<Answer<SessionPromptsReport>> => {
    const { readSessionPrompts, SESSION_PROMPTS_DIR } =
      await import('./session-prompts/read-session-prompts.ts');
    const folder = await pathInProject(context.workspace.projectDir, input.path ?? SESSION_PROMPTS_DIR);
    const plan = await readSessionPrompts(folder, {
      namespace: input.namespace,
      projectDir: context.workspace.projectDir,
      onProgress,
    });
    const { plan: _plan, ...answer } = await runImport(context, caller, plan, {
      dryRun: input.dry_run,
      onProgress,
    });
    return { ...answer, data: { ...answer.data, notes: plan.notes, skipped: plan.skipped } };
  },
});

const URL_START = /^[a-z][a-z0-9+.-]+:\/\//i;

/** @throws ValidationError when it leads out of the project, also by a symbolic link */
async function pathInProject(projectDir: string, wanted: string): Promise<string> {
  if (wanted.trim() === '' || wanted.includes('\0')) throw sourceError(wanted, 'must name a file or folder');
  if (URL_START.test(wanted)) throw sourceError(wanted, 'must be a path inside the project, not a URL');
  const root = await realpath(projectDir);
  const full = path.resolve(root, wanted);
  const relative = path.relative(root, full);
  const isOutside = relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
  const leadsOut = !isOutside && (await isThere(full)) && (await insideFolder(root, full)) === undefined;
  if (isOutside || leadsOut) throw sourceError(wanted, 'must lie inside the project');
  return full;
}
