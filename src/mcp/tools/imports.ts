import { READ_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { joinLines, nameFirst } from '../../domain/others-text.ts';

import { sourceLines } from '../../importers/import/report.ts';
import { renderStatusImport } from '../../importers/legacy-status/import-report.ts';
import {
  importProjectPrompts,
  importProjectStatus,
  type SessionPromptsReport,
} from '../../importers/project-imports.ts';
import { defineTool } from '../definitions/define-tool.ts';

const STATUS_LISTS = [
  ...['not_understood', 'skipped', 'wrong_counts', 'unresolved_commits', 'unknown_vendors'],
  ...['unknown_references', 'kept_here', 'notes', 'kept_parts', 'sources_taken'],
];

export const importStatusFileTool = defineTool(importProjectStatus, {
  toolset: 'import',
  title: 'Import a status file',
  description:
    'Import a status file kept by hand, whole or not at all, after a backup; reports what is not understood. path: default .project_status.md; namespace: which source, when asked. Example: {"dry_run":false}',
  parameters: {
    path: 'The file; default .project_status.md',
    namespace: 'Which source it is, where that was asked',
    dry_run: 'Show it only; default true',
    add_from_git: 'Add deployments that only git knows',
  },
  budget: READ_TOKENS_DEFAULT,
  show: (report) => report,
  parts: STATUS_LISTS.map((at) => ({ at, rest: () => 'worktrail import-status, on the command line' })),
  text: (report) => renderStatusImport(report),
});

export const importSessionPromptsTool = defineTool(importProjectPrompts, {
  toolset: 'import',
  title: 'Import session prompts',
  description:
    'Import session prompt files (*.md below path, default docs/session-prompts) as sessions; again: updates; namespace: which source, when asked. Example: {"dry_run":false}',
  parameters: {
    path: 'The folder; default docs/session-prompts',
    namespace: 'Which source it is, where that was asked',
    dry_run: 'Show it only; default true',
  },
  budget: READ_TOKENS_DEFAULT,
  show: (report) => report,
  parts: ['skipped', 'notes', 'remarks'].map((at) => ({
    at,
    rest: () => 'worktrail import prompts, on the command line',
  })),
  text: promptsText,
});

function promptsText({
  dry_run,
  created,
  updated,
  unchanged,
  kept_local,
  source_taken,
  skipped,
  notes,
  remarks,
}: SessionPromptsReport): string {
  return joinLines([
    `${dry_run ? 'Dry run, nothing was changed' : 'Imported'}: ${created} created, ${updated} updated, ${unchanged} unchanged, ${kept_local} changed here and left as they are`,
    ...sourceLines(source_taken),
    ...skipped.map(
      ({ file, line, reason }) => `skipped ${file}${line === undefined ? '' : `, line ${line}`}: ${reason}`,
    ),
    ...[...notes, ...remarks].map(({ foreign_id, message }) => `${nameFirst(foreign_id)}: ${message}`),
  ]);
}
