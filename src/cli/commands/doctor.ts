import { access, constants, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { App } from '../../app.ts';
import type { Config } from '../../config.ts';
import { TrackerError } from '../../errors.ts';
import { ExitCode } from '../exit-codes.ts';
import { optionsOf, type GlobalOptions } from '../global-options.ts';
import type { StoreSighting } from '../../storage/inspect-store.ts';
import { paint, print, printJson } from '../output.ts';
import { readSettings, withApp } from '../with-app.ts';

interface Check {
  name: string;
  ok: boolean;
  message: string;
  /** What to do about a problem. */
  next?: string;
}

/** `worktrail doctor`: looks at everything the tracker needs and changes nothing. */
export function addDoctorCommand(program: Command): Command {
  return program
    .command('doctor')
    .description('check store, schema, project, folder, git and status file; changes nothing')
    .addHelpText(
      'after',
      `
Exit codes: 0 all is well, 1 something needs attention, 3 the store is unavailable.

Examples:
  worktrail doctor
  worktrail doctor --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      const config = await readSettings(options);
      const { inspectStore } = await import('../../storage/inspect-store.ts');
      const found = await inspectStore(config);
      const { checks, available } = await checkStore(options, config, found);
      checks.push(await checkDataFolder(config), await checkGit(config));
      if (checks.some(({ ok }) => !ok)) process.exitCode = ExitCode.finding;
      if (!available) process.exitCode = ExitCode.unavailable;
      if (options.json === true)
        printJson({ ok: checks.every(({ ok }) => ok), project: config.projectDir, checks });
      else print([`Project ${config.projectDir}`, '', ...checks.flatMap(checkLines)].join('\n'));
    });
}

function checkLines({ name, ok, message, next }: Check): string[] {
  const mark = ok ? paint('green', 'ok     ') : paint('red', 'problem');
  return [
    `${mark}  ${name.padEnd(12)}  ${message}`,
    ...(next === undefined ? [] : [`${' '.repeat(23)}${next}`]),
  ];
}

/** The store, and what can only be learnt from it. */
async function checkStore(
  options: GlobalOptions,
  config: Config,
  found: StoreSighting,
): Promise<{ checks: Check[]; available: boolean }> {
  const { engine, location, exists, schema, problem } = found;
  const store = `${engine ?? found.source} at ${location}`;
  if (problem !== null) return { checks: [unavailable(store, problem)], available: false };
  if (!exists) return { checks: [missing(store, config)], available: true };
  if (schema === 'behind') {
    const message = 'older than this program; the next use, or `worktrail migrate`, brings it up to date';
    return {
      checks: [
        { name: 'store', ok: true, message: store },
        { name: 'schema', ok: true, message },
      ],
      available: true,
    };
  }
  try {
    return await withApp(options, async (app) => ({
      checks: [
        { name: 'store', ok: true, message: `${store}: reachable` },
        schema === 'newer' ? NEWER_SCHEMA : { name: 'schema', ok: true, message: 'current' },
        await checkProject(app),
        await checkStatusFile(app, config),
      ],
      available: true,
    }));
  } catch (error) {
    if (!(error instanceof TrackerError) || error.code !== 'DatabaseError') throw error;
    return {
      checks: [{ name: 'store', ok: false, message: error.message, next: error.next }],
      available: false,
    };
  }
}

/** Written into the folder by the first use of a store: a folder that has it had a store before. */
const MEMORY_FILE = 'project.json';

function missing(store: string, { dataDir }: Config): Check {
  if (!existsSync(path.join(dataDir, MEMORY_FILE))) {
    return { name: 'store', ok: true, message: `${store}: not there yet, the first use makes it` };
  }
  return {
    name: 'store',
    ok: false,
    message: `${store}: not there or empty, although this folder has worked with a store before`,
    next: 'Put the file back, or check database.url, before anything else.',
  };
}

const NEWER_SCHEMA: Check = {
  name: 'schema',
  ok: false,
  message: 'made by a newer Worktrail: this version reads it but does not write to it',
  next: 'Update Worktrail here to the version that the others use.',
};

function unavailable(store: string, problem: string): Check {
  return {
    name: 'store',
    ok: false,
    message: `${store}: ${problem}`,
    next: 'Check database.url (`worktrail config` tells where it comes from), that the server runs, or that the file is readable.',
  };
}

async function checkProject({ context }: App): Promise<Check> {
  const { project_slug, project_id } = await context.store.health();
  return { name: 'project', ok: true, message: `${project_slug ?? '?'} (${project_id ?? '?'})` };
}

async function checkStatusFile({ context }: App, config: Config): Promise<Check> {
  const { STATUS_FILE, renderStatusFile } = await import('../../services/status-file.ts');
  const { readStatus } = await import('../../services/status-report.ts');
  const name = 'status file';
  const present = await readFile(path.join(config.projectDir, STATUS_FILE), 'utf8').catch(() => undefined);
  const write = 'Run `worktrail status --write`; an edited file is kept aside.';
  if (present === undefined || present.trim() === '') {
    const when = config.statusFile.enabled
      ? 'the next change, or `worktrail status --write`, makes it'
      : 'turned off';
    return { name, ok: true, message: `${STATUS_FILE} is not there; ${when}` };
  }
  if (!present.includes('<!-- worktrail status:')) {
    return {
      name,
      ok: !config.statusFile.enabled,
      message: `${STATUS_FILE} was not written by Worktrail and is left as it is`,
      ...(config.statusFile.enabled && {
        next: 'Rename it to have the generated one, or set status_file.enabled to false in worktrail.config.json.',
      }),
    };
  }
  if (present === (await renderStatusFile((await readStatus(context)).data))) {
    return { name, ok: true, message: `${STATUS_FILE} is up to date` };
  }
  return { name, ok: false, message: `${STATUS_FILE} is out of date or was edited by hand`, next: write };
}

async function checkDataFolder({ dataDir, projectDir }: Config): Promise<Check> {
  const name = 'data folder';
  const there = existsSync(dataDir);
  try {
    await access(there ? dataDir : projectDir, constants.W_OK);
    return { name, ok: true, message: there ? `${dataDir} is writable` : `${dataDir} can be made` };
  } catch {
    return {
      name,
      ok: false,
      message: `${there ? dataDir : projectDir} is not writable`,
      next: 'Check who owns the folder, its permissions and the file system.',
    };
  }
}

async function checkGit({ projectDir }: Config): Promise<Check> {
  const { runGit } = await import('../../storage/git/repository.ts');
  const version = await runGit(projectDir, ['--version']);
  if (version === undefined) {
    return {
      name: 'git',
      ok: false,
      message: 'was not found',
      next: 'Install git: branch, commit and short commit hashes are read with it. Everything else works without.',
    };
  }
  const isRepository = (await runGit(projectDir, ['rev-parse', '--git-dir'])) !== undefined;
  return {
    name: 'git',
    ok: true,
    message: isRepository ? version : `${version}; the project is not in a repository`,
  };
}
