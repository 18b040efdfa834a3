/** A property or an array element in JSON with or without comments, put in by position: the rest keeps its every byte. */
import { createScanner, findNodeAtLocation, parseTree, type Node, type ParseError } from 'jsonc-parser';
import { equalJson, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { lineBreakOf, NotEditable, type Edit } from './edits.ts';

export interface JsonPlace {
  /** Keys from the root to the object or array that the entry is in; those that are missing are made. */
  path: readonly string[];
  /** The key of a property; undefined for an element of an array. */
  key?: string;
  value: JsonObject;
  /** Whether an element of an array is ours, also of an earlier version. */
  isOurs?: (element: JsonValue) => boolean;
  /** The text of a new file. */
  blank?: string;
}

const BLANK = '{}\n';
const NO_COMMENTS = { disallowComments: false, allowTrailingComma: true, allowEmptyContent: false };
const UNIT = '  ';

export function jsonEntry({ path, key, value, isOurs = () => false, blank = BLANK }: JsonPlace): Edit {
  const place = [...path, ...(key === undefined ? [] : [key])].join('.');
  const find = (root: Node): Node | undefined => {
    if (key !== undefined) return findNodeAtLocation(root, [...path, key]);
    const list = findNodeAtLocation(root, [...path]);
    return list?.children?.find((child) => isOurs(valueOf(child)));
  };
  return {
    place,
    state: (text) => {
      const node = text.trim() === '' ? undefined : find(rootOf(text));
      if (node === undefined) return 'missing';
      if (equalJson(valueOf(node), value)) return 'ours';
      return key === undefined ? 'old' : 'other';
    },
    put: (given) => {
      const text = given.trim() === '' ? blank : given;
      const root = rootOf(text);
      const there = find(root);
      return checked(text, there === undefined ? inserted(text, root) : replaced(text, there));
    },
    take: (text) => {
      const node = text.trim() === '' ? undefined : find(rootOf(text));
      return node === undefined ? text : checked(text, removed(text, node));
    },
  };

  /** Into the innermost object of the path that is there. */
  function inserted(text: string, root: Node): string {
    let container = root;
    let rest = [...path];
    for (let [next] = rest; next !== undefined; [next] = rest) {
      const found = findNodeAtLocation(container, [next]);
      if (found === undefined) break;
      container = found;
      rest = rest.slice(1);
    }
    const isList = key === undefined && rest.length === 0;
    if (container.type !== (isList ? 'array' : 'object')) {
      const found = path.slice(0, path.length - rest.length).join('.') || 'the file';
      throw new NotEditable(
        `has ${found} as something else than ${isList ? 'a list' : 'an object'}: put it right first`,
      );
    }
    const leaf: JsonValue = key === undefined ? [value] : { [key]: value };
    const [first, ...inner] = rest;
    if (first === undefined) return insertInto(text, container, key, value);
    const made = inner.reduceRight<JsonValue>((below, name) => ({ [name]: below }), leaf);
    return insertInto(text, container, first, made);
  }

  /** @throws NotEditable where the result is not the same document but for the entry: better nothing than harm */
  function checked(before: string, after: string): string {
    const others = (text: string) => withoutOurs(valueOf(rootOf(text)), path);
    if (equalJson(others(before) ?? {}, others(after) ?? {})) return after;
    throw new NotEditable('is written in a way that cannot be edited safely: add the entry by hand');
  }

  /** Undefined for what holds nothing else. */
  function withoutOurs(document: JsonValue, [next, ...rest]: readonly string[]): JsonValue | undefined {
    if (next === undefined) {
      const left = Array.isArray(document)
        ? document.filter((element) => !isOurs(element))
        : Object.fromEntries(Object.entries(document ?? {}).filter(([name]) => name !== key));
      return Object.keys(left).length === 0 ? undefined : left;
    }
    const left = Object.entries(document ?? {}).flatMap(([name, below]: [string, JsonValue]) => {
      const kept = name === next ? withoutOurs(below, rest) : below;
      return kept === undefined ? [] : [[name, kept] as const];
    });
    return left.length === 0 ? undefined : Object.fromEntries(left);
  }

  function replaced(text: string, node: Node): string {
    const indent = indentAt(text, node.offset);
    return text.slice(0, node.offset) + rendered(value, indent, text) + text.slice(node.offset + node.length);
  }
}

function rootOf(text: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, NO_COMMENTS);
  const [first] = errors;
  if (root === undefined || first !== undefined) {
    const line = text.slice(0, first?.offset ?? 0).split('\n').length;
    throw new NotEditable(`is not JSON that can be read (line ${line}): put it right first`);
  }
  return root;
}

