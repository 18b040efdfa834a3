/** A property or an array element in JSON with or without comments, put in by position: the rest keeps its every byte. */
import { createScanner, parseTree, type Node, type ParseError } from 'jsonc-parser';
import { equalJson, isPlainObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { lineBreakOf, NotEditable, type Edit } from './edits.ts';

export interface JsonPlace {
  /** Keys from the root to the object or array that the entry is in; those that are missing are made. */
  path: readonly string[];
  /** The key of a property; undefined for an element of an array. */
  key?: string;
  value: JsonObject;
  /** Of an element of an array: where in it what is ours is, perhaps beside what others put there. */
  part?: OurPart;
  /** The text of a new file. */
  blank?: string;
}

export interface OurPart {
  /** The key of a list. */
  list: string;
  /** Whether something in it is ours, also of an earlier version. */
  isOurs: (entry: JsonValue) => boolean;
}

const BLANK = '{}\n';
const NO_COMMENTS = { disallowComments: false, allowTrailingComma: true, allowEmptyContent: false };
const UNIT = '  ';
/** Files nested deeper than that are not of any client; reading them would exhaust the stack. */
const DEPTH_MAX = 200;

/** What is there of ours, what it should be, and what goes when it is taken out. */
interface Found {
  node: Node;
  value: JsonValue;
  whole: Node;
}

export function jsonEntry({ path, key, value, part, blank = BLANK }: JsonPlace): Edit {
  const place = [...path, ...(key === undefined ? [] : [key])].join('.');
  const find = (root: Node): Found | undefined => {
    if (key !== undefined) {
      const node = nodeAt(root, [...path, key]);
      return node && { node, value, whole: node };
    }
    const elements = childrenOf(nodeAt(root, path), 'array');
    return elements.map((element) => findPart(element)).find((found) => found !== undefined);
  };
  const findIn = (text: string) => (text.trim() === '' ? undefined : find(rootOf(text)));
  return {
    place,
    state: (text) => {
      const found = findIn(text);
      if (found === undefined) return 'missing';
      if (equalJson(valueOf(found.node), found.value)) return 'ours';
      return key === undefined ? 'old' : 'other';
    },
    put: (given) => {
      const text = given.trim() === '' ? blank : given;
      const root = rootOf(text);
      const there = find(root);
      const put = checked(text, there === undefined ? inserted(text, root) : replaced(text, there));
      const found = findIn(put);
      if (found !== undefined && equalJson(valueOf(found.node), found.value)) return put;
      throw notSafe();
    },
    take: (text) => {
      let left = text;
      for (let found = findIn(left); found !== undefined; found = findIn(left))
        left = checked(left, removed(left, found.whole));
      return left;
    },
  };

  function findPart(element: Node): Found | undefined {
    if (part === undefined || element.type !== 'object') return undefined;
    const all = childrenOf(nodeAt(element, [part.list]), 'array');
    const ours = all.filter((entry) => part.isOurs(valueOf(entry)));
    const [node] = ours;
    const [wanted] = partsOf(value, part.list);
    if (node === undefined || wanted === undefined) return undefined;
    return { node, value: wanted, whole: ours.length === all.length ? element : node };
  }

  /** Into the innermost object of the path that is there. */
  function inserted(text: string, root: Node): string {
    let container = root;
    let rest = [...path];
    for (let [next] = rest; next !== undefined; [next] = rest) {
      const found = nodeAt(container, [next]);
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
    throw notSafe();
  }

  /** Undefined for what holds nothing else. */
  function withoutOurs(document: JsonValue, [next, ...rest]: readonly string[]): JsonValue | undefined {
    if (next === undefined) {
      const left = Array.isArray(document)
        ? document.flatMap(withoutPart)
        : Object.fromEntries(Object.entries(document ?? {}).filter(([name]) => name !== key));
      return Object.keys(left).length === 0 ? undefined : left;
    }
    const left = Object.entries(document ?? {}).flatMap(([name, below]: [string, JsonValue]) => {
      const kept = name === next ? withoutOurs(below, rest) : below;
      return kept === undefined ? [] : [[name, kept] as const];
    });
    return left.length === 0 ? undefined : Object.fromEntries(left);
  }

  function withoutPart(element: JsonValue): JsonValue[] {
    if (part === undefined || !isPlainObject(element)) return [element];
    const all = partsOf(element, part.list);
    const others = all.filter((entry) => !part.isOurs(entry));
    if (others.length === all.length) return [element];
    return others.length === 0 ? [] : [{ ...element, [part.list]: others }];
  }
}

const notSafe = () =>
  new NotEditable('is written in a way that cannot be edited safely: add the entry by hand');

const partsOf = (element: JsonObject, list: string): JsonValue[] => {
  const all = Object.hasOwn(element, list) ? element[list] : undefined;
  return Array.isArray(all) ? all : [];
};

const childrenOf = (node: Node | undefined, type: 'array' | 'object'): Node[] =>
  node?.type === type ? (node.children ?? []) : [];

/** @throws NotEditable where a key is there twice: clients differ in which of them counts */
function nodeAt(root: Node, names: readonly string[]): Node | undefined {
  let node: Node | undefined = root;
  for (const name of names) {
    const named: Node[] = childrenOf(node, 'object').filter((one) => one.children?.[0]?.value === name);
    if (named.length > 1) throw new NotEditable(`has "${name}" more than once: put it right first`);
    node = named[0]?.children?.[1];
  }
  return node;
}

function replaced(text: string, { node, value }: Found): string {
  const indent = indentAt(text, node.offset);
  return text.slice(0, node.offset) + rendered(value, indent, text) + text.slice(node.offset + node.length);
}

function rootOf(text: string): Node {
  checkDepth(text);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, NO_COMMENTS);
  const [first] = errors;
  if (root === undefined || first !== undefined) {
    const line = text.slice(0, first?.offset ?? 0).split('\n').length;
    throw new NotEditable(`is not JSON that can be read (line ${line}): put it right first`);
  }
  return root;
}

function checkDepth(text: string): void {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    scanner.scan();
    const begin = text[scanner.getTokenOffset()];
    if (begin === undefined) return;
    if (begin === '{' || begin === '[') depth += 1;
    if (begin === '}' || begin === ']') depth -= 1;
    if (depth > DEPTH_MAX) throw new NotEditable(`is nested deeper than ${DEPTH_MAX} levels`);
  }
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
    // Comments and spaces in there stay where they are.
    const space = Math.max(open, startOfSpace(text, close));
    const isSpread = text.slice(space, close).includes('\n');
    const at = isSpread ? space : close;
    const ending = isSpread ? '' : eol + indent;
    return `${text.slice(0, at)}${eol}${inner}${name}${rendered(value, inner, text)}${ending}${text.slice(at)}`;
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
  const from = startOfSpace(text, node.offset);
  const comma = commaAfter(text, end);
  const previous = siblings[at - 1];
  if (comma !== undefined) return text.slice(0, from) + text.slice(comma + 1);
  if (previous === undefined) return text.slice(0, from) + text.slice(end);
  const before = commaAfter(text, previous.offset + previous.length) ?? from;
  return text.slice(0, before) + text.slice(before + 1, from) + text.slice(end);
}

/** Where the spaces and line breaks before a place begin. */
function startOfSpace(text: string, offset: number): number {
  let from = offset;
  while (' \t\r\n'.includes(text[from - 1] ?? '-')) from -= 1;
  return from;
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
