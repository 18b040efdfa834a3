/**
 * Ids of Backlog.md in one spelling. The same task is written `BACK-24.1`, `back-24.1`, `task-24.1` (the prefix
 * of older versions) or `BACK-24.01` (zero-padded) in different places of one folder.
 */
export class BacklogIds {
  readonly #prefix: string;
  readonly #keys = new Set<string>();
  /** Number to key; null where two prefixes use the same number. */
  readonly #byNumber = new Map<string, string | null>();

  /** @param prefix `task_prefix` of the configuration; default `task` */
  constructor(prefix: string | undefined) {
    this.#prefix = (prefix ?? OLD_PREFIX).trim().toLowerCase().replace(/-$/, '') || OLD_PREFIX;
  }

  /** The one spelling: `back-24.1`. An id of another form is only lower-cased. */
  keyOf(id: string): string {
    const parts = splitId(id);
    if (parts === undefined) return id.trim().toLowerCase();
    const prefix = parts.prefix === '' || parts.prefix === OLD_PREFIX ? this.#prefix : parts.prefix;
    return `${prefix}-${parts.number}`;
  }

  /** Makes a key known to `resolve`. */
  add(key: string): void {
    this.#keys.add(key);
    const parts = splitId(key);
    if (parts !== undefined && parts.prefix !== DRAFT_PREFIX) {
      this.#byNumber.set(parts.number, this.#byNumber.has(parts.number) ? null : key);
    }
  }

  /** The known key that a reference means; undefined when there is none or not only one. */
  resolve(reference: string): string | undefined {
    const key = this.keyOf(reference);
    if (this.#keys.has(key)) return key;
    const parts = splitId(reference);
    // Without the configured prefix only the number tells which task an old reference means.
    if (parts === undefined || (parts.prefix !== '' && parts.prefix !== OLD_PREFIX)) return undefined;
    return this.#byNumber.get(parts.number) ?? undefined;
  }
}

const OLD_PREFIX = 'task';
const DRAFT_PREFIX = 'draft';

function splitId(id: string): { prefix: string; number: string } | undefined {
  const match = /^(?:(.*\S)-)?(\d+(?:\.\d+)*)$/.exec(id.trim().toLowerCase());
  if (match === null) return undefined;
  const number = (match[2] ?? '')
    .split('.')
    .map((part) => part.replace(/^0+(?=\d)/, ''))
    .join('.');
  return { prefix: match[1] ?? '', number };
}
