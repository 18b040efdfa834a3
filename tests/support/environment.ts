// What a program started by a test gets to see of the developer's environment.

/** `undefined` removes a variable. */
export type EnvironmentOverrides = Record<string, string | undefined>;

/**
 * Settings of ours, git's and PostgreSQL's that would change what a test observes, the session of a client that runs it, and
 * what vitest sets in its workers: the program must behave as it does outside of tests.
 */
const NOT_INHERITED =
  /^(?:DATABASE_URL|TEST_DATABASE_URL|WORKTRAIL_.*|GIT_.*|PG[A-Z]+|CLAUDE_CODE_SESSION_ID|CODEX_THREAD_ID|VITEST.*|TEST|NODE_ENV|FORCE_COLOR)$/i;

export function cleanEnvironment(overrides: EnvironmentOverrides = {}): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  return Object.fromEntries(
    Object.entries({ ...Object.fromEntries(inherited), ...overrides }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
