// Runs the long form of the torture tests (or of the files that are named; arguments go to vitest) and prints their figures as one table at the end.
// Takes hours: the checker alone more than one on two cores. WORKTRAIL_TORTURE_SEED repeats the choices of a run.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-torture-'));
const reportFile = path.join(folder, 'report.jsonl');
// One seed for all files, so that one line repeats the whole run.
const seed = process.env.WORKTRAIL_TORTURE_SEED ?? randomBytes(4).toString('hex');

const root = fileURLToPath(new URL('..', import.meta.url));
const startedAt = Date.now();
const args = process.argv.slice(2);
const files = args.some((argument) => !argument.startsWith('-'))
  ? []
  : ['tests/torture/', ...otherLongForms()];
const exit = await runTests([...files, '--maxWorkers=2', ...args]);
printTable(existsSync(reportFile) ? readFileSync(reportFile, 'utf8').trim().split('\n').map(JSON.parse) : []);
rmSync(folder, { recursive: true, force: true });
process.exitCode = exit;

/** Of the other tests, those that have a long form. */
function otherLongForms() {
  const tests = readdirSync(path.join(root, 'tests'), { recursive: true }).filter((name) =>
    name.endsWith('.test.ts'),
  );
  return tests
    .map((name) => path.join('tests', name))
    .filter((name) => readFileSync(path.join(root, name), 'utf8').includes("/torture/scale.ts'"));
}

function runTests(args) {
  const runner = fileURLToPath(new URL('run-tests.js', import.meta.url));
  const child = spawn(process.execPath, [runner, ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      WORKTRAIL_TORTURE: 'long',
      WORKTRAIL_TORTURE_SEED: seed,
      WORKTRAIL_TORTURE_REPORT: reportFile,
    },
  });
  // Ctrl+C reaches the child by itself and it stops in order; what it has found until then is still printed.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** The first column is as wide as the longest name; figures of one test stand below each other. */
function printTable(rows) {
  const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
  const width = Math.max(0, ...rows.map(({ test }) => test.length)) + 2;
  console.log(`\nTorture, ${minutes} minutes, WORKTRAIL_TORTURE_SEED=${seed}`);
  for (const { test, figures } of rows.sort((a, b) => (a.test < b.test ? -1 : 1))) {
    const [first, ...others] = figures.split(/, (?![^(]*\))/);
    console.log(`${test.padEnd(width)}${first}`);
    for (const figure of others) console.log(`${' '.repeat(width)}${figure}`);
  }
}
