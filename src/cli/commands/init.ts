import { existsSync, realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import { nearestName } from '../../domain/warnings.ts';
import type { Command as Start, SetUpClient } from '../setup/clients.ts';
import type { SetUpPlan } from '../setup/set-up.ts';
import { canAsk, isConfirmed } from '../terminal/confirm.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { print, printJson, say } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';

interface InitOptions {
  dryRun?: true;
  yes?: true;
  undo?: true;
}

/** Lines around what changes. */
const CONTEXT = 2;

/** `worktrail init`: sets the project up for the AI clients that are used, and takes it back. */
export function addInitCommand(program: Command): Command {
  return program
    .command('init')
    .description('set this project up for your AI clients: shows what it would write, and asks first')
    .argument(
      '[clients...]',
      'claude-code, codex, gemini, vscode, copilot-cli, cursor, opencode (default: those that are used)',
    )
    .option('--dry-run', 'show what would be written, and stop')
    .option('--yes', 'write without being asked')
    .option('--undo', 'take back what was written')
    .addHelpText(
      'after',
      `
It writes the entry for the server, a marked block in the file that the client reads first, and for Claude Code and
Codex hooks: the brief at the start of a session, a reminder of what is still claimed at its end. Nothing else in
those files is touched; --undo gives them back as they were.

Examples:
  worktrail init
  worktrail init --dry-run
  worktrail init cursor codex --yes
  worktrail init --undo`,
    )
    .action(async (names: string[], _options: unknown, command: Command) => {
      await init(names, optionsOf<InitOptions>(command));
    });
}

async function init(names: readonly string[], options: InitOptions & GlobalOptions): Promise<void> {
  const { findProject } = await import('../../config/project-folder.ts');
  const { CLIENTS, filesOf } = await import('../setup/clients.ts');
  const { applySetUp, applyUndo, planSetUp, planUndo } = await import('../setup/set-up.ts');
  const project = findProject(options, process.env, process.cwd()).projectDir;
  checkNotHome(project);
  const isUndo = options.undo === true;
  const clients = isUndo && names.length === 0 ? CLIENTS : await chosen(names, project);
  const start = await howToStart();
  const files = filesOf(clients, project, start);
  const plan = isUndo ? planUndo(project, files) : planSetUp(project, files);
  const isWritten = plan.changes.length > 0 && options.dryRun !== true && (await isAgreed(plan, options));
  // For whom the files are is remembered also where nothing has to be written; not where a person said no.
  if (isWritten || (plan.changes.length === 0 && options.dryRun !== true)) {
    const failed = isUndo ? applyUndo(project, files, plan) : applySetUp(project, files, plan);
    plan.problems.push(...failed);
    plan.changes = plan.changes.filter(({ path: name }) => !failed.some((problem) => problem.path === name));
  }
  if (options.json === true) printJson(await asData(project, clients, plan, isWritten));
  else await tell(project, clients, plan, { ...options, isUndo, isWritten, start });
  if (plan.problems.length + plan.kept.length > 0) process.exitCode = ExitCode.finding;
}

/** There the files of a project are those of the user, for every project. @throws ValidationError */
function checkNotHome(project: string): void {
  const home = os.homedir();
  if (!existsSync(home) || realpathSync(project) !== realpathSync(home)) return;
  throw validationError(
    { field: 'project', constraint: 'must not be your home folder', value: project },
    'Run it in the folder of a project, or name that with --project. Nothing was changed.',
  );
}

async function chosen(names: readonly string[], project: string): Promise<readonly SetUpClient[]> {
  const { CLIENTS, isUsed } = await import('../setup/clients.ts');
  const known = CLIENTS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw validationError(
      {
        field: 'clients',
        constraint: `must be some of ${known.join(', ')}; the nearest is "${nearestName(unknown, known) ?? ''}"`,
        value: unknown,
      },
      'Name the clients as they are spelled here. Nothing was changed.',
    );
  }
  if (names.length > 0) return CLIENTS.filter(({ name }) => names.includes(name));
  const used = CLIENTS.filter((client) => isUsed(client, project, os.homedir(), process.env['PATH'] ?? ''));
  if (used.length > 0) return used;
  throw validationError(
    { field: 'clients', constraint: 'must be named: no client was found that is used here', value: null },
    `Name those that you use: worktrail init ${known[0] ?? ''}. There are ${known.join(', ')}.`,
  );
}

