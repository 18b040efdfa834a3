// The classes of schedules, and how many of each a run has. The short form has those that are over in seconds.
import { bentClockProblem } from './clocks.ts';
import type { FaultFamily } from './schedule.ts';
import { smallDiskProblem } from './small-disk.ts';
import type { Place } from './stage.ts';
import { EVERYTHING, type Habits } from './writer.ts';

export interface ScheduleClass {
  name: string;
  primary: 'postgres' | 'sqlite';
  folders: number;
  servers: readonly { transport: 'stdio' | 'http'; sessions: number }[];
  place?: Place;
  families: readonly FaultFamily[];
  /** Whether each folder's copy is filled before the first fault; else faults hit a clone in its first seconds. */
  isWarm: boolean;
  habits: Habits;
  /** Whether sessions set the same fields, so that there are conflicts. */
  isContested: boolean;
  totalMs: number;
  /** Milliseconds between two faults, on average. */
  each: number;
  runs: { short: number; long: number };
  /** Why it cannot be run on this machine; undefined where it can. */
  problem?: () => string | undefined;
}

const STDIO = { transport: 'stdio', sessions: 1 } as const;
const HTTP = { transport: 'http', sessions: 2 } as const;

const ON_POSTGRES = {
  primary: 'postgres',
  folders: 2,
  servers: [STDIO, HTTP],
  isWarm: false,
  habits: EVERYTHING,
  isContested: true,
  totalMs: 5_000,
  each: 500,
} as const;

const EMBEDDED = { ...ON_POSTGRES, primary: 'sqlite', folders: 1, servers: [STDIO, STDIO, HTTP] } as const;

export const CLASSES: readonly ScheduleClass[] = [
  {
    ...ON_POSTGRES,
    name: 'servers',
    families: ['servers'],
    isWarm: true,
    totalMs: 3_000,
    runs: { short: 1, long: 10 },
  },
  {
    ...ON_POSTGRES,
    name: 'database, network, servers',
    families: ['database', 'network', 'servers'],
    runs: { short: 0, long: 60 },
  },
  {
    ...ON_POSTGRES,
    name: 'database, network, servers, warm',
    families: ['database', 'network', 'servers'],
    isWarm: true,
    runs: { short: 0, long: 40 },
  },
  {
    ...ON_POSTGRES,
    name: 'database, network, files',
    families: ['database', 'network', 'files'],
    runs: { short: 0, long: 30 },
  },
  {
    ...ON_POSTGRES,
    name: 'network, servers, files, warm',
    families: ['network', 'servers', 'files'],
    isWarm: true,
    runs: { short: 0, long: 30 },
  },
  {
    ...ON_POSTGRES,
    name: 'three folders, tables',
    folders: 3,
    servers: [STDIO],
    families: ['tables', 'network', 'servers'],
    runs: { short: 0, long: 25 },
  },
  {
    ...ON_POSTGRES,
    name: 'damaged outbox',
    families: ['journals', 'database', 'network'],
    runs: { short: 0, long: 20 },
  },
  {
    ...ON_POSTGRES,
    name: 'deleted folder',
    families: ['folders', 'database'],
    each: 1_200,
    runs: { short: 0, long: 15 },
  },
  {
    ...ON_POSTGRES,
    name: 'database on a full disk',
    place: 'small database',
    families: ['database disk', 'network'],
    runs: { short: 0, long: 10 },
    problem: smallDiskProblem,
  },
  {
    ...ON_POSTGRES,
    name: 'folders on full disks',
    place: 'small folders',
    families: ['disks', 'network', 'servers'],
    runs: { short: 0, long: 15 },
    problem: smallDiskProblem,
  },
  {
    ...ON_POSTGRES,
    name: 'wrong clock',
    place: 'bent clocks',
    families: ['database', 'network'],
    runs: { short: 0, long: 10 },
    problem: bentClockProblem,
  },
  {
    ...ON_POSTGRES,
    name: 'fail-over',
    families: ['fail-over'],
    isWarm: true,
    each: 2_500,
    runs: { short: 0, long: 20 },
  },
  { ...EMBEDDED, name: 'embedded', families: ['servers', 'embedded'], runs: { short: 0, long: 40 } },
  {
    ...EMBEDDED,
    name: 'embedded, for a moment',
    families: ['servers', 'embedded'],
    totalMs: 3_000,
    runs: { short: 1, long: 5 },
  },
  {
    ...EMBEDDED,
    name: 'embedded files',
    families: ['embedded files', 'servers'],
    each: 1_500,
    runs: { short: 0, long: 15 },
  },
];
