/**
 * `npm run clients`: real clients at work with the built program, each against a scripted model on loopback, without accounts.
 * Prints what each made of a whole session and of a handover; ends with 1 where one of them broke off or costs too much.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cleanUp } from '../support/cleanup.ts';
import { git } from '../support/program.ts';
import { playWith, type ClientRun, type Stage, type Transport } from './client-run.ts';
import { CODING_CLIENTS, type CodingClient } from './coding-clients.ts';
import { failuresOf, printCalls, printFigures, printMatrix } from './matrix.ts';
import { install, NEWER_NODE } from './packages.ts';
import { endAll } from './processes.ts';
import { fillTracker } from './tracker.ts';

const USAGE = `npm run clients -- [options]

  --only NAMES      some of ${CODING_CLIENTS.map(({ name }) => name).join(', ')}, with commas between them
  --transport NAME  stdio or http; both by default
  --home FOLDER     where the clients are installed (about 1.5 GB) and the runs are kept; a temporary folder by default
  --calls           also print what each call costs each client`;

const TRANSPORTS: readonly Transport[] = ['stdio', 'http'];

const options = readOptions();
const temporary =
  options.home === undefined ? mkdtempSync(path.join(os.tmpdir(), 'worktrail-clients-')) : undefined;
const home = path.resolve(options.home ?? temporary ?? '');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void leave(130));

const problems: string[] = [];
const runs: ClientRun[] = [];
try {
  const stage = await prepare();
  for (const client of options.clients) {
    if (!(await isInstalled(client, stage.bins))) continue;
    for (const transport of options.transports) await playOne(client, transport, stage);
  }
} catch (error) {
  problems.push(messageOf(error));
}
printMatrix(runs);
if (options.calls) printCalls(runs);
problems.push(...failuresOf(runs), ...printFigures(runs));
const isGood = problems.length === 0;
console.log(
  isGood ? '\nAll as it must be.' : `\nNot as it must be:\n${problems.map((one) => `- ${one}`).join('\n')}`,
);
if (!isGood && temporary !== undefined)
  console.log('\nWith --home FOLDER, what was said to the models stays in FOLDER/runs.');
await leave(isGood ? 0 : 1);

function readOptions() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      options: { only: text, transport: text, home: text, calls: flag, help: flag },
    });
    if (values.help) throw new Error('');
    const names = values.only?.split(',') ?? CODING_CLIENTS.map(({ name }) => name);
    const transports = TRANSPORTS.filter((one) => values.transport === undefined || values.transport === one);
    const unknown = names.find((name) => !CODING_CLIENTS.some((client) => client.name === name));
    if (unknown !== undefined) throw new Error(`There is no client "${unknown}".`);
    if (transports.length === 0) throw new Error(`There is no transport "${values.transport ?? ''}".`);
    const clients = CODING_CLIENTS.filter(({ name }) => names.includes(name));
    return { clients, transports, home: values.home, calls: values.calls };
  } catch (error) {
    const problem = messageOf(error);
    console.error(`${problem}\n\n${USAGE}`.trim());
    process.exit(problem === '' ? 0 : 2);
  }
}

/** A git repository with a tracker, to be copied for each run. */
async function prepare(): Promise<Stage & { bins: Map<string, string> }> {
  const runsFolder = path.join(home, 'runs');
  const template = path.join(runsFolder, 'template');
  rmSync(template, { recursive: true, force: true });
  mkdirSync(template, { recursive: true });
  await git(template, 'init', '--quiet', '--initial-branch=main');
  await fillTracker(template, { HOME: runsFolder });
  return { template, runs: runsFolder, bins: new Map() };
}

async function isInstalled(client: CodingClient, bins: Map<string, string>): Promise<boolean> {
  try {
    for (const one of [client.package, ...(client.needsNewerNode === true ? [NEWER_NODE] : [])])
      bins.set(one.folder, await install(home, one));
    return true;
  } catch (error) {
    problems.push(`${client.title}: ${messageOf(error)}`);
    return false;
  }
}

async function playOne(client: CodingClient, transport: Transport, stage: Stage): Promise<void> {
  console.log(`${client.title} over ${transport}`);
  try {
    runs.push(await playWith(client, transport, stage));
  } catch (error) {
    problems.push(`${client.title} over ${transport}: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function leave(code: number): Promise<never> {
  endAll();
  await cleanUp();
  if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}
