// Schedules: made from a seed, run, judged, cut down to what shows a fault.
import { anyCommand, anySkew, carryOut, type Action, type Command } from './commands.ts';
import { heal } from './healing.ts';
import { makeLike } from './database.ts';
import type { Machine, Seams } from './machine.ts';
import { countFates, noFates, type Fates } from './oracle.ts';
import { Random } from './random.ts';
import { World, type WorldOptions } from './world.ts';
import { counted } from '../scale.ts';

export const COMMANDS_MAX = 60;

export interface Schedule extends Pick<WorldOptions, 'seed' | 'processes' | 'isSlow' | 'skews'> {
  commands: readonly Command[];
  /** Whether the caches were filled before: else each is filled from the primary first, which takes time. */
  hasCaches: boolean;
  /** Whether all processes end before the end. */
  restart: boolean;
}

export interface Result {
  violations: string[];
  fates: Fates;
  injected: ReadonlyMap<string, number>;
  commands: number;
  kills: number;
  calls: number;
}

/** @param often what happens more often than else */
export function makeSchedule(seed: string, often: readonly Action[] = []): Schedule {
  const random = new Random(seed);
  const processes = random.weighted<number[]>([
    [4, [1]],
    [4, [2]],
    [3, [1, 1]],
    [2, [2, 1]],
  ]);
  const length = random.chance(0.15) ? 30 + random.int(COMMANDS_MAX - 29) : 6 + random.int(22);
  return {
    seed,
    processes,
    isSlow: random.chance(0.6),
    skews: processes.map(() => anySkew(random)),
    hasCaches: random.chance(0.8),
    restart: random.chance(0.5),
    commands: Array.from({ length }, () => anyCommand(random, often)),
  };
}

export async function runSchedule(schedule: Schedule, seams: Seams = {}): Promise<Result> {
  const { commands, restart } = schedule;
  const world = await prepare(schedule, seams);
  let done = 0;
  try {
    for (const slot of world.slots) await world.start(slot);
    for (const command of commands) {
      await carryOut(world, command);
      done += 1;
      if (world.violations.length > 0) break;
    }
    if (world.violations.length === 0) await heal(world, { restart });
  } catch (error) {
    world.violated(
      `the model failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  const { violations, faults, kills } = world;
  const result = {
    violations,
    injected: faults.injected,
    kills,
    calls: faults.calls,
    commands: done,
    fates: countFates(world),
  };
  world.close();
  return result;
}

/** The world of a schedule before anything happens in it. */
export async function prepare({ hasCaches, commands, ...options }: Schedule, seams: Seams): Promise<World> {
  const content = hasCaches ? await filledCache() : undefined;
  const world = new World({ ...options, seams });
  if (content !== undefined) for (const machine of world.machines) machine.fillCache(content);
  if (commands.some(({ action }) => action === 'another database')) world.server.keepBackup();
  return world;
}

let filled: ReturnType<typeof fillOnce> | undefined;

const filledCache = () => (filled ??= fillOnce());

/** What the cache of an empty project holds. */
async function fillOnce() {
  const world = new World({ seed: 'filling', processes: [1] });
  const [machine] = world.machines as [Machine];
  for (const slot of world.slots) await world.start(slot);
  await world.time.advanceUntil(() => machine.cache.database.cursor !== null, 10_000);
  const { database } = machine.cache;
  const content = database.content();
  world.close();
  database.clear();
  makeLike(database);
  return content;
}

/** The shortest schedule found that still shows a fault of the same sort. */
export async function shrink(schedule: Schedule, seams: Seams = {}): Promise<Schedule> {
  const sort = sortOf((await runSchedule(schedule, seams)).violations);
  const shows = async (candidate: Schedule) =>
    sortOf((await runSchedule(candidate, seams)).violations) === sort;
  let best = schedule;
  for (let size = Math.ceil(best.commands.length / 2); size >= 1;) {
    let isShorter = false;
    for (let start = 0; start < best.commands.length; start += size) {
      const candidate = { ...best, commands: best.commands.toSpliced(start, size) };
      if (!(await shows(candidate))) continue;
      best = candidate;
      isShorter = true;
      start -= size;
    }
    if (!isShorter || size > 1) size = size === 1 && !isShorter ? 0 : Math.max(1, Math.floor(size / 2));
  }
  for (const simpler of [
    { isSlow: false },
    { skews: best.processes.map(() => 0) },
    { processes: [1] },
    { restart: true },
  ]) {
    if (await shows({ ...best, ...simpler })) best = { ...best, ...simpler };
  }
  const quick = { ...best, commands: best.commands.map((command) => ({ ...command, gap: 0 })) };
  return (await shows(quick)) ? quick : best;
}

const sortOf = ([first]: readonly string[]): string | undefined =>
  first?.replaceAll(/[0-9a-f-]{8,}|\d+/g, '#').slice(0, 24);

/** What a run of many schedules did, to be printed. */
export class Tally {
  schedules = 0;
  commands = 0;
  kills = 0;
  calls = 0;
  readonly injected = new Map<string, number>();
  readonly fates = noFates();

  add(result: Result): void {
    this.schedules += 1;
    this.commands += result.commands;
    this.kills += result.kills;
    this.calls += result.calls;
    for (const [name, times] of result.injected)
      this.injected.set(name, (this.injected.get(name) ?? 0) + times);
    for (const name of Object.keys(this.fates) as (keyof Fates)[]) this.fates[name] += result.fates[name];
  }

  /** In one line. */
  summary(): string {
    const total = [...this.injected.values()].reduce((sum, times) => sum + times, 0);
    const { acknowledged, conflicts, rejected } = this.fates;
    return [
      `${counted(this.schedules)} schedules`,
      `${counted(this.commands)} commands`,
      `${counted(total)} faults and ${counted(this.kills)} kills`,
      `${counted(acknowledged)} writes acknowledged (${counted(conflicts)} in conflict, ${counted(rejected)} rejected)`,
    ].join(', ');
  }

  toString(): string {
    const kinds = [...this.injected]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, times]) => `${name} ${times}`);
    const fates = Object.entries(this.fates).map(([name, times]) => `${name} ${times}`);
    return [
      `${this.summary()}, ${counted(this.calls)} calls of layers`,
      `writes: ${fates.join(', ')}`,
      `faults: ${kinds.join(', ')}`,
    ].join('\n');
  }
}

export interface Failure {
  seed: string;
  schedule: Schedule;
  violations: string[];
}

/** Runs schedules `<seed>/0`, `<seed>/1`, … and stops at the first that shows a fault. */
export async function runMany(
  seed: string,
  count: number,
  { seams = {}, tally = new Tally() }: { seams?: Seams; tally?: Tally } = {},
): Promise<Failure | undefined> {
  for (let index = 0; index < count; index += 1) {
    const schedule = makeSchedule(`${seed}/${index}`);
    const result = await runSchedule(schedule, seams);
    tally.add(result);
    if (result.violations.length > 0) return { seed: schedule.seed, schedule, violations: result.violations };
  }
  return undefined;
}

/** The fault with the shortest schedule that shows it, to be printed. */
export async function explain(failure: Failure, seams: Seams = {}): Promise<string> {
  const small = await shrink(failure.schedule, seams);
  const { violations } = await runSchedule(small, seams);
  return [
    `schedule ${failure.seed}: ${failure.violations.slice(0, 3).join('\n  ')}`,
    `cut down to ${small.commands.length} commands: ${violations.slice(0, 3).join('\n  ')}`,
    JSON.stringify(small),
  ].join('\n');
}
