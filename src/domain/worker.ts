/**
 * Who makes changes. Every change carries a person, a client, a device and a session: two windows of one client are two
 * workers, and so are two people with one client. It says who wrote, and vouches for nothing.
 */
import { NAME_MAX_CHARACTERS } from './limits.ts';
import { oneLine } from './others-text.ts';

export interface Worker {
  /** As the settings, git or the system name them. */
  person: string;
  /** The program, with its version: `claude-code/2.1`, `cli`. */
  client: string;
  /** The tracker's folder: its id, a UUID. */
  device: string;
  /** One conversation with a client, one session over HTTP; of the command line, a person in a folder. */
  session: string;
}

/** Who made a change, as it is recorded. Changes of earlier versions know the name and the client only. */
export interface Maker extends Pick<Worker, 'client'>, Partial<NullableWorker> {
  /** The name that it was signed with: the client's, unless the call gave another. */
  actor: string;
}

type NullableWorker = { [Key in 'person' | 'device' | 'session']: string | null | undefined };

/** Who made a change, of all that it says. */
export function makerOf({ actor, client, person, device, session }: Maker): Maker {
  return { actor, client, person: person ?? null, device: device ?? null, session: session ?? null };
}

/**
 * A name from outside as it can be stored, asked for again and shown: one line, of the usual length. Empty for what has nothing
 * of a name.
 */
export function presentable(text: unknown): string {
  const clean = (typeof text === 'string' ? text : '')
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]/gu, '')
    .trim();
  return Array.from(clean).slice(0, NAME_MAX_CHARACTERS).join('').trim();
}

/** Name without version. */
export const clientName = (client: string): string => client.replace(/\/[^/]*$/, '');

/**
 * As much of a session's id as tells it from others; what is no UUID stays whole. The first 8 characters of a UUID v7 are those
 * of all that were made in the same minute: the next 4 are its millisecond.
 */
export const shortSession = (session: string): string =>
  session.replace(/^([0-9a-f]{8}(?:-[0-9a-f]{4}(?=-7))?)-[0-9a-f-]{22,27}$/, '$1');

/**
 * `Ana (claude-code/2.1, session 3f2a9c1b)`; `bob for Ana (…)` where it was signed with another name; `claude-code
 * (claude-code/2.1)` of an earlier version's change. One line.
 */
export function makerText(maker: Partial<Maker> & Pick<Maker, 'actor'>): string {
  const { client, session } = maker;
  const through = [
    ...(client === undefined ? [] : [oneLine(client)]),
    ...(session == null ? [] : [`session ${oneLine(shortSession(session))}`]),
  ];
  return through.length === 0 ? nameOf(maker) : `${nameOf(maker)} (${through.join(', ')})`;
}

/** The same without client and session. */
export function nameOf({ actor, client, person }: Partial<Maker> & Pick<Maker, 'actor'>): string {
  if (person == null || person === actor) return oneLine(actor);
  // The name of a client without a version may have a slash too.
  const isSignedByClient = client !== undefined && [client, clientName(client)].includes(actor);
  return isSignedByClient ? oneLine(person) : `${oneLine(actor)} for ${oneLine(person)}`;
}
