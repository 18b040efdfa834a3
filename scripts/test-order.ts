// The order of the test files. Those that take minutes begin first: one that began last would run alone for as long. Then
// those that start programs, then those that start git, before those that fill the memory of a worker: to start a
// program, Linux copies the page tables of who starts it, which takes 2 ms of a worker of 100 MB and 30 ms of one of 800 MB.
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
const PROGRAMS = [
  'processes',
  'security',
  'cli',
  'mcp',
  'http',
  'conformance',
  'checker',
  'clients',
  'support',
];
const GIT = ['storage', 'torture'];

export class LongTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = (await super.sort(files)).map((file) => ({ file, place: placeOf(file) }));
    return sorted.sort((a, b) => a.place - b.place).map(({ file }) => file);
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const name = path
    .relative('tests', moduleId)
    .replaceAll('\\', '/')
    .replace(/\.test\.ts$/, '');
  const folder = name.split('/')[0] ?? '';
  const long = LONG.indexOf(name);
  if (long >= 0) return long;
  if (LARGE.includes(name)) return LONG.length + 2;
  if (PROGRAMS.includes(folder)) return LONG.length;
  return LONG.length + (GIT.includes(folder) ? 1 : 3);
}