/** After the last child, in the layout that the container has. */
function insertInto(text: string, container: Node, key: string | undefined, value: JsonValue): string {
  const name = key === undefined ? '' : `${JSON.stringify(key)}: `;
  const eol = lineBreakOf(text);
  const open = container.offset + 1;
  const last = container.children?.at(-1);
  if (last === undefined) {
    const indent = indentAt(text, container.offset);
    const inner = indent + unitOf(text);
    const close = container.offset + container.length - 1;
    // A comment in there stays where it is.
    const before = text.slice(0, open) + text.slice(open, close).trimEnd();
    return `${before}${eol}${inner}${name}${rendered(value, inner, text)}${eol}${indent}${text.slice(close)}`;
  }
  const end = last.offset + last.length;
  const comma = commaAfter(text, end);
  const isSpread = text.slice(open, container.children?.[0]?.offset ?? open).includes('\n');
  if (!isSpread) {
    const compact = `${name}${JSON.stringify(value)}`;
    return comma === undefined
      ? `${text.slice(0, end)}, ${compact}${text.slice(end)}`
      : `${text.slice(0, comma + 1)} ${compact},${text.slice(comma + 1)}`;
  }
  const indent = indentAt(text, last.offset);
  const entry = `${eol}${indent}${name}${rendered(value, indent, text)}`;
  // What is said about the last child on its line stays there.
  const lineEnd = endOfLine(text, comma === undefined ? end : comma + 1);
  return comma === undefined
    ? `${text.slice(0, end)},${text.slice(end, lineEnd)}${entry}${text.slice(lineEnd)}`
    : `${text.slice(0, lineEnd)}${entry},${text.slice(lineEnd)}`;
}

/** With the comma that set it apart, and the line that it was on; objects that hold nothing else any more stay. */
function removed(text: string, value: Node): string {
  const node = value.parent?.type === 'property' ? value.parent : value;
  const siblings = node.parent?.children ?? [];
  const at = siblings.indexOf(node);
  const end = node.offset + node.length;
  const from = text.slice(0, node.offset).search(/\s*$/);
  const comma = commaAfter(text, end);
  const previous = siblings[at - 1];
  if (comma !== undefined) return text.slice(0, from) + text.slice(comma + 1);
  if (previous === undefined) return text.slice(0, from) + text.slice(end);
  const before = commaAfter(text, previous.offset + previous.length) ?? from;
  return text.slice(0, before) + text.slice(before + 1, from) + text.slice(end);
}

/** Where the next thing that is no space and no comment is a comma. */
function commaAfter(text: string, offset: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return text[scanner.getTokenOffset()] === ',' ? scanner.getTokenOffset() : undefined;
}

/** The end of the line, if nothing but spaces and comments are left on it; else the place itself. */
function endOfLine(text: string, offset: number): number {
  const rest = /^[^\r\n]*/.exec(text.slice(offset))?.[0] ?? '';
  return /^[ \t]*(?:\/\*(?:(?!\*\/).)*\*\/[ \t]*)*(?:\/\/.*)?$/.test(rest) ? offset + rest.length : offset;
}

const indentAt = (text: string, offset: number): string =>
  /[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? '';

/** The first indentation that the text has. */
const unitOf = (text: string): string => /\n([ \t]+)\S/.exec(text)?.[1] ?? UNIT;

const rendered = (value: JsonValue, indent: string, text: string): string =>
  JSON.stringify(value, null, unitOf(text)).replaceAll('\n', lineBreakOf(text) + indent);

function valueOf(node: Node): JsonValue {
  const children = node.children ?? [];
  if (node.type === 'array') return children.map(valueOf);
  if (node.type !== 'object') return node.value as JsonValue;
  return Object.fromEntries(
    children.map(({ children: [name, value] = [] }) => [
      String(name?.value),
      value === undefined ? null : valueOf(value),
    ]),
  );
}
