// What a test starts is ended for it: at the end of that test, or of the file for what was started
// in a `beforeAll` hook (each-file.ts). Outside of vitest (benchmarks), the program calls `cleanUp` itself.

type CleanUpTask = () => Promise<void> | void;

const tasksOfFile: CleanUpTask[] = [];
const vitest = process.env['VITEST'] === undefined ? undefined : await import('vitest');

export function cleanUpLater(task: CleanUpTask): void {
  const test = vitest?.TestRunner.getCurrentTest();
  // Among concurrent tests the "current" one may be somebody else's: wait for the file's end then.
  if (vitest && test && test.concurrent !== true) vitest.onTestFinished(task);
  else tasksOfFile.push(task);
}

/** Runs every task, the latest first, and only then throws what failed. */
export async function cleanUp(): Promise<void> {
  const failures: unknown[] = [];
  for (const task of tasksOfFile.splice(0).reverse()) {
    try {
      await task();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Some clean-up failed.');
}
