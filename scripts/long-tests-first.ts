// The order of the test files. Those that take minutes begin first: one that began last would run alone for as long. Then
// those that start programs, before those that fill the memory of a worker: to start a program, Linux copies the page tables
// of who starts it, which takes 4 ms of a worker of 50 MB and 50 ms of one of 1 GB.
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
const STARTS_PROGRAMS = /^(processes|security|cli|mcp|checker|support)\//;
/** What they compute takes long, too. */
const LARGE = ['torture/model', 'torture/model-bugs', 'torture/nth-call', 'new-noun'];

export default class LongTestsFirst extends BaseSequencer {
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
  const at = LONG.indexOf(name);
  if (at >= 0) return at;
  if (STARTS_PROGRAMS.test(name)) return LONG.length;
  return LARGE.includes(name) ? LONG.length + 1 : LONG.length + 2;
}
