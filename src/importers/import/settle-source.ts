/**
 * Which source a file is: one that was imported before, or another. Ids of other trackers repeat from project to
 * project, so the items tell, together with the place that the file lies in. Where they do not, the caller is asked.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { stretches } from '../../platform/in-turns.ts';
import { oneLine } from '../../domain/others-text.ts';
import { shortenText, validationError, type TrackerError } from '../../domain/errors.ts';
import type { ImportedItem } from '../../storage/queries/imported.ts';
import { hashOf, isCredible, verdictOf, type Verdict } from './item-comparison.ts';
import { knownSources, type KnownSource, type Match } from './known-items.ts';
import { planUnder } from './plan-identity.ts';
import { plannedId, type ImportPlan } from './plan.ts';
import { firstNames, withFirstNames, type Renaming } from './renamed-groups.ts';
import { compareWith, type Evidence } from './source-evidence.ts';

/** Which source a file was taken for, and why. */
export interface SourceTaken {
  namespace: string;
  /** `new`, `known`, or `named` by the caller. */
  as: 'new' | 'known' | 'named';
  /** Where it lies; null where that was not looked at. */
  place: string | null;
  /** Where it lay when it was imported before. */
  known_places: string[];
  reason: string;
  /** Sources with some of the same ids that it was not taken for. */
  others: { namespace: string; places: string[]; reason: string }[];
  /** Items that the source calls by another id than before; the first 20. */
  renamed: { from: string; to: string }[];
  renamed_total: number;
}

export interface Settled {
  plan: ImportPlan;
  taken: SourceTaken;
  /** Items whose comments may be here under other ids. */
  renamedIds: ReadonlySet<string>;
  /** Whether an item says that the source lies where it lies now. */
  isPlaceKnown: boolean;
}

const RENAMED_SHOWN = 20;

/**
 * The plan with the namespace and the ids that its items have here.
 * @param imported every item that imports of this kind brought
 * @throws ValidationError (field `namespace`) where it cannot be told which source it is
 */
export async function settleSource(
  plan: ImportPlan,
  imported: readonly ImportedItem[],
  projectDir: string,
): Promise<Settled> {
  const options = { isThere: (file: string) => existsSync(path.join(projectDir, file)) };
  const sources = knownSources(imported);
  if (plan.is_named) {
    const source = sources.find(({ namespace }) => namespace === plan.namespace);
    const evidence = source === undefined ? undefined : await compareWith(plan, source, options);
    const reason = evidence === undefined ? 'a new one, as you said' : `as you said; ${spoken(evidence)}`;
    return await settled(plan, plan.namespace, 'named', evidence, [], reason);
  }
  const all: Evidence[] = [];
  for (const source of sources) all.push(await compareWith(plan, source, options));
  const others = (not: Evidence | undefined) =>
    all.filter((one) => one !== not && hasStrangers(one)).map(whyNot);
  const chosen = choose(plan, all, options.isThere);
  if (chosen === 'new') {
    const name = freeName(plan.namespace, sources);
    return await settled(
      plan,
      name,
      'new',
      undefined,
      others(undefined),
      'no source of this kind has these items',
    );
  }
  const { evidence, reason } = chosen;
  const [renaming] = evidence.unclear;
  if (renaming !== undefined) throw undecided(plan, [evidence], spokenRenaming(renaming), all);
  return await settled(plan, evidence.source.namespace, 'known', evidence, others(evidence), reason);
}

type Choice = { evidence: Evidence; reason: string };

function choose(
  plan: ImportPlan,
  all: readonly Evidence[],
  isThere: (file: string) => boolean,
): Choice | 'new' {
  const { place } = plan;
  // What was imported before places were kept is called as its usual place is.
  const isHere = ({ source: { places, namespace } }: Evidence) =>
    place !== null && (places.size > 0 ? places.has(place.text) : namespace === place.name);
  const by = (verdict: Verdict) => all.filter((one) => verdictOf(one) === verdict);
  const same = by('same');
  const best = foremost(same.some(isHere) ? same.filter(isHere) : same);
  if (best === 'several') throw undecided(plan, same, 'these items are in several sources', all);
  if (best !== undefined) {
    const copied = isHere(best) ? undefined : placeOfOriginal(plan, best, isThere);
    if (copied !== undefined)
      throw undecided(plan, [best], `the items are those of ${copied}, which is still there`, all);
    return { evidence: best, reason: isHere(best) ? `${HERE}, and ${spoken(best)}` : spoken(best) };
  }
  const here = all.filter(isHere);
  if (here.length > 0) {
    const credible = here.filter(isCredible);
    const only = foremost(credible);
    if (only === undefined || only === 'several') {
      throw undecided(
        plan,
        credible.length > 0 ? credible : here,
        `${HERE}, but the items are not the same`,
        all,
      );
    }
    const reason =
      only.matches.length > 0 ? `${HERE}, and ${spoken(only)}` : `${HERE}; no item of then is in it`;
    return { evidence: only, reason };
  }
  const unclear = all.filter((one) => verdictOf(one) === 'unclear' || isTooLittle(one));
  if (unclear.length > 0) throw undecided(plan, unclear, 'too few of its items tell', all);
  return 'new';
}

const HERE = 'it lies where that source was imported from';

/** A few other titles say little of a source whose place is not known: they may have been changed. */
const TELLING_ITEMS = 3;

const isTooLittle = (evidence: Evidence): boolean =>
  evidence.source.places.size === 0 &&
  verdictOf(evidence) === 'other' &&
  evidence.others.length + evidence.retitled < TELLING_ITEMS;

function foremost(candidates: readonly Evidence[]): Evidence | 'several' | undefined {
  const [first, second] = candidates.toSorted(
    (a, b) => b.same - a.same || b.matches.length - a.matches.length,
  );
  if (first === undefined || second === undefined) return first;
  return first.same === second.same && first.matches.length === second.matches.length ? 'several' : first;
}

