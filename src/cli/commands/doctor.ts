import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { Diagnosis } from '../../use-cases/maintenance/diagnosis.ts';
import type { Repairs } from '../../use-cases/maintenance/repairs.ts';
import type { LayersReport } from '../../storage/contract/store.ts';
import type { Accepted } from '../../storage/maintenance/accept-primary.ts';
import { canAsk, isConfirmed } from '../terminal/confirm.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { paint, print, printJson } from '../terminal/output.ts';
import { count, spokenTime } from '../terminal/plain-text.ts';
import { readConfig, readSettings } from '../terminal/with-app.ts';
import type { Check } from '../../use-cases/maintenance/checks.ts';

interface DoctorOptions {
  fix?: true;
  acceptDatabase?: true;
  /** True without a name. */
  adopt?: string | true;
  yes?: true;
}

/** `worktrail doctor`: looks at everything the tracker needs and, unless told to, changes nothing. */
export function addDoctorCommand(program: Command): Command {
  return program
    .command('doctor')
    .description(
      'check store, layers, journals, conflicts, folder, git and status file; changes nothing by itself',
    )
    .option(
      '--fix',
      'put right what is safe: writes that failed too often, missing indexes, stale locks, a lost status file, interrupted jobs',
    )
    .option(
      '--accept-database',
      'use the database although it is older than what this folder has seen: a backup was restored, or it was moved, on purpose',
    )
    .option(
      '--adopt [file or ref]',
      'take over waiting writes without the seal of this machine, after showing them; without a name, list where they are',
    )
    .option('--yes', 'with --adopt: do not ask')
    .addHelpText(
      'after',
      `
--fix lets writes be tried again that failed too often, makes missing indexes again, removes lock files that a killed
git left below refs/worktrail, writes a status file that is not there, and records jobs whose process is gone as
interrupted. It says what it did, and does nothing else.

--accept-database puts the local cache aside and takes the database for what this folder has seen; writes that wait stay
and are applied to it. It says how many of the folder's own changes the database lacks: \`worktrail recover\` puts them
back. It refuses a database of another project.

--adopt shows what the writes in a file or ref would change, asks, and then lets them wait as writes of this folder;
they are applied at the next use. They are there when the key of this machine was lost (another home, a new container),
or when somebody put them into the repository: take over only what you know to be yours.

Exit codes: 0 all is well, 1 something needs attention, 3 the store is unavailable.

Examples:
  worktrail doctor
  worktrail doctor --json
  worktrail doctor --fix`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<DoctorOptions>(command);
      if (options.adopt !== undefined) return await runAdopt(options, options.adopt);
      if (options.fix === true && options.acceptDatabase === true) {
        throw validationError(
          { field: '--fix', constraint: 'goes without --accept-database', value: true },
          'Run one after the other. Nothing was changed.',
        );
      }
      const config = await readSettings(options);
      const { agreedConfig } = await import('../../config/config.ts');
      const { acceptDatabase, diagnose } = await import('../../use-cases/maintenance/diagnosis.ts');
      const { fixWhatIsSafe } = await import('../../use-cases/maintenance/repairs.ts');
      const fixed = options.fix === true ? await fixWhatIsSafe(agreedConfig(config)) : undefined;
      const accepted =
        options.acceptDatabase === true ? await acceptDatabase(agreedConfig(config)) : undefined;
      const diagnosis = await diagnose(config);
      const { checks, available, layers, breaker, parked, failing, open_conflicts } = diagnosis;
      const ok = checks.every((check) => check.ok);
      if (!ok) process.exitCode = ExitCode.finding;
      if (!available) process.exitCode = ExitCode.unavailable;
      if (options.json === true) {
        printJson({
          ok,
          project: config.projectDir,
          checks,
          layers,
          breaker,
          parked,
          failing,
          open_conflicts,
          ...(fixed !== undefined && { fixed }),
          ...(accepted !== undefined && { accepted }),
        });
        return;
      }
      print(
        [
          ...(fixed === undefined ? [] : [...repairLines(fixed), '']),
          ...(accepted === undefined ? [] : [...acceptedLines(accepted), '']),
          `Project ${config.projectDir}`,
          '',
          ...checks.flatMap(checkLines),
          '',
          ...layerLines(diagnosis),
        ].join('\n'),
      );
    });
}

