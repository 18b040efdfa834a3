// The order of the test files. Those that take minutes begin first: one that began last would run alone for as long.
import path from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first; each took more than 40 s in a run of all of them. */
const LONG = [
  'torture/model-bugs',
  'torture/corruption',
  'torture/nth-call',
  'torture/model',
  'processes/outage-belief',
  'cli/move-to-postgres',
  'security/hostile-files',
  'security/hostile-git',
  'processes/concurrency',
  'mcp/subscriptions',
  'processes/backup',
  'security/hostile-journals',
  'storage/postgres-network',
  'mcp/unavailable-store',
  'mcp/fallback',
  'processes/lifecycle',
  'cli/jobs',
  'storage/live/feed-watch',
];

export default class LongTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const name = path
        .relative('tests', moduleId)
        .replaceAll('\\', '/')
        .replace(/\.test\.ts$/, '');
      const at = LONG.indexOf(name);
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
