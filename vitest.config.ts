import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export default defineConfig({
  // scripts/build.js defines the same for the bundle.
  define: { WORKTRAIL_VERSION: JSON.stringify(manifest.version) },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    // Real processes: the native SQLite addon, signals and working directories do not mix with threads.
    pool: 'forks',
    // Each worker has servers and databases of its own beside it; more of them only take turns.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
