// A vitest reporter that leaves what scripts/run-tests.js counts in the file named by
// WORKTRAIL_TEST_OUTCOME. Vitest's own JSON report has no reasons for skipped tests.
import { writeFileSync } from 'node:fs';

export default class TestOutcomeReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const outcome = { passed: 0, failed: 0, skipped: [], brokenSuites: [], unhandledErrors: [] };
    outcome.unhandledErrors.push(...unhandledErrors.map((error) => String(error.message ?? error)));
    for (const module of modules) {
      countBrokenSuites(module, outcome);
      for (const test of module.children.allTests()) count(test, outcome);
    }
    writeFileSync(process.env.WORKTRAIL_TEST_OUTCOME, JSON.stringify(outcome));
  }
}

/** A file that did not load, or a suite whose hooks failed: its tests may not even be known. */
function countBrokenSuites(module, outcome) {
  for (const suite of [module, ...module.children.allSuites()]) {
    const name =
      suite === module ? module.relativeModuleId : `${module.relativeModuleId} > ${suite.fullName}`;
    if (suite.errors().length > 0) outcome.brokenSuites.push(name);
  }
}

function count(test, outcome) {
  const { state, note } = test.result();
  if (state === 'passed') outcome.passed += 1;
  // `pending` after the end: the worker died or the run was cancelled. That is no success.
  else if (state !== 'skipped') outcome.failed += 1;
  else
    outcome.skipped.push({
      name: `${test.module.relativeModuleId} > ${test.fullName}`,
      reason: note ?? reasonOf(test),
    });
}

function reasonOf(test) {
  if (test.options.mode === 'todo') return 'marked todo';
  if (test.options.mode === 'skip') return 'marked skip, or not selected (-t, .only)';
  return 'not run: a hook of its suite failed, or the run was cancelled';
}