/** The folders in which these trackers keep themselves: two of them are two trackers, even if one began as a copy. */
const LIVE_PLACE = /(?:^|\/)(?:\.taskmaster\/tasks\/tasks\.json|\.beads\/[^/]+|\.?backlog)$/;

function placeOfOriginal(
  { place, items }: ImportPlan,
  { source, matches }: Evidence,
  isThere: (file: string) => boolean,
): string | undefined {
  if (place?.inProject == null || !LIVE_PLACE.test(place.inProject)) return undefined;
  // What is the same word for word changes nothing.
  if (items.length === matches.length && matches.every(isWordForWord)) return undefined;
  return [...source.places].find((known) => LIVE_PLACE.test(known) && isThere(known));
}

const isWordForWord = ({ planned, known }: Match): boolean => hashOf(planned) === known.hash;

function undecided(
  plan: ImportPlan,
  candidates: readonly Evidence[],
  reason: string,
  all: readonly Evidence[],
): TrackerError {
  const shown = candidates.slice(0, CANDIDATES_SHOWN).map((evidence) => {
    const { namespace, places } = evidence.source;
    const from = places.size === 0 ? '' : ` (from ${[...places].sort().map(quote).join(', ')})`;
    return `${quote(namespace)}${from}: ${spoken(evidence)}`;
  });
  const own = quote(candidates[0]?.source.namespace ?? plan.namespace);
  const free = quote(
    freeName(
      plan.namespace,
      all.map(({ source }) => source),
    ),
  );
  return validationError(
    {
      field: 'namespace',
      constraint: `must say which source this is, for it cannot be told: ${reason}. ${shown.join('. ')}`,
      value: null,
    },
    `Call again with a namespace (--namespace at the command line): ${own} updates the items of that source${asRenamed(candidates[0])}, a new name such as ${free} imports these items beside them. Nothing was changed.`,
  );
}

const CANDIDATES_SHOWN = 5;

function freeName(wanted: string, sources: readonly KnownSource[]): string {
  const taken = new Set(sources.map(({ namespace }) => namespace));
  let name = wanted;
  for (let count = 2; taken.has(name); count += 1) name = `${wanted} ${count}`;
  return name;
}

async function settled(
  plan: ImportPlan,
  namespace: string,
  as: SourceTaken['as'],
  evidence: Evidence | undefined,
  others: SourceTaken['others'],
  reason: string,
): Promise<Settled> {
  const matches = evidence?.matches ?? [];
  const renamed = matches.filter(({ by }) => by === 'content');
  const ids = new Map(matches.map(({ planned, known }) => [planned.made_of.key, known.id]));
  const places = evidence?.source.places ?? new Set<string>();
  const here = await planUnder(plan, namespace, await withFreeIds(plan, namespace, evidence, ids));
  return {
    plan: withFirstNames(
      here,
      evidence === undefined
        ? new Map()
        : firstNames(await planUnder(plan, namespace), evidence.source, matches),
    ),
    taken: {
      namespace,
      as,
      place: plan.place?.text ?? null,
      known_places: [...places].sort(),
      reason,
      others,
      renamed: renamed
        .slice(0, RENAMED_SHOWN)
        .map(({ planned, known }) => ({ from: known.foreign_id, to: planned.foreign_id })),
      renamed_total: renamed.length,
    },
    renamedIds: new Set(
      matches
        .filter(({ planned, known }) => known.id !== plannedId(plan.source, namespace, planned.made_of.key))
        .map(({ known }) => known.id),
    ),
    isPlaceKnown: plan.place === null || places.has(plan.place.text),
  };
}

/** The id that an item's key would give may be that of an item that goes by another id in the source now. */
async function withFreeIds(
  { source, items }: ImportPlan,
  namespace: string,
  evidence: Evidence | undefined,
  ids: Map<string, string>,
): Promise<Map<string, string>> {
  const taken = new Set(evidence?.source.items.map(({ id }) => id));
  const turn = stretches();
  for (const {
    made_of: { key },
  } of items) {
    await turn();
    if (ids.has(key)) continue;
    for (
      let name = key;
      taken.has(plannedId(source, namespace, name));
      ids.set(key, plannedId(source, namespace, name))
    )
      name += ' (new)';
  }
  return ids;
}

const hasStrangers = ({ doubtful, retitled, others }: Evidence): boolean =>
  doubtful + retitled + others.length > 0;

function whyNot(evidence: Evidence): SourceTaken['others'][number] {
  const { source } = evidence;
  return { namespace: source.namespace, places: [...source.places].sort(), reason: spoken(evidence) };
}

const quote = (text: string): string => JSON.stringify(shortenText(oneLine(text)));

function spoken({ source, same, doubtful, retitled, others }: Evidence): string {
  const compared = same + doubtful + retitled + others.length;
  const counts = `${same} of ${compared} items that are in both are the same`;
  const [other] = others;
  if (other === undefined) return counts;
  const { planned, known } = other;
  return `${counts}; ${quote(planned.foreign_id)} is ${quote(planned.title)} in the file and was ${quote(known.title)} in ${quote(source.namespace)}`;
}

function spokenRenaming({ group, before, likeness: { same, doubtful, retitled, others } }: Renaming): string {
  const compared = same + doubtful + retitled + others.length;
  return `${quote(group)} may be ${quote(before)} by another name, or something else: ${same} of ${compared} items under one number are the same`;
}

const asRenamed = (evidence: Evidence | undefined): string =>
  (evidence?.unclear ?? [])
    .map(({ group, before }) => ` (those of ${quote(before)} as ${quote(group)})`)
    .join('');
