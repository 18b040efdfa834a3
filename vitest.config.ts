import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { LongTestsFirst, PARTS } from './scripts/test-order.ts';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// scripts/build.js defines the same for the bundle.
const define = { WORKTRAIL_VERSION: JSON.stringify(manifest.version) };
const shared = {
  setupFiles: ['tests/support/each-file.ts'],
  // Real processes: the native SQLite addon, signals and working directories do not mix with threads.
  pool: 'forks' as const,
  // A worker loads the product once, not once for each file: what a file keeps in a module it gives away at its end.
  isolate: false,
  // For what hangs. A busy machine is slow, and slowness is no failure: nothing here measures time.
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000 } },
};

export default defineConfig({
  define,
  test: {
    globalSetup: ['tests/support/global-setup.ts'],
    // Four keep two cores busy for 94 % of the time; with three, which often wait for a server or a clock, a fifth is idle.
    maxWorkers: 4,
    sequence: { sequencer: LongTestsFirst },
    // A worker takes files of one project only, and ends when the next file is of another: memory that files left is gone.
    projects: Object.entries(PARTS).map(([name, { include, exclude = [] }]) => ({
      define,
      test: { ...shared, name, include, exclude },
    })),
  },
});
