/** Writes of unknown makers at a terminal: every text of theirs is quoted, with nothing in it that hides or drives. */
import type { Adoption, ToldWrite } from '../../use-cases/maintenance/adoption.ts';
import type { UnsealedReport } from '../../storage/contract/unsealed.ts';
import { count, plainLine } from './plain-text.ts';

const VALUE_MAX_CHARACTERS = 400;

export function placeLines(places: readonly UnsealedReport[]): string[] {
  if (places.length === 0)
    return ['There are no writes to take over: all that wait have the seal of this machine.'];
  return [
    'These do not have the seal of this user on this machine. Somebody else may have made them: they are not applied.',
    ...places.map(({ place, writes }) => `  ${place}: ${count(writes, 'write')}`),
    'See what one would change, and take it over if it is yours: `worktrail doctor --adopt FILE_OR_REF`.',
  ];
}

export function adoptionLines({ place, writes, of_other_projects }: Adoption): string[] {
  return [
    `${count(writes.length, 'write')} in ${quoted(place)}. What follows is what they say of themselves:`,
    ...writes.flatMap(writeLines),
    ...(of_other_projects === 0
      ? []
      : [
          `${count(of_other_projects, 'write')} of other projects beside ${of_other_projects === 1 ? 'it is' : 'them are'} left alone.`,
        ]),
  ];
}

export function outcomeLine({ writes, kept_in }: Adoption): string {
  if (writes.length === 0) return 'Nothing was taken over.';
  if (kept_in === null)
    return 'Nothing was changed. If these writes are yours, run the same command with --yes.';
  return `Took over ${count(writes.length, 'write')} (now in: ${kept_in.join(', ')}); the next command that reaches the database applies ${writes.length === 1 ? 'it' : 'them'}, or keeps what does not fit as a conflict.`;
}

function writeLines({ at, device, changes }: ToldWrite): string[] {
  return [
    `  written ${quoted(at)} in folder ${quoted(device)}`,
    ...changes.flatMap(({ kind, entity, entity_id, actor, client, person, patch }) => [
      `    ${quoted(kind)} ${quoted(entity)} ${quoted(entity_id)} by ${quoted(actor)} (${quoted(client)})${person == null ? '' : ` of ${quoted(person)}`}`,
      ...Object.entries(patch ?? {}).map(([field, value]) => `      ${quoted(field)}: ${quoted(value)}`),
    ]),
  ];
}

/** In the spelling of JSON, so that nobody's text passes for ours. */
function quoted(value: unknown): string {
  const shown = plainLine(JSON.stringify(value) ?? 'nothing');
  return shown.length <= VALUE_MAX_CHARACTERS
    ? shown
    : `${shown.slice(0, VALUE_MAX_CHARACTERS)}… (${shown.length} characters)`;
}
