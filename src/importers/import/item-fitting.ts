/** One foreign item as a work item: every field inside its limit, and what did not fit kept beside it. */
import { equalJson, type JsonValue } from '../../domain/json.ts';
import {
  DESCRIPTION_MAX_BYTES,
  NAME_MAX_CHARACTERS,
  NOTE_MAX_BYTES,
  TITLE_MAX_CHARACTERS,
} from '../../domain/limits.ts';
import { shortId } from '../../domain/text.ts';
import { NO_DATE, readDate } from './dates.ts';
import { cleanText, fitLabels, fitLine, piecesOf, splitBytes, type Replacements } from './within-limits.ts';
import { buildMetadata, hashOf } from './imported-metadata.ts';
import { commentId, type ImportSource, type PlannedComment, type PlannedItem } from './plan.ts';
import type { PlanLog } from './plan-log.ts';
import type { SourceDate, SourceItem } from './source-item.ts';

/** A longer foreign id is shortened where it is shown and kept; the item's own id is made of all of it. */
const FOREIGN_ID_MAX_CHARACTERS = 150;

/** Of which source an item is, and where that lies. */
export interface Origin {
  source: ImportSource;
  namespace: string;
  from: string | null;
}

export interface Place {
  id: string;
  parentId: string | null;
  /** The foreign id of the parent that the source names, where the item could not be put below it. */
  realParent: string | undefined;
}

/** The item inside every limit of its fields and metadata, with a note in `log` for each thing that was adjusted. */
export function fitItem(
  { source, namespace, from }: Origin,
  item: SourceItem,
  place: Place,
  log: PlanLog,
): PlannedItem {
  const replaced: Replacements = new Set();
  const clean = (text: string) => cleanText(text, replaced);
  const foreignId = fitForeignId(clean(item.foreignId), place.id);
  const note = (code: string, message: string) => log.note(code, foreignId, message);
  const added: Record<string, JsonValue | undefined> = { real_parent: place.realParent };

  const fullTitle = clean(item.title);
  const title = fitLine(fullTitle, TITLE_MAX_CHARACTERS);
  if (title.trim() === '') note('title_missing', 'has no title; its foreign id is the title');
  else if (title !== fullTitle) {
    added['full_title'] = fullTitle;
    note(
      'title_cut',
      `the title was brought to one line of at most ${TITLE_MAX_CHARACTERS} characters; the full title is kept`,
    );
  }

  const { start: description, rest } = splitBytes(clean(item.description ?? ''), DESCRIPTION_MAX_BYTES);
  if (rest !== '') {
    note(
      'description_cut',
      `the description was cut at ${DESCRIPTION_MAX_BYTES} bytes; the rest is in metadata.imported.description_rest`,
    );
  }

  const { labels, changes } = fitLabels(item.labels.map(clean));
  if (changes.length > 0) {
    added['labels'] = item.labels;
    note('labels_adjusted', `${changes.join('; ')}; the originals are kept`);
  }

  const person = (field: string, wanted: string | null) => {
    if (wanted === null) return null;
    const full = clean(wanted);
    const fitted = fitLine(full, NAME_MAX_CHARACTERS);
    if (fitted === full && fitted.trim() !== '') return fitted;
    added[field] = full;
    note(
      'name_cut',
      `${field} was brought to one line of at most ${NAME_MAX_CHARACTERS} characters; the original is kept`,
    );
    return fitted.trim() === '' ? null : fitted;
  };
  const assignee = person('assignee', item.assignee);
  const branch_name = item.branch === undefined ? undefined : person('branch', item.branch);
  const createdBy = person('author', item.author) ?? `import:${source}`;

  const dates = fitDates(item, foreignId, added, log);
  const { fields } = item;
  const hash = hashOf(item.said, {
    type: item.itemType,
    status: item.status,
    priority: item.priority,
    parent: place.parentId,
  });
  const origin = { source, namespace, id: foreignId, hash, ...(from !== null && { from }) };
  const extra = Object.entries(added).filter(([key, value]) => !equalJson(fields[key], value));
  const metadata = buildMetadata(
    item.known,
    origin,
    [...Object.entries(fields), ...extra],
    rest,
    replaced,
    (message) => note('error_not_kept', message),
  );
  const comments = fitComments(source, namespace, item, dates.created_at, clean);
  if (replaced.size > 0) note('text_cleaned', [...replaced].sort().join('; '));
  return {
    id: place.id,
    foreign_id: foreignId,
    item_type: item.itemType,
    title: title.trim() === '' ? foreignId : title,
    description: description === '' ? null : description,
    status: item.status,
    priority: item.priority,
    labels,
    assignee,
    parent_id: place.parentId,
    ...(branch_name !== undefined && { branch_name }),
    metadata,
    comments,
    ...dates,
    created_by: createdBy,
    made_of: {
      key: item.key,
      said: item.said,
      is_dated: readDate(item.dates.created?.value) !== undefined,
    },
  };
}