async function runAdopt(options: DoctorOptions & GlobalOptions, place: string | true): Promise<void> {
  const config = await readConfig(options);
  const { adopt, listUnsealed } = await import('../../use-cases/maintenance/adoption.ts');
  const { adoptionLines, outcomeLine, placeLines } = await import('../terminal/adopt-text.ts');
  if (place === true) {
    const places = await listUnsealed(config);
    if (places.length > 0) process.exitCode = ExitCode.finding;
    if (options.json === true) printJson({ unsealed: places });
    else print(placeLines(places).join('\n'));
    return;
  }
  const mayAsk = canAsk() && options.json !== true;
  const adoption = await adopt(config, place, async (found) => {
    if (options.json !== true) print(adoptionLines(found).join('\n'));
    return options.yes === true || (mayAsk && (await isConfirmed('Take these writes over?')));
  });
  if (adoption.kept_in === null) process.exitCode = ExitCode.finding;
  if (options.json === true) printJson(adoption);
  else print(outcomeLine(adoption));
}

function repairLines({ done }: Repairs): string[] {
  if (done.length === 0) return ['There was nothing to fix.'];
  return done.map(({ name, ok, message }) => {
    const mark = ok ? paint('green', 'fixed    ') : paint('red', 'not fixed');
    return `${mark}  ${name.padEnd(12)}  ${message}`;
  });
}

function acceptedLines({ cache_put_aside, position, waiting, lacking }: Accepted): string[] {
  return [
    `The database is accepted as it is, at change ${position.now}; change ${position.before} had been seen here.`,
    cache_put_aside === null
      ? 'There was no local cache to put aside.'
      : `The local cache was put aside as ${cache_put_aside}; a new one is filled at the next use.`,
    waiting === 0
      ? 'No writes wait.'
      : `${count(waiting, 'write')} made here ${waiting === 1 ? 'waits' : 'wait'} and will be applied to it.`,
    lacking === 0
      ? 'It lacks none of the changes made in this folder that are still kept here.'
      : `It lacks ${count(lacking, 'change')} made in this folder that it had acknowledged. \`worktrail recover\` shows them and puts them back.`,
    'Programs that run now (AI clients, servers) use it within seconds.',
  ];
}

function checkLines({ name, ok, message, next }: Check): string[] {
  const mark = ok ? paint('green', 'ok     ') : paint('red', 'problem');
  return [
    `${mark}  ${name.padEnd(12)}  ${message}`,
    ...(next === undefined ? [] : [`${' '.repeat(23)}${next}`]),
  ];
}

const STATES: Readonly<Record<LayersReport['state'], string>> = {
  online: 'online: in use',
  offline: 'offline: it cannot be used',
  replaying: 'replaying: it can be used, and writes wait to be applied to it',
  refused: 'refused: it answers, and is not used',
  misconfigured: 'misconfigured: a setting is wrong, changes are refused',
};

function layerLines({ layers: report, breaker, open_conflicts }: Diagnosis): string[] {
  const [primary, ...copies] = report.layers;
  const { waiting } = report;
  const away =
    report.state === 'online' || report.state === 'replaying'
      ? []
      : [`  reason: ${report.reason ?? 'unknown'}, since ${spokenTime(report.since)} UTC or longer`];
  const noted =
    breaker === null
      ? '  breaker: closed (no program has found it away since it was last reached)'
      : `  breaker: open (found away at ${spokenTime(breaker.at)} UTC: ${breaker.reason})`;
  return [
    paint('bold', 'Layers, in the order in which they answer'),
    ...(primary === undefined ? [] : [`  ${primary.label} (${primary.location})`]),
    `  state: ${STATES[report.state]}`,
    ...away,
    noted,
    ...copies.map(
      ({ label, location, as_of, problem }) =>
        `  ${label} (${location}): ${as_of === null ? (problem ?? 'nothing in it') : `as of ${spokenTime(as_of)} UTC`}`,
    ),
    paint('bold', 'Journals, in the order in which they are written'),
    ...report.journals.map(
      ({ name, location, problem }) => `  ${name} (${location}): ${problem ?? 'readable'}`,
    ),
    `  waiting: ${waiting.total}${waiting.oldest_at === null ? '' : `, the oldest since ${spokenTime(waiting.oldest_at)} UTC`}; put aside: ${waiting.parked}; of a newer version: ${waiting.newer_version}`,
    `  open conflicts: ${open_conflicts === null ? 'unknown' : open_conflicts.total}`,
  ];
}
