// What is made of the suite's findings: every check succeeds, or is in the list and does what the list says.
import { EXCEPTIONS, type Build, type Exception } from './exceptions.ts';
import type { Check, Era, Found } from './suite.ts';

export interface Verdict {
  /** A line each; none where all is as it should be. */
  problems: string[];
  passed: number;
  /** Checks that are in the list: they count for nothing. */
  listed: number;
}

export interface Run {
  build: Build;
  era: Era;
  /** Those of the revision. */
  scenarios: readonly string[];
  found: Found;
}

export function judge({ build, era, scenarios, found }: Run, exceptions = EXCEPTIONS): Verdict {
  const list = exceptions
    .filter((one) => (one.build ?? build) === build && (one.era ?? era) === era)
    .flatMap((exception) => exception.of.map((name) => ({ name, exception })));
  const unknown = [...found.keys()].filter((name) => !scenarios.includes(name));
  const verdicts = scenarios.map((scenario) => judgeScenario(scenario, found.get(scenario) ?? [], list));
  return {
    problems: [
      ...unknown.map((name) => `${name}: is no scenario of this revision`),
      ...verdicts.flatMap(({ problems }) => problems),
    ],
    passed: verdicts.reduce((sum, { passed }) => sum + passed, 0),
    listed: verdicts.reduce((sum, { listed }) => sum + listed, 0),
  };
}

/** The problems that came up before as well: what is said of them, an id or a time, may differ from run to run. */
export function foundAgain(problems: readonly string[], before: readonly string[]): string[] {
  const names = new Set(before.map(nameIn));
  return problems.filter((problem) => names.has(nameIn(problem)));
}

const nameIn = (problem: string): string => problem.slice(0, problem.indexOf(': '));

/** A scenario, or one check of it as `scenario:check`. */
type List = readonly { name: string; exception: Exception }[];

function judgeScenario(scenario: string, all: readonly Check[], list: List): Verdict {
  const checks = all.filter(({ status }) => status !== 'INFO');
  if (checks.length === 0) return { problems: [`${scenario}: was not run`], passed: 0, listed: 0 };
  const nameOf = ({ id }: Check) => `${scenario}:${id}`;
  const ofScenario = list.filter(({ name }) => name === scenario || name.startsWith(`${scenario}:`));
  const isListed = (check: Check) =>
    ofScenario.some(({ name }) => name === scenario || name === nameOf(check));
  const unlisted = checks.filter((check) => !isListed(check));
  const wrong = unlisted.filter((check) => !isSuccess(check));
  const stale = ofScenario.flatMap(({ name, exception }) => {
    const covered = checks.filter((check) => name === scenario || name === nameOf(check));
    const reason = whyStale(covered, exception);
    return reason === undefined ? [] : [`${name}: ${reason}`];
  });
  return {
    problems: [
      ...wrong.map((check) => `${nameOf(check)}: ${check.status}: ${check.errorMessage ?? 'without a word'}`),
      ...stale,
    ],
    passed: unlisted.length - wrong.length,
    listed: checks.length - unlisted.length,
  };
}

/** A warning is of what a server should do, and a skipped check of what it does not offer: both need a reason. */
const isSuccess = ({ status }: Check): boolean => status === 'SUCCESS';

function whyStale(covered: readonly Check[], { passes }: Exception): string | undefined {
  if (covered.length === 0) return 'is listed, and was not checked';
  const succeeds = covered.every(isSuccess);
  if (passes === undefined) return succeeds ? 'is listed, and succeeds' : undefined;
  return succeeds ? undefined : `is listed as passing ${passes}, and fails`;
}
