/** JSON values: the shape of metadata, patches and history. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = Record<string, JsonValue>;

/** What a schema of stored JSON allows: a field may be absent, and never holds `undefined`. */
export type Stored<T> = T extends readonly (infer Entry)[]
  ? Stored<Entry>[]
  : T extends object
    ? string extends keyof T
      ? T
      : { [Key in keyof T]: Stored<Exclude<T[Key], undefined>> }
    : T;

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a key of its own, else null: `constructor` and the like are ordinary keys here. */
export function ownValue(object: JsonObject, key: string): JsonValue {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : null;
}

/** Equality by value: key order does not matter, so both databases compare alike. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((entry, index) => equalJson(entry, b[index]));
  }
  if (!isPlainObject(a) || !isPlainObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]))
  );
}

/** JSON text with sorted keys: the same value always gives the same text. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    isPlainObject(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );
}

/** Bytes of the value as compact JSON in UTF-8. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '', 'utf8');
}

export interface UnstorableValue {
  /** Where it is, as `metadata.notes[2]`. */
  path: string;
  constraint: string;
  value: unknown;
}

/**
 * The first thing in a decoded JSON value that no store can keep: nesting past `maxDepth`, a NUL, half of a
 * surrogate pair, a number that is none in JSON, or the key `__proto__`. Walks with its own stack, so that deep input cannot exhaust ours.
 */
export function findUnstorable(root: unknown, maxDepth: number, name = ''): UnstorableValue | undefined {
  const stack: { value: unknown; path: string; depth: number }[] = [{ value: root, path: name, depth: 0 }];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { value, path, depth } = entry;
    if (typeof value === 'string') {
      const constraint = unstorableText(value);
      if (constraint !== undefined) return { path, constraint, value };
      continue;
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      return { path, constraint: 'must be a finite number', value: String(value) };
    }
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= maxDepth) {
      return { path, constraint: `must not be nested deeper than ${maxDepth} levels`, value: '…' };
    }
    if (Array.isArray(value)) {
      value.forEach((child, index) =>
        stack.push({ value: child, path: `${path}[${index}]`, depth: depth + 1 }),
      );
      continue;
    }
    for (const key of Object.keys(value)) {
      const at = path === '' ? key : `${path}.${key}`;
      const constraint =
        key === '__proto__' ? 'the key "__proto__" is not allowed' : unstorableText(key, 'a key');
      if (constraint !== undefined) return { path: at, constraint, value: key };
      stack.push({ value: (value as Record<string, unknown>)[key], path: at, depth: depth + 1 });
    }
  }
  return undefined;
}

function unstorableText(text: string, what = 'text'): string | undefined {
  if (text.includes('\0')) return `${what} must not contain the NUL character`;
  if (!text.isWellFormed()) return `${what} must be well-formed Unicode (it holds half of a surrogate pair)`;
  return undefined;
}
