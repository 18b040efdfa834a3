// Runs the tests (arguments go to vitest) and prints, as the very last line, how many passed, failed
// and were skipped. Vitest is a child, so that this line comes even if it crashes.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const vitest = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
const reporter = fileURLToPath(new URL('test-outcome-reporter.js', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-tests-'));
const outcomeFile = path.join(folder, 'outcome.json');

const exit = await runVitest(process.argv.slice(2));
const outcome = readOutcome();
rmSync(folder, { recursive: true, force: true });
process.exitCode = report(outcome, exit);

function runVitest(args) {
  const wantsReporter = args.some((argument) => argument.startsWith('--reporter'));
  const reporters = [...(wantsReporter ? [] : ['--reporter=default']), `--reporter=${reporter}`];
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, WORKTRAIL_TEST_OUTCOME: outcomeFile },
  });
  // Ctrl+C reaches the child by itself and it stops in order; wait for that and still report.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
}

function readOutcome() {
  try {
    return JSON.parse(readFileSync(outcomeFile, 'utf8'));
  } catch {
    return undefined; // vitest ended before the run did
  }
}

function report(outcome, exit) {
  const { passed = 0, skipped = [], brokenSuites = [], unhandledErrors = [] } = outcome ?? {};
  let failed = (outcome?.failed ?? 0) + brokenSuites.length + unhandledErrors.length;
  console.log();
  for (const name of brokenSuites) console.log(`suite failed: ${name}`);
  for (const message of unhandledErrors) console.log(`unhandled error: ${message.split('\n')[0]}`);
  for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
  if (failed === 0 && (exit !== 0 || passed === 0)) {
    // Not every failure is a test's: a global setup, an empty selection, a vitest that crashed.
    console.log(exit === 0 ? 'failed: no test was executed' : `failed: vitest ended with ${exit}`);
    failed = 1;
  }
  const counts = [`${passed} passed`, `${failed} failed`];
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
  console.log(counts.join(', '));
  return failed === 0 ? 0 : 1;
}
