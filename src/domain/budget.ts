/**
 * Cutting an answer to its budget, as data and once: whatever form of it a client shows is made of what is left. Lists give
 * up their last rows, long texts their end, all in turn, and the answer says what is left and which call gives it. Pure.
 */
import { countCharacters } from './fields.ts';
import { isPlainObject } from './json.ts';
import { takeInTurns } from './tokens.ts';

export type Shown = Record<string, unknown>;

/** A list or a long text that gives way. */
export interface Part {
  /** Its key, or that of a section and its own, as `ready.items`. */
  at: string;
  /** Rows that it gets in each turn, a hundred characters of a text being one; 1 by default. */
  weight?: number;
  /** The call that gives the rest, after so many rows or characters; a list without one is paged by its cursor. */
  rest?: (shown: Shown, kept: number) => string;
  /** Of a field of a record: where nothing of it fits it is left out, because empty would say that there is nothing. */
  isField?: true;
  /** Of a text that is read part by part: some of it is shown, however dear its characters are. */
  advances?: true;
}

/** What an answer says of a part that was cut. */
export interface Cut {
  field: string;
  /** Rows of a list, characters of a text. */
  left: number;
  next: string;
}

const CHARACTERS_IN_ROW = 100;
/** Of a text that has to advance, where not even one row fits. */
const CHARACTERS_IN_SHORT_ROW = 10;
/** Each attempt learns what the one before cost too much. */
const ATTEMPTS = 6;
/** Room for what is said of each part that is cut. */
const NOTICE_TOKENS = 30;

/**
 * The same answer with as much of its parts as fits. The same answer and budget give the same result. What is no part stays,
 * so that an answer may cost more than a budget that is smaller than that.
 * @param costOf tokens of an answer in its dearest form; of one that costs more than `enough` it may be any number above that
 * @param tokensOf tokens of a value in an answer
 */
export function fitted(
  whole: Shown,
  parts: readonly Part[],
  maxTokens: number,
  costOf: (shown: Shown, enough?: number) => number,
  tokensOf: (value: unknown) => number,
): Shown {
  if (costOf(whole, maxTokens) <= maxTokens) return whole;
  const shown = cutTo(CHARACTERS_IN_ROW);
  const isStuck = parts.some(({ at, advances }) => advances && valueAt(shown, at) === '');
  return isStuck ? cutTo(CHARACTERS_IN_SHORT_ROW) : shown;

  function cutTo(characters: number): Shown {
    return cutToFit(whole, parts, maxTokens, costOf, tokensOf, characters);
  }
}

function cutToFit(
  whole: Shown,
  parts: readonly Part[],
  maxTokens: number,
  costOf: (shown: Shown, enough?: number) => number,
  tokensOf: (value: unknown) => number,
  characters: number,
): Shown {
  const open = parts.map((part) => ({ part, characters, rows: rowsOf(valueAt(whole, part.at), characters) }));
  const lists = open.filter(({ rows }) => rows.length > 0);
  const empty = lists.map(() => 0);
  const rest = costOf(withRows(whole, lists, empty));
  let room = maxTokens - rest;
  // Asked of those that may fit only: a list may have thousands.
  const costs = lists.map(({ rows }) => remembered((row) => tokensOf(rows[row]) + 1));
  for (let attempt = 0; attempt < ATTEMPTS && room > 0; attempt += 1) {
    const taken = takeInTurns(
      lists.map(({ part: { weight = 1 }, rows }, at) => ({
        weight,
        length: rows.length,
        tokensOf: (row) => costs[at]?.(row) ?? 0,
      })),
      room,
    );
    const shown = withRows(whole, lists, taken);
    const excess = costOf(shown) - maxTokens;
    if (excess <= 0) return shown;
    // In proportion: rows may cost several times as much as was thought, where the text spells out hidden characters.
    room *= room / (room + excess + (attempt === 0 ? 0 : NOTICE_TOKENS));
  }
  return withRows(whole, lists, empty);
}

