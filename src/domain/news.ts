/**
 * What happened meanwhile that concerns a session, as one line: which records, what became of them, and through whom. What
 * matters more comes first; what does not fit is counted. Pure.
 */
import type { FieldChange, RecordedChange } from './change.ts';
import { groupBy } from './grouping.ts';
import { nameFirst, oneLine } from './others-text.ts';
import { cut, shortId } from './text.ts';
import { estimateTokens, mostTokens } from './tokens.ts';
import { isClosed, type ItemStatus } from './work-item.ts';
import { nameOf, type Worker } from './worker.ts';

/** Changes that concern a session, with what it takes to tell of them. */
export interface News {
  /** Those of others, and the conflicts that the session's own writes met; the newest first. */
  changes: RecordedChange[];
  /** By what they wait for: the records that the session goes by. */
  waiting: ReadonlyMap<string, { blocked: string }[]>;
  /** Items whose claim was handed over to the session, and that it has not taken yet. */
  handedOver: ReadonlySet<string>;
  /** The records that conflicts are about, by their ids. */
  conflicts: ReadonlyMap<string, string>;
  titles: ReadonlyMap<string, string>;
}

/** Who is told, and what it goes by. */
export interface NewsReader extends Pick<Worker, 'person' | 'session'> {
  /** The records whose claim it holds, as far as it knows. */
  held: ReadonlySet<string>;
  has: (record_id: string) => boolean;
}

/** With its name, which our words leave room for: their estimate is a third too high. */
const LINE_TOKENS = 60;
/** What a title may take of it, in tokens; a name half of that. Of the last one little more is left than the id. */
const LENGTHS = [32, 20, 12, 6, 2] as const;
const FIELDS_NAMED = 3;
/** Of a status or the name of a field, which are ours, unless the database was written by something else. */
const WORD_MAX_CHARACTERS = 40;

/** The more it matters, the earlier it is told. */
const RANKS = ['lost', 'handed over', 'conflict', 'goes on', 'held', 'read'] as const;

interface Piece {
  rank: (typeof RANKS)[number];
  record_id: string;
  /** @param length tokens of a title */
  text: (length: number) => Words;
}

/** A part of the line, and what it costs at most. */
interface Words {
  text: string;
  tokens: number;
}

/** @param rest the call that gives what is not told; undefined where there is none @returns undefined where nothing is worth it */
export function newsLine(news: News, reader: NewsReader, rest: string | undefined): string | undefined {
  const told = groupBy(news.changes, (change) => recordOf(news, change, reader));
  const pieces = [...told].flatMap(([record_id, changes]) => pieceOf(news, record_id, changes, reader) ?? []);
  if (pieces.length === 0) return undefined;
  pieces.sort((a, b) => RANKS.indexOf(a.rank) - RANKS.indexOf(b.rank));
  const lines = [...pieces.keys()].reverse().map((last) => joined(pieces, last + 1, LENGTHS[0], rest));
  const shortened = LENGTHS.map((length) => joined(pieces, 1, length, rest));
  const all = [...lines, ...shortened];
  return (all.find(({ tokens }) => tokens <= LINE_TOKENS) ?? all.at(-1))?.text;
}

