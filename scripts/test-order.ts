// The order of the test files, and the parts whose files share workers. Those that take minutes begin first: one that began
// last would run alone for as long. Then those that start programs, then those that start git, before those that fill the
// memory of a worker: to start a program, Linux copies the page tables of who starts it, which takes 2 ms of a worker of
// 100 MB and 30 ms of one of 800 MB.
import path from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first; each took more than 40 s in a run of all of them. */
const LONG = [
  'torture/corruption',
  'processes/outage-belief',
  'cli/move-to-postgres',
  'security/hostile-files',
  'security/hostile-git',
  'processes/concurrency',
  'mcp/subscriptions',
  'processes/backup',
  'security/hostile-journals',
  'security/parsers',
  'storage/postgres-network',
  'mcp/unavailable-store',
  'mcp/fallback',
  'http/limits',
  'processes/lifecycle',
  'cli/jobs',
  'cli/doctor',
  'cli/wrong-settings',
  'storage/live/feed-watch',
];
/** What they compute takes long, too. */
const LARGE = [
  'torture/model',
  'torture/model-bugs',
  'torture/nth-call',
  'new-noun',
  'importers/sources',
  'storage/export/round-trip',
  'storage/deleting',
  'storage/tiers/status-parser',
];
const PROGRAMS = ['processes', 'security', 'cli', 'mcp', 'http', 'checker', 'support'];
const GIT = ['storage', 'torture'];

const filesOf = (names: readonly string[]) => names.map((name) => `tests/${name}.test.ts`);
const filesIn = (folders: readonly string[]) => folders.map((folder) => `tests/${folder}/**/*.test.ts`);

interface Part {
  include: string[];
  exclude?: string[];
}

/** In their order. */
export const PARTS: Readonly<Record<string, Part>> = {
  long: { include: filesOf(LONG) },
  programs: { include: filesIn(PROGRAMS), exclude: filesOf([...LONG, ...LARGE]) },
  git: { include: filesIn(GIT), exclude: filesOf([...LONG, ...LARGE]) },
  large: { include: filesOf(LARGE) },
  rest: {
    include: ['tests/**/*.test.ts'],
    exclude: [...filesOf([...LONG, ...LARGE]), ...filesIn([...PROGRAMS, ...GIT])],
  },
};
const ORDER = Object.keys(PARTS);

export class LongTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = (await super.sort(files)).map((file) => ({ file, place: placeOf(file) }));
    return sorted.sort((a, b) => a.place - b.place).map(({ file }) => file);
  }
}

function placeOf({ moduleId, project }: TestSpecification): number {
  const name = path
    .relative('tests', moduleId)
    .replaceAll('\\', '/')
    .replace(/\.test\.ts$/, '');
  const long = LONG.indexOf(name);
  return long >= 0 ? long : LONG.length + ORDER.indexOf(project.name);
}
