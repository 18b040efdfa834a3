// Random schedules of faults against the built program, judged from outside: see run.ts and checks/.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, type PostgresServer } from '../support/postgres.ts';
import { counted, episodes, report, seed } from '../torture/scale.ts';
import { checkHistory, describeViolations } from './checks/check-history.ts';
import { CLASSES, type ScheduleClass } from './classes.ts';
import { DatabaseControl } from './database-control.ts';
import { keepHistory, type History } from './history.ts';
import { runSchedule } from './run.ts';

/** For all schedules of a class: each takes some 15 s, and what does not settle is given a minute. */
const LONGEST_MS = episodes(150_000, 3 * 60 * 60_000);
/** Repeats one class, WORKTRAIL_CHECKER_RUNS times. */
const only = process.env['WORKTRAIL_CHECKER_ONLY'];
const isWanted = ({ name, runs }: ScheduleClass) =>
  only === undefined ? episodes(runs.short, runs.long) > 0 : name === only;

const onPostgres = CLASSES.filter((of) => of.primary === 'postgres' && isWanted(of));
const onSqlite = CLASSES.filter((of) => of.primary === 'sqlite' && isWanted(of));

if (onPostgres.length > 0) {
  describeUnless(postgresSkipReason(), 'schedules on PostgreSQL', () => {
    let server: PostgresServer;
    beforeAll(async () => void (server = await DatabaseControl.startServer()));
    afterAll(() => server.stop());
    suite(onPostgres, () => server);
  });
}
if (onSqlite.length > 0)
  describe('schedules on the embedded database', () => suite(onSqlite, () => undefined));

function suite(classes: readonly ScheduleClass[], server: () => PostgresServer | undefined): void {
  for (const one of classes)
    it(`${one.name}: every guarantee holds`, { timeout: LONGEST_MS }, async (context) => {
      const problem = one.problem?.();
      if (problem !== undefined) context.skip(problem);
      const count = Number(process.env['WORKTRAIL_CHECKER_RUNS'] ?? episodes(one.runs.short, one.runs.long));
      const sums = { calls: 0, writes: 0, faults: 0 };
      const failures: string[] = [];
      for (let run = 0; run < count; run += 1) {
        const name = `${seed}-${run}`;
        const history = await runSchedule(one, name, { server: server() }).catch((cause: unknown) => {
          throw new Error(`the schedule ${name} came to no end`, { cause });
        });
        sums.calls += history.calls.length;
        sums.writes += history.calls.filter(({ deed, outcome }) => deed && outcome === 'answered').length;
        sums.faults += history.faults.length;
        const failure = judge(history);
        if (failure !== undefined) failures.push(failure);
      }
      const figures = `${counted(sums.calls)} calls, ${counted(sums.writes)} writes acknowledged, ${counted(sums.faults)} faults`;
      report(`checker: ${one.name}`, `${count} schedules, ${figures}, ${failures.length} with violations`);
      expect(failures.join('\n\n')).toBe('');
    });
}

/** What to print of a history that shows a guarantee broken; it is kept in a file for `checkHistory`. */
function judge(history: History): string | undefined {
  const violations = checkHistory(history);
  if (violations.length === 0) return undefined;
  return `seed ${history.seed}, ${keepHistory(history)}\n${describeViolations(violations)}`;
}
