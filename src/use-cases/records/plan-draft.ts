/** A plan checked as a whole, against itself and against the items that it refers to. */
import { blockingPair, type DependencyType } from '../../domain/dependency.ts';
import { idOrPrefix } from '../../domain/fields.ts';
import { HIERARCHY_MAX_DEPTH, PLAN_LINKS_MAX } from '../../domain/limits.ts';
import { planItemInput, type PlanItemInput } from '../../domain/plan.ts';
import { nearestName, type Warning } from '../../domain/warnings.ts';
import { checkItemMetadata, idsOnPath, withoutEmptyKnown, type WorkItem } from '../../domain/work-item.ts';
import { validationError, type Problem, isError } from '../../domain/errors.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import { inEntry, parseEntries, problemsOf, type Entry } from '../support/batch-input.ts';
import { findItemId } from '../support/find-id.ts';
import { settleLinks, type KeyedLink } from './link-rules.ts';
import { placeNodes } from './tree-placement.ts';

/** Items are named by nodes here: a key of the plan, or `existingNode(id)`. */
export interface PlanDraft {
  items: Map<string, PlanItemInput>;
  /** In the order of the caller. */
  keys: string[];
  /** Keys, parents before children. */
  order: string[];
  /** The parent of each key; null for a root. */
  parents: Map<string, string | null>;
  /** Each meaning once. */
  links: KeyedLink[];
  warnings: Warning[];
}

/** No key begins like this: keys have no control characters. */
const EXISTING = '\u0001';
const existingNode = (id: string) => EXISTING + id;
export const existingId = (node: string) => node.slice(EXISTING.length);
const isExisting = (node: string) => node.startsWith(EXISTING);

/** @throws ValidationError that lists every problem, each with the item's position and key */
export async function draftPlan(
  reader: Reader,
  items: readonly Record<string, unknown>[],
): Promise<PlanDraft> {
  const problems: Problem[] = [];
  const quoted = ({ key }: Record<string, unknown>) =>
    typeof key === 'string' ? JSON.stringify(key) : undefined;
  const parsed = parseEntries(planItemInput, 'items', items, quoted, problems);
  const check: Check = {
    entries: withoutRepeatedKeys(parsed, problems),
    // A key of an item that is wrong in itself is not unknown.
    declared: new Set(items.flatMap(({ key }) => (typeof key === 'string' ? [key] : []))),
    existing: new Map(),
    problem: ({ index, input: { key } }, field, constraint, value) =>
      problems.push(inEntry('items', index, JSON.stringify(key), { field, constraint, value })),
  };
  await findReferenced(reader, check);
  const { order, parents } = place(check);
  const links = await settle(reader, check, parents);
  const warnings = check.entries.flatMap((entry) => metadataWarnings(check, entry));
  if (problems.length > 0) {
    throw validationError(
      problems,
      'Correct every problem named here and send the whole plan again; nothing was created.',
    );
  }
  return {
    items: new Map(check.entries.map(({ input }) => [input.key, input])),
    keys: check.entries.map(({ input }) => input.key),
    order,
    parents,
    links,
    warnings: [...new Map(warnings.map((warning) => [warning.message, warning])).values()],
  };
}

type PlanEntry = Entry<PlanItemInput>;

interface Check {
  entries: PlanEntry[];
  declared: ReadonlySet<string>;
  /** What references that are no keys stand for; null for one that was refused already. */
  existing: Map<string, WorkItem | null>;
  problem(entry: PlanEntry, field: string, constraint: string, value: unknown): void;
}

function withoutRepeatedKeys(parsed: PlanEntry[], problems: Problem[]): PlanEntry[] {
  const first = new Map<string, number>();
  return parsed.filter(({ index, input: { key } }) => {
    const earlier = first.get(key);
    if (earlier === undefined) return first.set(key, index);
    const constraint = `is the key of items[${earlier}] already`;
    problems.push(inEntry('items', index, JSON.stringify(key), { field: 'key', constraint, value: key }));
    return false;
  });
}

const REFERENCES = ['parent', 'depends_on', 'blocks'] as const;

function referencesOf({ input }: PlanEntry): { field: string; name: string }[] {
  return REFERENCES.flatMap((field) => {
    const value = input[field];
    if (Array.isArray(value)) return value.map((name, at) => ({ field: `${field}[${at}]`, name }));
    return value == null ? [] : [{ field, name: value }];
  });
}

