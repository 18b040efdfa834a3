// The official conformance suite in both eras of the protocol: against the program as it is shipped, and against the same
// server with the tools, resources and prompts that most scenarios call.
import { beforeAll, describe, expect, it } from 'vitest';
import { EXCEPTIONS, type Build } from './exceptions.ts';
import { BUILDS } from './servers.ts';
import { ERAS, runSuite, scenariosOf, type Era } from './suite.ts';
import { foundAgain, judge, type Verdict } from './verdicts.ts';

/** The suite waits half a second for some answers, which a busy machine may take: what is wrong each time is wrong. */
const RUNS_MAX = 3;

describe.each(Object.keys(BUILDS) as Build[])('the server, as %s,', (build) => {
  let url: string;
  beforeAll(async () => {
    url = await BUILDS[build]();
  });

  it.each(ERAS)('conforms to %s but for what is listed', async (era) => {
    let verdict = await tryOnce(build, era, url);
    let { problems } = verdict;
    for (let runs = 1; problems.length > 0 && runs < RUNS_MAX; runs += 1) {
      verdict = await tryOnce(build, era, url);
      problems = foundAgain(verdict.problems, problems);
    }
    const { passed, listed } = verdict;
    console.log(
      `conformance ${era}, ${build}: ${passed} passed, ${listed} listed, ${passed + listed} checks`,
    );
    expect(problems).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  });
});

async function tryOnce(build: Build, era: Era, url: string): Promise<Verdict> {
  return judge({ build, era, scenarios: scenariosOf(era), found: await runSuite(url, era) });
}

it('lists nothing that the suite does not have', () => {
  const known = new Map(ERAS.map((era) => [era, scenariosOf(era)]));
  const isKnown = (name: string, eras: readonly Era[]) =>
    eras.some((era) => known.get(era)?.includes(name.replace(/:.*/, '')));
  const unknown = EXCEPTIONS.flatMap(({ of, era }) =>
    of.filter((name) => !isKnown(name, era === undefined ? ERAS : [era])),
  );
  expect(unknown).toEqual([]);
});
