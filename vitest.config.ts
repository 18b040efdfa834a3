import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { LongTestsFirst } from './scripts/test-order.ts';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export default defineConfig({
  // scripts/build.js defines the same for the bundle.
  define: { WORKTRAIL_VERSION: JSON.stringify(manifest.version) },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    setupFiles: ['tests/support/each-file.ts'],
    // Real processes: the native SQLite addon, signals and working directories do not mix with threads.
    pool: 'forks',
    // A worker loads the product once, not once for each file: what a file keeps in a module it gives away at its end.
    isolate: false,
    // Four keep two cores busy for 94 % of the time; with three, which often wait for a server or a clock, a fifth is idle.
    maxWorkers: 4,
    sequence: { sequencer: LongTestsFirst },
    // For what hangs. A busy machine is slow, and slowness is no failure: nothing here measures time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
