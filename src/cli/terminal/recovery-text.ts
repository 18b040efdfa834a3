/** What the database lost, and what became of it, at a terminal. */
import type { LostBy, LostWrite, Recovery } from '../../use-cases/maintenance/recovery.ts';
import { count, plainLine, shortId, spokenTime } from './plain-text.ts';

/** Further ones are counted. */
const SHOWN_MAX = 20;

export function recoveryLines({ lost, by, refused }: Recovery): string[] {
  if (lost.length === 0 && refused === null) {
    return ['The database has every change made in this folder that is still kept here. Nothing to recover.'];
  }
  return [
    ...(refused === null ? [] : [`The database is not used: ${plainLine(refused)}.`]),
    lost.length === 0
      ? 'It lacks none of the changes made in this folder that are still kept here.'
      : `The database lacks ${count(lost.length, 'change')} made in this folder that it had acknowledged:`,
    ...by.map(byLine),
    ...writeLines(lost),
    'Nothing was changed. `worktrail recover --yes` accepts the database as it is and applies these changes to it again, once and in order; what others changed meanwhile is merged, or kept as a conflict.',
  ];
}

export function outcomeLines({ lost, done }: Recovery, { applied, conflicts, waiting }: Outcome): string[] {
  const aside = done?.accepted.cache_put_aside ?? null;
  return [
    `The database is accepted as it is, at change ${done?.accepted.position.now ?? '?'}.`,
    ...(aside === null ? [] : [`The local cache was put aside as ${aside}.`]),
    lost.length === 0
      ? 'It lacked none of the changes made in this folder.'
      : `${count(lost.length, 'change')} put back: ${applied} applied, ${conflicts.length} in conflict, ${waiting} waiting.`,
    ...(conflicts.length === 0 ? [] : ['See `worktrail conflicts`, then `worktrail conflicts resolve ID`.']),
    ...(waiting === 0
      ? []
      : [
          'The next command or server that reaches the database applies what is waiting; `worktrail doctor` shows it.',
        ]),
    'Run `worktrail recover` in every other folder that worked with this database.',
  ];
}

function byLine({ actor, writes, since }: LostBy): string {
  return `  ${count(writes, 'change')} by ${plainLine(actor)}, since ${spokenTime(since)} UTC`;
}

function writeLines(lost: readonly LostWrite[]): string[] {
  const shown = lost.slice(0, SHOWN_MAX).map(({ at, changes }) => {
    const what = changes.map(
      ({ kind, entity, entity_id }) => `${kind} ${entity.replace('_', ' ')} ${shortId(entity_id)}`,
    );
    return `  ${spokenTime(at)}  ${plainLine(what.slice(0, 3).join(', '))}${what.length > 3 ? ` and ${what.length - 3} more` : ''}`;
  });
  return lost.length > SHOWN_MAX ? [...shown, `  and ${lost.length - SHOWN_MAX} more`] : shown;
}

/** What became of the writes that were put back. */
export interface Outcome {
  applied: number;
  /** Ids of open conflicts. */
  conflicts: string[];
  waiting: number;
}