/** Reads every item that the plan names by its id; a name that is neither a key nor an id is a problem. */
async function findReferenced(reader: Reader, check: Check): Promise<void> {
  const ids = new Map<string, string>();
  for (const entry of check.entries) {
    for (const { field, name } of referencesOf(entry)) {
      if (check.declared.has(name) || check.existing.has(name) || ids.has(name)) continue;
      try {
        ids.set(name, await resolve(reader, check, name));
      } catch (error) {
        const isUnknown = isError(error, 'NotFoundError');
        const constraint = isUnknown ? error.message : problemsOf(error)[0]?.constraint;
        check.existing.set(name, null);
        check.problem(entry, field, constraint ?? 'is not an id', name);
      }
    }
  }
  if (ids.size === 0) return;
  const found = new Map(
    (await reader.findWorkItems([...new Set(ids.values())])).map((item) => [item.id, item]),
  );
  for (const entry of check.entries) {
    for (const { field, name } of referencesOf(entry)) {
      const id = ids.get(name);
      if (id === undefined) continue;
      const item = found.get(id);
      const isUsable = item !== undefined && item.deleted_at === null;
      check.existing.set(name, isUsable ? item : null);
      if (item === undefined) check.problem(entry, field, 'is the id of no work item', name);
      else if (!isUsable) check.problem(entry, field, `names "${item.title}", which is deleted`, name);
    }
  }
}

async function resolve(reader: Reader, { declared }: Check, name: string): Promise<string> {
  const hex = idOrPrefix.safeParse(name);
  if (hex.success) return await findItemId(reader, hex.data);
  const nearest = nearestName(name, [...declared]);
  const hint = nearest === undefined ? '' : `; the nearest key is ${JSON.stringify(nearest)}`;
  throw validationError({
    field: '',
    constraint: `is neither a key of this plan nor an id${hint}`,
    value: name,
  });
}

/** The node that a reference means; undefined when it is a problem of its own. */
function nodeOf({ declared, existing }: Check, name: string): string | undefined {
  if (declared.has(name)) return name;
  const item = existing.get(name);
  return item == null ? undefined : existingNode(item.id);
}

/** The place of every item; cycles of parents and places that are too deep are problems. */
function place(check: Check): { order: string[]; parents: Map<string, string | null> } {
  const byKey = new Map(check.entries.map((entry) => [entry.input.key, entry]));
  const parents = new Map<string, string | null>();
  for (const { input } of check.entries) {
    const node = input.parent == null ? undefined : nodeOf(check, input.parent);
    // The parent may be an item that is wrong in itself.
    parents.set(input.key, node !== undefined && (isExisting(node) || byKey.has(node)) ? node : null);
  }
  const nodes = [...parents].map(([key, parent]) => ({
    key,
    parentKey: parent === null || isExisting(parent) ? null : parent,
  }));
  const { order, moved } = placeNodes(nodes);
  const turning = moved.filter(({ why }) => why === 'cycle');
  for (const { key, chain } of turning) {
    const entry = byKey.get(key) as PlanEntry;
    const cycle = chain.map((name) => titled(check, name)).join(' below ');
    check.problem(entry, 'parent', `would put items below themselves: ${cycle}`, entry.input.parent);
    parents.set(key, null);
  }
  const depths = new Map<string, number>();
  const existing = new Map(
    [...check.existing.values()].flatMap((item) => (item === null ? [] : [[item.id, item]])),
  );
  for (const key of order) {
    const parent = parents.get(key) ?? null;
    const above =
      parent === null ? -1 : (depths.get(parent) ?? existing.get(existingId(parent))?.depth ?? -1);
    depths.set(key, above + 1);
    const entry = byKey.get(key);
    if (above + 1 > HIERARCHY_MAX_DEPTH && entry !== undefined) {
      const chain = chainTo(parents, key)
        .map((node) => titled(check, node))
        .join(' > ');
      const constraint = `would reach depth ${above + 1}, past the limit of ${HIERARCHY_MAX_DEPTH}: ${chain}`;
      check.problem(entry, 'parent', constraint, entry.input.parent);
    }
  }
  return { order, parents };
}

function chainTo(parents: ReadonlyMap<string, string | null>, key: string): string[] {
  const chain: string[] = [];
  for (let at: string | null = key; at !== null; at = parents.get(at) ?? null) chain.unshift(at);
  return chain;
}