/** By its name where it is on the path, so that the files are right on other machines too; else by this very file. */
async function howToStart(): Promise<Start> {
  const { onPath } = await import('../setup/clients.ts');
  if (onPath('worktrail', process.env['PATH'] ?? '') !== undefined) return { command: 'worktrail', args: [] };
  return { command: process.execPath, args: [path.resolve(process.argv[1] ?? '')] };
}

/** @throws ValidationError where nobody could be asked */
async function isAgreed(plan: SetUpPlan, options: InitOptions & GlobalOptions): Promise<boolean> {
  if (options.yes === true) return true;
  if (!canAsk()) {
    throw validationError(
      { field: 'terminal', constraint: 'is missing, and a person has to be asked', value: null },
      'Run it at a terminal, look at it with --dry-run, or add --yes. Nothing was changed.',
    );
  }
  say(await diffOf(plan));
  return await isConfirmed(`Write ${count(plan.changes.length, 'file')}?`);
}

async function diffOf({ changes }: SetUpPlan): Promise<string> {
  const { createTwoFilesPatch } = await import('diff');
  const { visible } = await import('../../domain/others-text.ts');
  const patches = changes.map(({ path: name, before, after }) =>
    createTwoFilesPatch(
      before === null ? '/dev/null' : `a/${name}`,
      after === null ? '/dev/null' : `b/${name}`,
      before?.toString('utf8') ?? '',
      after?.toString('utf8') ?? '',
      '',
      '',
      { context: CONTEXT },
    ).replace(/^=+\n/, ''),
  );
  return visible(patches.join('\n'));
}

async function asData(project: string, clients: readonly SetUpClient[], plan: SetUpPlan, written: boolean) {
  const { changes, upToDate, kept, shared, problems } = plan;
  return {
    project,
    clients: clients.map(({ name }) => name),
    written,
    changed: changes.map(({ path: name }) => name),
    up_to_date: upToDate,
    kept,
    shared,
    problems,
    diff: changes.length === 0 ? '' : await diffOf(plan),
  };
}

interface Outcome extends InitOptions {
  isUndo: boolean;
  isWritten: boolean;
  start: Start;
}

async function tell(
  project: string,
  clients: readonly SetUpClient[],
  plan: SetUpPlan,
  { isUndo, isWritten, dryRun, start }: Outcome,
): Promise<void> {
  const { changes, upToDate, kept, shared, problems } = plan;
  if (dryRun === true && changes.length > 0) print(await diffOf(plan));
  for (const { path: name, problem } of problems) say(`${name} ${problem}. It is left as it is.`);
  for (const { path: name, place } of kept) {
    say(`${name} has ${place} already, written by somebody else: it is left as it is.`);
  }
  for (const { path: name, clients: others } of shared)
    say(`${name} stays: ${others.join(', ')} ${others.length === 1 ? 'reads' : 'read'} it, too.`);
  const files = changes.map(({ path: name }) => name).join(', ');
  if (changes.length === 0) {
    if (isUndo && problems.length > 0) return print('Nothing was taken back.');
    if (isUndo) return print(`Nothing ${shared.length > 0 ? 'else ' : ''}of it is here.`);
    if (upToDate.length === 0) return print('Nothing was written.');
    return print(`Nothing to do: ${upToDate.join(', ')} in ${project} is up to date.`);
  }
  if (!isWritten) return print(`Nothing was written. It would change ${files}.`);
  if (isUndo) return print(`Taken back: ${files}.`);
  const lines = [
    `Written: ${files}.`,
    ...clients.map(
      ({ title, hint }) => `${title}: start it in this folder${hint === undefined ? '' : `; it ${hint}`}.`,
    ),
    ...(start.command === 'worktrail'
      ? []
      : [
          'worktrail is not on your path, so that the files name this copy of it: they are of use on this machine only.',
        ]),
    'worktrail init --undo takes it back.',
  ];
  print(lines.join('\n'));
}
