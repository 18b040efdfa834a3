import type { Command } from 'commander';
import type { Undo, UndoneChange } from '../../use-cases/history/undo.ts';
import { fieldsFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { count, plainLine, shortId, spokenTime } from '../terminal/plain-text.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

const FIELDS = { actor: 'actor', since: 'since', key: 'idempotency_key' } as const;

interface UndoOptions {
  apply?: true;
  dryRun?: true;
  partial?: true;
}

/** `worktrail undo CHANGE`: takes a change back, or everything that somebody did since a time. */
export function addUndoCommand(program: Command): Command {
  return program
    .command('undo')
    .description('take a change back by making the inverse change')
    .argument('[change]', 'its position in the feed, as 12 or "#12", or its id (see worktrail history)')
    .option(
      '--actor <who>',
      'everything of this person, client, device or session, with --since; shown first',
    )
    .option('--since <time>', 'from this time on, as 2026-01-31T09:30:00+02:00')
    .option('--apply', 'with --actor: do it')
    .option('--dry-run', 'only show what would be taken back')
    .option('--partial', 'leave out what cannot be taken back')
    .option('--key <key>', 'idempotency key: a repeated call changes nothing more')
    .addHelpText(
      'after',
      `
What others changed since is never overwritten: such a change is refused, with who and when. Taking something back is
a change like any other, and can be taken back itself.

Examples:
  worktrail undo 12
  worktrail undo --actor ada --since 2026-01-31T09:30:00Z
  worktrail undo --actor 3f2a9c1b --since 2026-01-31T09:30:00Z --apply`,
    )
    .action(async (change: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf<UndoOptions>(command);
      const load = async () => (await import('../../use-cases/history/undo.ts')).undo;
      const fields = {
        // Eight digits or more may be the beginning of an id: such a position is written with its "#".
        ...(change !== undefined && { change_id: /^\d{1,7}$/.test(change) ? `#${change}` : change }),
        ...fieldsFrom(options, FIELDS),
        ...(options.apply === true && { apply: true }),
        ...(options.dryRun === true && { apply: false }),
        ...(options.partial === true && { partial: true }),
      };
      await runUseCase(options, load, fields, renderUndo);
    });
}

function renderUndo({ applied, repeated, undone, refused }: Undo): string {
  if (repeated === true) return 'Taken back by an earlier call with this key';
  const head = applied
    ? `Took back ${count(undone.length, 'change')}:`
    : `Would take back ${count(undone.length, 'change')}:`;
  return [
    ...(undone.length > 0
      ? [head, ...undone.map((change) => `  ${line(change)}`)]
      : ['Nothing to take back']),
    ...(refused.length > 0 ? [`Cannot be taken back: ${refused.length}`] : []),
    ...refused.flatMap((change) => [`  ${line(change)}`, `    ${plainLine(change.reason)}`]),
    ...(applied ? [] : ['Nothing was changed.']),
  ].join('\n');
}

function line({ seq, at, by, kind, entity, entity_id, title, records }: UndoneChange): string {
  const what = `${kind} ${entity.replace('_', ' ')} ${shortId(entity_id)}${title === undefined ? '' : ` ${plainLine(title)}`}`;
  return `#${seq}  ${spokenTime(at)} UTC  ${by}  ${what}${records > 1 ? ` and ${count(records - 1, 'more record')}` : ''}`;
}