/** The links of the plan, each meaning once; cycles and links between an item and its ancestor are problems. */
async function settle(
  reader: Reader,
  check: Check,
  placed: ReadonlyMap<string, string | null>,
): Promise<KeyedLink[]> {
  const wanted = check.entries.flatMap((entry) => linksOf(check, entry));
  if (wanted.length > PLAN_LINKS_MAX) {
    const constraint = `have ${wanted.length} links in all, at most ${PLAN_LINKS_MAX} are possible in one call`;
    throw validationError({ field: 'items', constraint, value: wanted.length });
  }
  const parents = new Map(placed);
  const titles = new Map<string, string>();
  for (const item of check.existing.values()) {
    if (item === null) continue;
    titles.set(existingNode(item.id), item.title);
    idsOnPath(item.path).forEach((id, level, path) => {
      const above = path[level - 1];
      parents.set(existingNode(id), above === undefined ? null : existingNode(above));
    });
  }
  const there = await linksThere(
    reader,
    wanted.map(({ link }) => link),
  );
  for (const { from, to } of there)
    for (const node of [from, to]) parents.set(node, parents.get(node) ?? null);
  const key = (link: KeyedLink) => JSON.stringify([link.from, link.type, link.to]);
  const origin = new Map(wanted.map((one) => [key(one.link), one]));
  // Links that are there come first, so that what closes a cycle is always one of the plan's.
  const order = [...new Set([...[...parents.keys()].filter(isExisting), ...parents.keys()])];
  const links = wanted.map(({ link }) => link);
  const { links: settled, adjusted } = settleLinks([...there, ...links], order, parents);
  const unnamed = adjusted.flatMap(({ cycle }) =>
    cycle.filter((node) => isExisting(node) && !titles.has(node)),
  );
  if (unnamed.length > 0) {
    const ids = [...new Set(unnamed.map(existingId))];
    for (const [id, title] of await reader.findTitles(ids)) titles.set(existingNode(id), title);
  }
  for (const { link, why, cycle } of adjusted) {
    const found = origin.get(key(link)) ?? wanted.find(({ link: own }) => cycle.includes(own.from));
    if (found === undefined) continue;
    const name = (node: string) => titled(check, node, titles);
    const constraint = {
      self: () => 'names the item itself',
      ancestry: () =>
        `would make ${name(link.from)} and ${name(link.to)} wait for each other: one is an ancestor of the other`,
      cycle: () => `would close a cycle: ${cycle.map(name).join(' waits for ')}`,
    }[why]();
    check.problem(found.entry, found.field, constraint, found.name);
  }
  const own = new Set(links.map(key));
  return settled.filter((link) => own.has(key(link)));
}

interface WantedLink {
  link: KeyedLink;
  entry: PlanEntry;
  field: string;
  name: string;
}

function linksOf(check: Check, entry: PlanEntry): WantedLink[] {
  const { key, depends_on, blocks } = entry.input;
  const link = (type: DependencyType & KeyedLink['type'], names: string[]) =>
    names.flatMap((name, at): WantedLink[] => {
      const to = nodeOf(check, name);
      return to === undefined
        ? []
        : [{ link: { from: key, to, type }, entry, field: `${type}[${at}]`, name }];
    });
  return [...link('depends_on', depends_on), ...link('blocks', blocks)];
}

/** The blocking links that lead from the items that the plan holds up back to those that hold the plan up. */
async function linksThere(reader: Reader, wanted: readonly KeyedLink[]): Promise<KeyedLink[]> {
  const held = wanted.filter(({ to, type }) => type === 'blocks' && isExisting(to));
  const holding = wanted.some(({ to, type }) => type === 'depends_on' && isExisting(to));
  if (!holding || held.length === 0) return [];
  const found = await reader.findBlockingLinks([...new Set(held.map(({ to }) => existingId(to)))]);
  return found.flatMap((link) => {
    const pair = blockingPair(link);
    if (pair === undefined) return [];
    return [
      { from: existingNode(pair.blocked), to: existingNode(pair.blocker), type: 'depends_on' as const },
    ];
  });
}

function titled(check: Check, node: string, titles?: ReadonlyMap<string, string>): string {
  if (!isExisting(node)) {
    const title = check.entries.find(({ input }) => input.key === node)?.input.title;
    return title === undefined ? node : `${JSON.stringify(node)} (${title})`;
  }
  const id = existingId(node);
  const known = [...check.existing.values()].find((item) => item?.id === id)?.title ?? titles?.get(node);
  return `${id.slice(0, 8)}${known === undefined ? '' : ` (${known})`}`;
}

function metadataWarnings({ problem }: Check, entry: PlanEntry): Warning[] {
  const { item_type, metadata } = entry.input;
  try {
    return checkItemMetadata(item_type, withoutEmptyKnown(item_type, metadata)).warnings;
  } catch (error) {
    for (const { field, constraint, value } of problemsOf(error)) problem(entry, field, constraint, value);
    return [];
  }
}