/** Dates fall back to one another, then to those of the file, then to 1970; the original text is kept where it says more. */
function fitDates(
  item: SourceItem,
  foreignId: string,
  kept: Record<string, JsonValue | undefined>,
  log: PlanLog,
) {
  const read = (date: SourceDate | undefined): string | undefined => {
    if (date === undefined) return undefined;
    const found = readDate(date.value);
    if (found?.isExact === true) return found.iso;
    kept[date.field] = date.value as JsonValue;
    if (found === undefined)
      log.note(
        'date_unreadable',
        foreignId,
        `${date.field} is not a date that is understood; the original is kept`,
      );
    return found?.iso;
  };
  const created = read(item.dates.created);
  const updated = read(item.dates.updated);
  const completed = read(item.dates.completed);
  const fileCreated = readDate(item.fileDates?.created)?.iso;
  const fileUpdated = readDate(item.fileDates?.updated)?.iso;
  const first = (field: string, ...choices: [from: string, iso: string | undefined][]): string => {
    const [from, iso] = choices.find(([, candidate]) => candidate !== undefined) ?? [];
    if (from !== choices[0]?.[0]) log.map(field, '(none)', from ?? NO_DATE);
    if (iso === undefined)
      log.note('date_missing', foreignId, `no date at all is known; ${field} is ${NO_DATE}`);
    return iso ?? NO_DATE;
  };
  const created_at = first(
    'created_at',
    ['created', created],
    ['updated', updated],
    ['completed', completed],
    ["the file's", fileCreated ?? fileUpdated],
  );
  const updated_at = first(
    'updated_at',
    ['updated', updated],
    ['completed', completed],
    ['created', created],
    ["the file's", fileUpdated ?? fileCreated],
  );
  if (item.status === 'completed') {
    const completed_at = completed ?? updated_at;
    if (completed === undefined) log.map('completed_at', '(none)', 'updated_at');
    return { created_at, updated_at, completed_at };
  }
  if (completed !== undefined && item.dates.completed !== undefined) {
    // completed_at belongs to the status "completed" alone.
    kept[item.dates.completed.field] = item.dates.completed.value as JsonValue;
  }
  return { created_at, updated_at, completed_at: null };
}

function fitComments(
  source: ImportSource,
  namespace: string,
  item: SourceItem,
  fallback: string,
  clean: (text: string) => string,
): PlannedComment[] {
  const seen = new Map<string, number>();
  return item.comments.flatMap((comment) => {
    const author = fitLine(clean(comment.author ?? ''), NAME_MAX_CHARACTERS).trim() || `import:${source}`;
    const created_at = readDate(comment.created)?.iso ?? fallback;
    return notesOf(clean(comment.text)).map((text) => {
      const content = JSON.stringify([item.key, author, text, created_at]);
      const repetition = seen.get(content) ?? 0;
      seen.set(content, repetition + 1);
      const note = { author, text, created_at };
      return { id: commentId(source, namespace, item.key, note, repetition), ...note };
    });
  });
}

/** A text in as many notes as it takes; blank ones at its end are left out. */
function notesOf(text: string): string[] {
  const pieces = piecesOf(text, NOTE_MAX_BYTES);
  return pieces.slice(0, pieces.findLastIndex((piece) => piece.trim() !== '') + 1);
}

/** A long id keeps its start and gets a part of the item's id, so that two of them stay different. */
function fitForeignId(foreignId: string, id: string): string {
  const line = fitLine(foreignId, FOREIGN_ID_MAX_CHARACTERS);
  return line === foreignId && line.trim() !== '' ? line : `${line} ${shortId(id)}`;
}