function joined(pieces: Piece[], taken: number, length: number, rest: string | undefined): Words {
  const told = pieces.slice(0, taken).map(({ text }) => text(length));
  const left = pieces.length - taken;
  const more = left === 0 ? [] : [ours(rest === undefined ? `${left} more` : `${left} more: ${rest}`)];
  const parts = [...told, ...more];
  return {
    text: parts.map(({ text }) => text).join('; '),
    tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}

const ours = (text: string): Words => ({ text, tokens: ourTokens(text) });

/** Without the one that every text begins with. */
const ourTokens = (text: string): number => estimateTokens(text) - 1;

/** As much of what others wrote as fits. @param as how it is shown */
function others(text: string, max: number, as: (text: string) => string): Words {
  const characters = Array.from(oneLine(text));
  let tokens = 0;
  const end = characters.findIndex((character) => (tokens += mostTokens(inQuotes(character))) > max);
  const fitting = end === -1 ? characters.join('') : `${characters.slice(0, end).join('')}…`;
  // What was cut in the middle of a sign may be hidden from a reader.
  const shown = as(oneLine(fitting));
  return { text: shown, tokens: mostTokens(shown) };
}

const inQuotes = (character: string): string => JSON.stringify(character).slice(1, -1);

/** Our words around what others wrote. */
function say(strings: TemplateStringsArray, ...values: Words[]): Words {
  return {
    text: String.raw({ raw: strings }, ...values.map(({ text }) => text)),
    tokens: values.reduce((sum, { tokens }) => sum + tokens, ourTokens(strings.join(''))),
  };
}

/** The record that a change is told of. */
function recordOf(news: News, change: RecordedChange, { has }: NewsReader): string {
  const { entity, entity_id, related_id } = change;
  if (entity === 'conflict') return news.conflicts.get(entity_id) ?? entity_id;
  return related_id !== null && !has(entity_id) ? related_id : entity_id;
}

function pieceOf(
  news: News,
  record_id: string,
  changes: RecordedChange[],
  reader: NewsReader,
): Piece | undefined {
  const [newest] = changes;
  if (newest === undefined) return undefined;
  const subject = (length: number) => named(news, newest, record_id, length);
  const isHeld = reader.held.has(record_id);
  const isKnown = reader.has(record_id);
  const by = (length: number) => makers(changes, reader, length);
  const piece = (rank: Piece['rank'], text: Piece['text']): Piece => ({ rank, record_id, text });

  const claim = changes.find(
    (change) => change.kind === 'claim' && (isHeld || holderOf(change) !== undefined),
  );
  if (news.handedOver.has(record_id) && claim !== undefined) {
    const from = (length: number) => makers([claim], reader, length);
    return piece('handed over', (length) => say`${from(length)} handed ${subject(length)} over to you`);
  }
  const done = doneTo(changes);
  if (claim !== undefined && isKnown) {
    const what = ours(holderOf(claim) === null ? 'ended the claim on' : 'claimed');
    const also = done?.(ours('it'));
    return piece(isHeld ? 'lost' : 'read', (length) =>
      also === undefined
        ? say`${by(length)} ${what} ${subject(length)}`
        : say`${by(length)} ${what} ${subject(length)} and ${also}`,
    );
  }
  const conflict = changes.find(({ entity, kind }) => entity === 'conflict' && kind === 'create');
  if (conflict !== undefined) {
    const whose = ours(conflict.session === reader.session ? 'your offline write' : 'an offline write');
    return piece('conflict', (length) => say`${whose} to ${subject(length)} waits as a conflict`);
  }
  const ended = endOf(changes);
  const [waits] = news.waiting.get(record_id) ?? [];
  if (waits !== undefined && ended !== undefined) {
    const waiting = (length: number) => named(news, undefined, waits.blocked, length);
    return piece(
      'goes on',
      (length) => say`${subject(length)} is ${ours(ended)}: ${waiting(length)} waited for it`,
    );
  }
  if (!isKnown || done === undefined) return undefined;
  return piece(isHeld ? 'held' : 'read', (length) => say`${by(length)} ${done(subject(length))}`);
}

/** How a record came to an end for those that wait for it; undefined where it did not. */
function endOf(changes: RecordedChange[]): string | undefined {
  if (fieldOf(changes, 'deleted_at')?.to != null) return 'deleted';
  const status = fieldOf(changes, 'status')?.to as ItemStatus | undefined;
  return status !== undefined && isClosed(status) ? status : undefined;
}

/** What was done to a record, in words; undefined where only what follows from elsewhere changed. */
function doneTo(changes: RecordedChange[]): ((subject: Words) => Words) | undefined {
  const deleted = fieldOf(changes, 'deleted_at');
  if (deleted !== undefined) {
    const verb = ours(deleted.to === null ? 'restored' : 'deleted');
    return (subject) => say`${verb} ${subject}`;
  }
  const updates = changes.filter(({ kind }) => kind === 'update');
  const names = [...new Set(updates.flatMap(({ fields }) => fields.map(({ field }) => field)))].filter(
    (name) => !FOLLOWS.has(name) && name !== 'status',
  );
  const left = names.length - FIELDS_NAMED;
  const named = names.slice(0, FIELDS_NAMED).map(word).join(', ');
  const fields = ours(left > 0 ? `${named} and ${left} more` : named);
  const status = fieldOf(changes, 'status')?.to;
  if (status !== undefined) {
    const to = ours(word(String(status)));
    return (subject) =>
      names.length === 0 ? say`set ${subject} to ${to}` : say`set ${subject} to ${to} and changed ${fields}`;
  }
  if (names.length > 0) return (subject) => say`changed ${fields} of ${subject}`;
  const [verb] = changes.flatMap(({ entity, kind }) => VERBS[`${kind} ${entity}`] ?? []);
  return verb === undefined ? undefined : (subject) => say`${ours(verb)} ${subject}`;
}

const word = (text: string): string => cut(oneLine(text), WORD_MAX_CHARACTERS);

/** Follows from other fields, or from what happened to other records. */
const FOLLOWS: ReadonlySet<string> = new Set([
  ...['path', 'depth', 'position', 'completed_at', 'archived_at', 'claimed_by', 'claim_expires_at'],
]);

/** What is no change of a field. */
const VERBS: Readonly<Record<string, string>> = {
  'create note': 'added a note to',
  'link dependency': 'linked',
  'unlink dependency': 'unlinked',
  'resolve conflict': 'settled a conflict on',
  'archive work_item': 'archived',
  'restore work_item': 'brought back',
};

/** The value of a field that changed: the newest. */
function fieldOf(changes: RecordedChange[], name: string): FieldChange | undefined {
  return changes.flatMap(({ fields }) => fields).find(({ field }) => field === name);
}

/** The new holder of a claim, null where there is none; undefined where it stayed with whom it was. */
function holderOf({ fields }: RecordedChange): string | null | undefined {
  return fields.find(({ field }) => field === 'claimed_by')?.to as string | null | undefined;
}

function named(
  { titles }: News,
  change: Pick<RecordedChange, 'entity'> | undefined,
  id: string,
  length: number,
): Words {
  const title = titles.get(id);
  if (title === undefined) return ours(`${change?.entity ?? 'record'} ${shortId(id)}`);
  const quoted = others(title, length, JSON.stringify);
  return change?.entity === 'vendor' ? say`vendor ${quoted}` : say`${quoted} (${ours(shortId(id))})`;
}

/** Who made changes: the last of them, and whether anybody else did. */
function makers(changes: RecordedChange[], { person }: NewsReader, length: number): Words {
  const [last = '', ...rest] = new Set(
    changes.map((change) => (change.person !== null && change.person === person ? '' : nameOf(change))),
  );
  const name = last === '' ? ours('Another session of yours') : others(last, length / 2, nameFirst);
  return rest.length === 0 ? name : say`${name} and others`;
}
