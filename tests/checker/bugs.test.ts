// Bugs that were put into the program on purpose, each found by the checker.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, type PostgresServer } from '../support/postgres.ts';
import { episodes, isLong, report, seed } from '../torture/scale.ts';
import { SEEDED_BUGS } from './bugs.ts';
import { checkHistory, describeViolations } from './checks/check-history.ts';
import { DatabaseControl } from './database-control.ts';
import { buildMutant } from './mutant.ts';
import { runSchedule } from './run.ts';

/** For all schedules that are tried: most bugs are found by the first. */
const LONGEST_MS = episodes(150_000, 20 * 60_000);

describeUnless(postgresSkipReason(), 'seeded bugs', () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await DatabaseControl.startServer()));
  afterAll(() => server.stop());

  const bugs = SEEDED_BUGS.filter(({ isQuick }) => isLong || isQuick);
  for (const { name, replacements, schedules, breaks } of bugs)
    it(`finds a program that ${name}`, { timeout: LONGEST_MS }, async () => {
      const mutant = buildMutant(replacements);
      try {
        const tries = episodes(schedules.runs.short, schedules.runs.long);
        const others = new Set<string>();
        for (let run = 0; run < tries; run += 1) {
          const history = await runSchedule(schedules, `${seed}-${run}`, { server, program: mutant.program });
          const violations = checkHistory(history);
          if (violations.some(({ guarantee }) => breaks.includes(guarantee)))
            return report(`seeded bug: ${name}`, `found by schedule ${run + 1}`);
          others.add(describeViolations(violations));
        }
        expect.fail(`${tries} schedules did not show it (seed ${seed})\n${[...others].join('\n')}`);
      } finally {
        mutant.remove();
      }
    });
});
