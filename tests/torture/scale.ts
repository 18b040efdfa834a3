// How much the torture tests do: a little in every run of the tests, much with WORKTRAIL_TORTURE=long
// (`npm run torture`). WORKTRAIL_TORTURE_SEED repeats the choices of a run, though never its timing.
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { Random } from './model/random.ts';

export const isLong = process.env['WORKTRAIL_TORTURE'] === 'long';

export const seed = process.env['WORKTRAIL_TORTURE_SEED'] ?? randomBytes(4).toString('hex');

/** The count for the run at hand. */
export function episodes(short: number, long: number): number {
  return isLong ? long : short;
}

/** For a test's `timeout`: generous, because a slow machine is not what these tests look for. */
export const TIMEOUT_MS = episodes(120_000, 1_200_000);

/** Choices that follow from the seed; each name has a sequence of its own. */
export function randomFor(name: string): Random {
  return new Random(`${seed} ${name}`);
}

/** One line of results, as `300 episodes, 4,812 writes acknowledged, 0 lost`; scripts/torture.js collects them. */
export function report(test: string, figures: string): void {
  console.info(`${test}: ${figures} (seed ${seed})`);
  const file = process.env['WORKTRAIL_TORTURE_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ test, seed, figures })}\n`);
}

/** `4812` as `4,812`. */
export function counted(count: number): string {
  return count.toLocaleString('en-US');
}
