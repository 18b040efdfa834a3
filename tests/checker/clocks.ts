// A server whose clock is wrong, by libfaketime where the machine has it.
import { existsSync } from 'node:fs';
import type { FaultRecord } from './history.ts';
import type { Random } from './random.ts';

const CANDIDATES = [
  process.env['WORKTRAIL_CHECKER_FAKETIME'],
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib64/faketime/libfaketime.so.1',
  '/usr/local/lib/faketime/libfaketime.so.1',
];
const OFFSETS_S = [5, 60, 3_600, 86_400];

export function bentClockProblem(): string | undefined {
  return library() === undefined
    ? 'needs libfaketime (WORKTRAIL_CHECKER_FAKETIME names another place)'
    : undefined;
}

/** The environment of a program whose clock is wrong from the beginning. */
export function bendClock(random: Random): { env: Record<string, string>; record: FaultRecord } {
  const offset = `${random.chance(0.5) ? '+' : '-'}${random.pick(OFFSETS_S)}s`;
  return {
    env: { LD_PRELOAD: library() ?? '', FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    record: {
      fault: 'clock is wrong',
      target: 'server a1',
      from: 0,
      to: Date.now(),
      detail: offset,
      bendsTime: true,
    },
  };
}

function library(): string | undefined {
  return CANDIDATES.find((file) => file !== undefined && existsSync(file));
}
