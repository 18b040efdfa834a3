// One schedule from its seed to its history.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from '../support/postgres.ts';
import { Board } from './board.ts';
import type { ScheduleClass } from './classes.ts';
import { DatabaseControl } from './database-control.ts';
import { heal } from './heal.ts';
import type { History } from './history.ts';
import { Random } from './random.ts';
import { makeFaults, planFaults } from './schedule.ts';
import { setStage, untilWarm, type Stage } from './stage.ts';
import { readTables } from './tables.ts';
import { Writer, makeSharedItems } from './writer.ts';

export interface RunOptions {
  /** Where databases are made; undefined for the embedded one. */
  server: PostgresServer | undefined;
  /** Node's arguments up to and including the script. Default: the built program. */
  program?: readonly string[];
}

const SHARED_ITEMS = 4;
const SMALL_DATABASE = '110m';
const THINK_MOST_MS = 60;

export async function runSchedule(of: ScheduleClass, seed: string, options: RunOptions): Promise<History> {
  const { primary, folders, servers, place } = of;
  if (primary === 'postgres' && options.server === undefined)
    throw new Error('this schedule needs PostgreSQL');
  const database =
    primary === 'postgres' && options.server !== undefined
      ? await DatabaseControl.create(options.server, place === 'small database' ? SMALL_DATABASE : undefined)
      : undefined;
  const random = new Random(`${seed} stage`);
  const stage = await setStage({ place, database, folders, servers, program: options.program, random });
  try {
    return await perform(of, seed, stage);
  } finally {
    await stage.close();
    await database?.drop();
  }
}

async function perform(of: ScheduleClass, seed: string, stage: Stage): Promise<History> {
  const board = new Board();
  const [first] = stage.servers;
  if (first === undefined) throw new Error('no server to begin with');
  // The first makes the tracker; the others find it.
  await first.start();
  await makeSharedItems(board, first, first.setup.sessions[0] ?? '', SHARED_ITEMS);
  await Promise.all(stage.servers.map((server) => server.start()));
  if (of.isWarm && stage.database !== undefined) await untilWarm(stage);
  const writers = stage.servers.flatMap((server) =>
    server.setup.sessions.map((session) => {
      const random = new Random(`${seed} ${session}`);
      return { random, writer: new Writer(session, server, board, random, of.habits, of.isContested) };
    }),
  );
  let isOver = false;
  const work = Promise.all(
    writers.map(async ({ writer, random }) => {
      while (!isOver) {
        await writer.step();
        await sleep(random.between(0, THINK_MOST_MS));
      }
    }),
  );
  await makeFaults(stage, planFaults(seed, of.families, of));
  // They go on for a moment over what was just mended.
  await sleep(300);
  isOver = true;
  await Promise.all(stage.servers.map((server) => server.start().catch(() => undefined)));
  await work;
  const unsettled = await heal(stage, board);
  await Promise.all(writers.map(({ writer }) => writer.readAll()));
  board.isOver = true;
  await Promise.all(stage.servers.map((server) => server.stop()));
  return {
    seed,
    schedule: of.name,
    primary: stage.primary,
    calls: board.calls,
    faults: stage.faults,
    tables: await readTables(stage),
    oddities: stage.oddities,
    unsettled,
  };
}
