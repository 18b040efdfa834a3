/** Hierarchy and links of beads issues: both are kept in one list of typed dependencies. */
import { isPlainObject } from '../../domain/json.ts';
import { compareNatural } from '../import/natural-order.ts';
import { display, type PlanLog } from '../import/plan-log.ts';
import { ownList, ownText, type SourceLink } from '../import/source-item.ts';
import { normalWord } from '../import/vocabulary.ts';
import type { PlannedLinkType } from '../../use-cases/records/link-rules.ts';
import type { BeadsIssue } from './beads-issue.ts';

const PARENT_TYPE = 'parent-child';

/** What "issue A has a dependency of this type on issue B" means here, from A to B. */
const LINK_TYPES: ReadonlyMap<string, PlannedLinkType> = new Map([
  ['blocks', 'depends_on'],
  ['related', 'relates_to'],
  ['relates-to', 'relates_to'],
  ['discovered-from', 'discovered_from'],
]);
/** Kinds that hold an issue up under a condition: the condition is in `metadata.imported`, the waiting is a link. */
const CONDITIONAL_TYPES = ['conditional-blocks', 'waits-for'];

/**
 * Sets the parent of every issue and gives the other links. The `parent` field decides when an issue has
 * several parents; the others become `relates_to`. What is not in the export is reported once per reference.
 */
export function readBeadsDependencies(items: readonly BeadsIssue[], log: PlanLog): SourceLink[] {
  const keys = new Set(items.map(({ key }) => key));
  const links: SourceLink[] = [];
  for (const item of items) {
    const parents = new Set<string>();
    const named = ownText(item.row, 'parent');
    if (named !== undefined) parents.add(named);
    const others: { to: string; type: string }[] = [];
    for (const entry of ownList(item.row, 'dependencies')) {
      const to = isPlainObject(entry) ? ownText(entry, 'depends_on_id') : undefined;
      const from = isPlainObject(entry) ? (ownText(entry, 'issue_id') ?? item.foreignId) : undefined;
      if (!isPlainObject(entry) || to === undefined) {
        log.unresolved(item.foreignId, 'dependencies', entry, 'does not say what it depends on');
      } else if (from !== item.foreignId && from !== item.key) {
        log.note(
          'dependency_of_other',
          item.foreignId,
          `lists a dependency of ${display(from)} on ${display(to)}; it is kept in metadata.imported only`,
        );
      } else {
        const type = normalWord(ownText(entry, 'type') ?? 'blocks');
        if (type === PARENT_TYPE) parents.add(to);
        else others.push({ to, type });
      }
    }
    links.push(...placeBelow(item, parents, named, keys, log));
    for (const { to, type } of others) {
      const link = linkOf(item, to, type, keys, log);
      if (link !== undefined) links.push(link);
    }
  }
  return links;
}

function placeBelow(
  item: BeadsIssue,
  parents: ReadonlySet<string>,
  named: string | undefined,
  keys: ReadonlySet<string>,
  log: PlanLog,
): SourceLink[] {
  const present: string[] = [];
  for (const parent of parents) {
    if (keys.has(parent)) present.push(parent);
    else log.unresolved(item.foreignId, 'parent', parent, 'no issue of this export has this id');
  }
  present.sort((a, b) => Number(b === named) - Number(a === named) || compareNatural(a, b));
  const [first, ...further] = present;
  item.parentKey = first ?? null;
  if (first !== undefined) log.map('dependency', PARENT_TYPE, 'parent_id');
  for (const parent of further) {
    log.note(
      'parent_several',
      item.foreignId,
      `has several parents; it is under ${display(first)} and relates to ${display(parent)}`,
    );
  }
  return further.map((parent) => ({ from: item.key, to: parent, type: 'relates_to' }));
}

function linkOf(
  item: BeadsIssue,
  to: string,
  word: string,
  keys: ReadonlySet<string>,
  log: PlanLog,
): SourceLink | undefined {
  if (!keys.has(to)) {
    log.unresolved(
      item.foreignId,
      `dependencies (${display(word)})`,
      to,
      'no issue of this export has this id',
    );
    return undefined;
  }
  const known = LINK_TYPES.get(word);
  const type = known ?? (CONDITIONAL_TYPES.includes(word) ? 'depends_on' : 'relates_to');
  log.map('dependency', word, type);
  if (known === undefined) {
    log.note(
      'dependency_kind',
      item.foreignId,
      `"${display(word)} ${display(to)}" became ${type}; the original is kept`,
    );
  }
  return { from: item.key, to, type };
}
