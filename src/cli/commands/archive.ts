import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { ArchiveOutcome } from '../../use-cases/archive/archive.ts';
import { numberFrom } from '../terminal/arguments.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { printAnswer } from '../terminal/output.ts';
import { count, plainLine, shortId } from '../terminal/plain-text.ts';
import { withProgressBar } from '../terminal/progress-bar.ts';
import { commandLineCaller, withApp } from '../terminal/with-app.ts';

interface ArchiveOptions {
  restore?: true;
  dryRun?: true;
  olderThan?: number;
  key?: string;
}

const DAYS_MAX = 36_500;

/** `worktrail archive`: closed work out of the way, and back. */
export function addArchiveCommand(program: Command): Command {
  return program
    .command('archive')
    .description('move closed work items to the archive, each with everything below it, or bring them back')
    .argument('[id...]', 'items by id, or its first 6 or more characters (default: everything that is due)')
    .option('--restore', 'bring the items back, with the archived items they hang below')
    .option('--dry-run', 'show what would move, and move nothing')
    .option(
      '--older-than <days>',
      'without ids: what was created so many days ago or earlier (default: archive_after_days)',
      numberFrom,
    )
    .option('--key <key>', 'idempotency key: a repeated call with the same ids changes nothing more')
    .addHelpText(
      'after',
      `
Only a subtree in which everything is completed, cancelled or deleted goes to the archive, and never the current
session. A running server archives what is due once a day. \`worktrail list --archived\` shows what is there.

Exit codes: 0 ok, 1 a dry run found something that would be refused.

Examples:
  worktrail archive --dry-run
  worktrail archive 3f2a9c1b
  worktrail archive 3f2a9c1b --restore`,
    )
    .action(async (ids: string[], _options: unknown, command: Command) => {
      const options = optionsOf<ArchiveOptions>(command);
      const { parseInput } = await import('../../domain/validate.ts');
      const { archiveInput } = await import('../../domain/archive.ts');
      const { archiveDue, archiveWorkItems } = await import('../../use-cases/archive/archive.ts');
      const input = parseInput(archiveInput, {
        ...(ids.length > 0 && { ids }),
        ...(options.restore === true && { restore: true }),
        ...(options.dryRun === true && { dry_run: true }),
        ...(options.key !== undefined && { idempotency_key: options.key }),
      });
      const olderThanDays = daysOf(options.olderThan, ids);
      await withApp(options, async ({ context }) => {
        const caller = commandLineCaller();
        const answer =
          input.ids === undefined && !input.restore
            ? await withProgressBar((onProgress) =>
                archiveDue(context, caller, {
                  olderThanDays,
                  dryRun: input.dry_run,
                  itemsMax: Number.MAX_SAFE_INTEGER,
                  onProgress,
                }),
              )
            : await archiveWorkItems.run(context, caller, input);
        if ((answer.data.refused ?? []).length > 0) process.exitCode = ExitCode.finding;
        printAnswer(answer, options.json, render);
      });
    });
}

function daysOf(days: number | undefined, ids: string[]): number | undefined {
  if (days === undefined) return undefined;
  const constraint =
    ids.length > 0
      ? 'means something without ids only: named items are archived at any age'
      : Number.isInteger(days) && days >= 0 && days <= DAYS_MAX
        ? undefined
        : `must be a whole number of days from 0 to ${DAYS_MAX}`;
  if (constraint === undefined) return days;
  throw validationError({ field: '--older-than', constraint, value: days });
}

function render(outcome: ArchiveOutcome): string {
  const { action, dry_run, subtrees, subtrees_total, items_total, refused = [] } = outcome;
  const lines = subtrees.map(({ id, title, items, restored_ancestors: above = [] }) => {
    const ancestors =
      above.length === 0 ? '' : ` with ${above.map(({ title: name }) => `"${plainLine(name)}"`).join(', ')}`;
    return `${shortId(id)}  ${plainLine(title)}  (${count(items, 'item')})${ancestors}`;
  });
  const left = subtrees_total - lines.length;
  const verb = dry_run ? `Would ${action}` : action === 'archive' ? 'Archived' : 'Restored';
  return [
    ...lines,
    ...(left > 0 ? [`… and ${left} more`] : []),
    ...refused.map(
      ({ id, title, reason }) =>
        `${shortId(id)}  ${plainLine(title)}  would be refused: ${plainLine(reason)}`,
    ),
    items_total === 0
      ? `Nothing ${dry_run ? 'would move' : 'moved'}.`
      : `${verb} ${count(items_total, 'item')} in ${count(subtrees_total, 'subtree')}.`,
  ].join('\n');
}
