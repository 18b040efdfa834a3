/**
 * What happened meanwhile that concerns a session, as one line: which records, what became of them, and through whom. What
 * matters more comes first; what does not fit is counted. Pure.
 */
import type { FieldChange, RecordedChange } from './change.ts';
import { groupBy } from './grouping.ts';
import { oneLine } from './others-text.ts';
import { cut, shortId } from './text.ts';
import { estimateTokens } from './tokens.ts';
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

/** The line with its name costs at most 60 tokens, by any tokenizer in use: estimates are on the high side. */
const LINE_TOKENS = 52;
const LENGTHS = [48, 24, 12] as const;
const FIELDS_NAMED = 3;

/** The more it matters, the earlier it is told. */
const RANKS = ['lost', 'handed over', 'conflict', 'goes on', 'held', 'read'] as const;

interface Piece {
  rank: (typeof RANKS)[number];
  record_id: string;
  /** @param length characters of a name or title */
  text: (length: number) => string;
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
  return all.find((line) => estimateTokens(line) <= LINE_TOKENS) ?? all.at(-1);
}

function joined(pieces: Piece[], taken: number, length: number, rest: string | undefined): string {
  const said = pieces.slice(0, taken).map(({ text }) => text(length));
  const left = pieces.length - taken;
  const more = left === 0 ? [] : [rest === undefined ? `${left} more` : `${left} more: ${rest}`];
  return [...said, ...more].join('; ');
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
  const by = (change: RecordedChange) => (length: number) => makerName(change, reader, length);
  const piece = (rank: Piece['rank'], text: Piece['text']): Piece => ({ rank, record_id, text });

  const claim = changes.find(
    (change) => change.kind === 'claim' && (isHeld || holderOf(change) !== undefined),
  );
  if (news.handedOver.has(record_id) && claim !== undefined)
    return piece('handed over', (length) => `${by(claim)(length)} handed ${subject(length)} over to you`);
  if (claim !== undefined) {
    const done = holderOf(claim) === null ? 'ended the claim on' : 'claimed';
    return piece(isHeld ? 'lost' : 'read', (length) => `${by(claim)(length)} ${done} ${subject(length)}`);
  }
  const conflict = changes.find(({ entity, kind }) => entity === 'conflict' && kind === 'create');
  if (conflict !== undefined) {
    const whose = conflict.session === reader.session ? 'your offline write' : 'an offline write';
    return piece('conflict', (length) => `${whose} to ${subject(length)} waits as a conflict`);
  }
  const status = fieldOf(changes, 'status')?.to as ItemStatus | undefined;
  const [waits] = news.waiting.get(record_id) ?? [];
  if (waits !== undefined && status !== undefined && isClosed(status)) {
    const waiting = (length: number) => named(news, undefined, waits.blocked, length);
    return piece('goes on', (length) => `${subject(length)} is ${status}: ${waiting(length)} waited for it`);
  }
  if (!reader.has(record_id)) return undefined;
  const done = doneTo(changes);
  if (done === undefined) return undefined;
  return piece(isHeld ? 'held' : 'read', (length) => `${by(newest)(length)} ${done(subject(length))}`);
}

/** What was done to a record, in words; undefined where only what follows from elsewhere changed. */
function doneTo(changes: RecordedChange[]): ((subject: string) => string) | undefined {
  const deleted = fieldOf(changes, 'deleted_at');
  if (deleted !== undefined) return (subject) => `${deleted.to === null ? 'restored' : 'deleted'} ${subject}`;
  const updates = changes.filter(({ kind }) => kind === 'update');
  const names = [...new Set(updates.flatMap(({ fields }) => fields.map(({ field }) => field)))].filter(
    (name) => !FOLLOWS.has(name) && name !== 'status',
  );
  const left = names.length - FIELDS_NAMED;
  const fields = names.slice(0, FIELDS_NAMED).map(oneLine).join(', ') + (left > 0 ? ` and ${left} more` : '');
  const status = fieldOf(changes, 'status')?.to;
  if (status !== undefined) {
    const also = names.length === 0 ? '' : ` and changed ${fields}`;
    return (subject) => `set ${subject} to ${String(status)}${also}`;
  }
  if (names.length > 0) return (subject) => `changed ${fields} of ${subject}`;
  const [verb] = changes.flatMap(({ entity, kind }) => VERBS[`${kind} ${entity}`] ?? []);
  return verb === undefined ? undefined : (subject) => `${verb} ${subject}`;
}

/** Follows from other fields, or from what happened to other records. */
const FOLLOWS: ReadonlySet<string> = new Set(['path', 'depth', 'position', 'completed_at', 'archived_at']);

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
): string {
  const title = titles.get(id);
  if (title === undefined) return `${change?.entity ?? 'record'} ${shortId(id)}`;
  const quoted = JSON.stringify(cut(oneLine(title), length));
  return change?.entity === 'vendor' ? `vendor ${quoted}` : `${quoted} (${shortId(id)})`;
}

function makerName(change: RecordedChange, { person }: NewsReader, length: number): string {
  if (change.person !== null && change.person === person) return 'Another session of yours';
  return cut(nameOf(change), length / 2);
}
