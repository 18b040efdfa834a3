/** Sizes and ranges of every field. Characters are Unicode code points; bytes are UTF-8. */
export const TITLE_MAX_CHARACTERS = 200;
export const DESCRIPTION_MAX_BYTES = 64 * 1024;
export const METADATA_MAX_BYTES = 100 * 1024;
export const METADATA_MAX_DEPTH = 32;
export const NOTE_MAX_BYTES = 64 * 1024;
export const LABELS_MAX = 32;
export const LABEL_MAX_CHARACTERS = 50;
export const NAME_MAX_CHARACTERS = 100;
export const IDEMPOTENCY_KEY_MAX_CHARACTERS = 200;
/** What the integer column of either database can hold. */
export const PR_NUMBER_MAX = 2 ** 31 - 1;

/** Depth of a root is 0. */
export const HIERARCHY_MAX_DEPTH = 5;

export const PRIORITY_HIGHEST = 1;
export const PRIORITY_LOWEST = 5;
export const PRIORITY_DEFAULT = 3;

export const TOKEN_BUDGET_MIN = 1_000;
export const TOKEN_BUDGET_MAX = 1_000_000;
export const TOKEN_BUDGET_DEFAULT = 200_000;
export const ARCHIVE_AFTER_DAYS_DEFAULT = 365;

export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;
/** Room for the longest title in a cursor: 200 characters of four bytes, as base64. */
export const CURSOR_MAX_CHARACTERS = 1_500;

/** Nodes of a child tree that one answer carries; the rest is counted, not listed. */
export const CHILDREN_MAX = 200;

/** One message, whatever carries it. Room for the largest work item with every character escaped. */
export const MESSAGE_MAX_BYTES = 1024 * 1024;

/** Items of one plan, and links among them. */
export const PLAN_ITEMS_MAX = 500;
export const PLAN_LINKS_MAX = 2_000;
/** Items that one call updates. */
export const UPDATES_MAX = 100;

/** What an answer may cost in tokens, in either of its forms: the range that callers may ask for, and what holds otherwise. */
export const READ_TOKENS_MIN = 300;
export const READ_TOKENS_MAX = 20_000;
export const READ_TOKENS_DEFAULT = 3_000;
export const LIST_TOKENS_DEFAULT = 1_000;
/** A write answers what it changed; one of many records, and a long report, may cost as much as a read. */
export const WRITE_TOKENS_MAX = 300;