function remembered(work: (row: number) => number): (row: number) => number {
  const known = new Map<number, number>();
  return (row) => {
    const found = known.get(row) ?? work(row);
    known.set(row, found);
    return found;
  };
}

interface Open {
  part: Part;
  /** In a row of a text. */
  characters: number;
  rows: readonly unknown[];
}

function withRows(whole: Shown, lists: readonly Open[], taken: readonly number[]): Shown {
  let shown = { ...whole };
  const cuts: Cut[] = [];
  for (const [at, { part, rows, characters }] of lists.entries()) {
    const kept = taken[at] ?? 0;
    if (kept === rows.length) continue;
    const value = valueAt(whole, part.at);
    const head = firstOf(value, kept, characters);
    if (kept === 0 && part.isField) shown = without(shown, part.at);
    else putAt(shown, part.at, head);
    const isText = typeof value === 'string';
    const has = isText ? countCharacters(head as string) : kept;
    const all = isText ? countCharacters(value) : rows.length;
    if (part.rest !== undefined) cuts.push({ field: part.at, left: all - has, next: part.rest(shown, has) });
  }
  return cuts.length === 0 ? shown : { ...shown, cut: cuts };
}

function without(shown: Shown, name: string): Shown {
  const { [name]: _gone, ...rest } = shown;
  return rest;
}

function rowsOf(value: unknown, inRow: number): readonly unknown[] {
  if (isTree(value)) return nodesOf(value).map(({ children: _below, ...node }) => node);
  if (Array.isArray(value)) return value as unknown[];
  if (isPlainObject(value)) return shortestFirst(value);
  if (typeof value !== 'string') return [];
  const characters = Array.from(value);
  return Array.from({ length: Math.ceil(characters.length / inRow) }, (_, row) =>
    characters.slice(row * inRow, (row + 1) * inRow).join(''),
  );
}

/** The first rows of a part. */
function firstOf(value: unknown, count: number, inRow: number): unknown {
  if (isTree(value)) return firstNodes(value, { left: count });
  if (Array.isArray(value)) return value.slice(0, count);
  if (typeof value === 'string') return headOf(value, count * inRow);
  return Object.fromEntries(shortestFirst(value as object).slice(0, count));
}

/** So that one long value does not take the others with it. */
function shortestFirst(value: object): [string, unknown][] {
  const sized = Object.entries(value).map((entry) => ({ entry, size: JSON.stringify(entry).length }));
  return sized.sort((a, b) => a.size - b.size).map(({ entry }) => entry);
}

interface TreeNode {
  children?: TreeNode[];
  /** Where not all of them are there. */
  children_total?: number;
}

const isTree = (value: unknown): value is TreeNode[] =>
  Array.isArray(value) && value.some((node) => isPlainObject(node) && Array.isArray(node['children']));

/** From the top down, each before those below it. */
function nodesOf(nodes: readonly TreeNode[]): TreeNode[] {
  return nodes.flatMap((node) => [node, ...nodesOf(node.children ?? [])]);
}

function firstNodes(nodes: readonly TreeNode[], room: { left: number }): TreeNode[] {
  const kept: TreeNode[] = [];
  for (const node of nodes) {
    if (room.left === 0) break;
    room.left -= 1;
    const { children = [], ...own } = node;
    const below = firstNodes(children, room);
    const { children_total = children.length } = own;
    kept.push({
      ...own,
      ...(below.length > 0 && { children: below }),
      ...(below.length < children.length && { children_total }),
    });
  }
  return kept;
}

const headOf = (text: string, characters: number): string => Array.from(text).slice(0, characters).join('');

function valueAt(shown: Shown, at: string): unknown {
  return at
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], shown);
}

/** Sections on the way are copied: the answer that is cut stays as it is. */
function putAt(shown: Shown, at: string, value: unknown): void {
  const [key = '', ...below] = at.split('.');
  if (below.length === 0) {
    shown[key] = value;
    return;
  }
  const section = { ...(shown[key] as Shown) };
  putAt(section, below.join('.'), value);
  shown[key] = section;
}
