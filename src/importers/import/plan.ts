/**
 * What an import makes, before anything is stored. A reader turns one foreign tracker into an
 * `ImportPlan`; the plan is a pure function of the files, so that a dry run shows exactly what a run does and
 * a second run finds the items of the first by their ids.
 */
import { countCharacters } from '../../domain/fields.ts';
import { uuidFrom } from '../../domain/ids.ts';
import { stableJson, type JsonObject } from '../../domain/json.ts';
import { NAME_MAX_CHARACTERS } from '../../domain/limits.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { ItemStatus, ItemType } from '../../domain/work-item.ts';
import { validationError } from '../../domain/errors.ts';
import type { PlannedLinkType } from '../../use-cases/records/link-rules.ts';

export type ImportSource = 'backlog-md' | 'beads' | 'task-master' | 'session-prompts' | 'status-file';

/** A comment that the source keeps apart from the item's text; it can be stored as a note. */
export interface PlannedComment {
  /** Deterministic like the id of an item, so that a comment is never added twice. */
  id: string;
  author: string;
  text: string;
  created_at: string;
}

/** A work item to be; it is inside every limit of fields, metadata and hierarchy. Times are ISO 8601 UTC with milliseconds. */
export interface PlannedItem {
  /** A UUID in the form of version 4, made from source, namespace and foreign id: see `plannedId`. */
  id: string;
  /** As the source spells it; for Task Master `<tag>`, `<tag>/<id>` and `<tag>/<id>.<subid>`. */
  foreign_id: string;
  item_type: ItemType;
  title: string;
  description: string | null;
  status: ItemStatus;
  priority: number;
  labels: string[];
  assignee: string | null;
  parent_id: string | null;
  /** Absent where the kind of source knows no branches. */
  branch_name?: string | null;
  /** Known keys of the type, and `imported`: `{source, namespace, id, hash, ...fields without a home}`. */
  metadata: JsonObject;
  /** Oldest first; they become notes. As the source has them they are in the description or in `metadata.imported` too. */
  comments: PlannedComment[];
  created_at: string;
  updated_at: string;
  completed_at: string | null;
  created_by: string;
  /** What is not stored as it is. */
  made_of: {
    /** Of which the id is made: the foreign id in one spelling. */
    key: string;
    /** Everything the source says about this item alone. */
    said: unknown;
    /** Whether it says when it was created. */
    is_dated: boolean;
  };
}

export interface PlannedLink {
  source_id: string;
  target_id: string;
  dependency_type: PlannedLinkType;
}

/** Something was adjusted: which rule, from what, to what. */
export interface ImportNote {
  /** The rule, as `title_cut`; a code that starts with `error_` says that something could not be kept. */
  code: string;
  /** The item, or the file where no single item is meant. */
  foreign_id: string;
  message: string;
}

/** A reference to something that the source does not contain; it is kept in `metadata.imported`. */
export interface UnresolvedReference {
  foreign_id: string;
  field: string;
  reference: string;
  reason: string;
}

/** How often one value of the source became one value of the tracker. */
export interface FieldMapping {
  field: string;
  from: string;
  to: string;
  count: number;
}

/** A file, or a line of one, that was not understood. */
export interface SkippedInput {
  /** Relative to the imported folder. */
  file: string;
  line?: number;
  reason: string;
}

export interface ImportPlan {
  source: ImportSource;
  /** What the source is called here; unless it `is_named`, it is called so only when it turns out to be a new one. */
  namespace: string;
  /** Whether the caller said the namespace. */
  is_named: boolean;
  /** Where the source lies; null where nobody said which project it is imported into. */
  place: SourcePlace | null;
  /** Parents before children, siblings in the order of the source's ids. */
  items: PlannedItem[];
  /**
   * In the order of their source items, without duplicates, ready to be inserted: no self link, no cycle over
   * `blocks` and `depends_on` together, no blocking link between an item and its own ancestor or descendant.
   */
  links: PlannedLink[];
  mappings: FieldMapping[];
  notes: ImportNote[];
  unresolved: UnresolvedReference[];
  skipped: SkippedInput[];
}

/** What carrying out a plan did, or (with `dry_run`) would do. Counts of items, except those of links and notes. */
export interface ImportOutcome {
  created: number;
  updated: number;
  unchanged: number;
  /** Items changed here since the last import, which were therefore left as they are. */
  kept_local: number;
  links_added: number;
  /** Comments that became notes. */
  notes_added: number;
  dry_run: boolean;
}

export interface ImportOptions {
  /**
   * What the source is called: ids depend on it. By default a source that was imported before is known again, and
   * a new one is called after its place. One line of 1 to 100 characters.
   */
  namespace?: string | undefined;
  /** Absolute. What lies inside it is named by its path in there. */
  projectDir?: string | undefined;
  /** Of a kind of source that is many files: which of them, as a pattern below the folder. */
  glob?: string | undefined;
  /** Told of `list`, `read` and `plan`. */
  onProgress?: ReportProgress | undefined;
}

/** The id that an import gives to a foreign id: the same each time, another one in another namespace. */
export function plannedId(source: ImportSource, namespace: string, foreignId: string): string {
  return uuidFrom(stableJson([source, namespace, foreignId]), 4);
}

/** The id of a comment: of its item's key, its content, and how many of the same came before. */
export function commentId(
  source: ImportSource,
  namespace: string,
  key: string,
  { author, text, created_at }: Omit<PlannedComment, 'id'>,
  repetition: number,
): string {
  return plannedId(
    source,
    namespace,
    `comment ${repetition} ${JSON.stringify([key, author, text, created_at])}`,
  );
}

/**
 * The namespace that was asked for.
 * @throws ValidationError when it is not one line of 1 to 100 characters
 */
export function checkNamespace(wanted: string): string {
  const namespace = wanted.trim();
  const isLine = namespace.isWellFormed() && !/\p{Cc}/u.test(namespace);
  if (namespace !== '' && isLine && countCharacters(namespace) <= NAME_MAX_CHARACTERS) return namespace;
  throw validationError({
    field: 'namespace',
    constraint: `must be one line of 1 to ${NAME_MAX_CHARACTERS} characters`,
    value: wanted,
  });
}

export interface SourcePlace {
  /**
   * The path from the project's folder; of another repository, its address and the path in it; else the name with a
   * digest of the whole path, so that no path of somebody's machine gets into a tracker that others share.
   */
  text: string;
  /** What a new source that lies here is called; depends on nothing in the file. */
  name: string;
  /** The path from the project's folder where the source lies in it, also in another work tree or clone of it. */
  inProject: string | null;
}
