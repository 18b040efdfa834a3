import type { Command } from 'commander';
import type { MoveReport, MoveStep } from '../../storage/move/move-to-postgres.ts';
import type { StoreHealth } from '../../storage/contract/store.ts';
import type { Job } from '../../domain/job.ts';
import type { Progress } from '../../domain/progress.ts';
import { databaseError, validationError } from '../../domain/errors.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { print, printAnswer, printJson, say } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';
import { renderTable } from '../terminal/table.ts';
import { withProgressBar } from '../terminal/progress-bar.ts';
import type { CompleteAddress } from '../../storage/primary/postgres-address.ts';
import { readConfig, readSettings, withApp } from '../terminal/with-app.ts';

type Migrated = StoreHealth & { before: 'none' | 'behind' | 'current' | 'newer' };

interface MigrateOptions {
  toPostgres?: string;
}

/** `worktrail migrate`: makes the store, brings its schema up to date, or moves an embedded one to PostgreSQL. */
export function addMigrateCommand(program: Command): Command {
  return program
    .command('migrate')
    .description(
      "make the project's store, or bring its schema up to date; every command does so when needed",
    )
    .option(
      '--to-postgres <url>',
      'move the embedded tracker to PostgreSQL: every row is copied and compared, the file is left as it is',
    )
    .addHelpText(
      'after',
      `
Moving needs the tracker to itself: close the AI clients and servers that use it. It may be interrupted at any
moment and run again; the folder changes over to PostgreSQL only when every row was found equal.

Examples:
  worktrail migrate
  worktrail migrate --database postgres://ada@localhost/team
  worktrail migrate --to-postgres postgres://ada@localhost/team`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<MigrateOptions>(command);
      if (options.toPostgres === undefined) await migrate(options);
      else await move(options, options.toPostgres);
    });
}

async function migrate(options: GlobalOptions): Promise<void> {
  const { inspectStore } = await import('../../storage/maintenance/inspect-store.ts');
  const { schema } = await inspectStore(await readConfig(options));
  await withApp(options, async ({ context }) => {
    const health = await context.store.health();
    if (!health.reachable) {
      const next = 'Run `worktrail doctor` to see the state of the store. Nothing was changed.';
      throw databaseError(health.source, health.problem ?? 'it cannot be reached', next);
    }
    if (health.schema === 'newer') process.exitCode = ExitCode.finding;
    const data: Migrated = { ...health, before: schema ?? 'none' };
    printAnswer({ data, source: health.source, warnings: [] }, options.json, renderMigrated);
  });
}

async function move(options: GlobalOptions, given: string): Promise<void> {
  const address = await addressGiven(given);
  const { formatPostgresUrl, withoutPassword } = await import('../../storage/primary/postgres-address.ts');
  const url = formatPostgresUrl(address);
  const { projectDir, dataDir, slug } = await readSettings(options);
  const { moveToPostgres } = await import('../../storage/move/move-to-postgres.ts');
  const { Operations } = await import('../../storage/operations/operations.ts');
  const jobs = new Operations(dataDir);
  const report = await withProgressBar(async (onProgress) => {
    const work = async (job: Job) => {
      const onStep = (step: MoveStep) => {
        job.report(progressOf(step));
        // The bar shows the others.
        if (step.step === 'switched' || !process.stderr.isTTY) say(spokenStep(step));
      };
      const moved = await moveToPostgres({ projectDir, dataDir, slug, url, onProgress: onStep });
      job.counts({ tables: moved.tables.length, rows: moved.rows });
      return moved;
    };
    return await jobs.run('move_to_postgres', work, { onProgress });
  }).finally(() => jobs.close());
  const database_url = withoutPassword(address);
  if (options.json === true) printJson({ ...report, database_url });
  else print(renderMove(report, database_url));
}

/** As with an address in the environment, what libpq knows of it from there completes it. */
async function addressGiven(given: string): Promise<CompleteAddress> {
  const { AddressProblem, completeAddress, parsePostgresUrl } =
    await import('../../storage/primary/postgres-address.ts');
  try {
    return completeAddress(parsePostgresUrl(given), process.env, { isOfPerson: true });
  } catch (error) {
    if (!(error instanceof AddressProblem)) throw error;
    throw validationError(
      // It may hold a password.
      { field: '--to-postgres', constraint: error.message, value: null },
      'Correct the address and run the command again; nothing was changed.',
    );
  }
}

/** The tables differ in size, and only the rows of the present one are known. */
function progressOf(step: MoveStep): Progress {
  if (step.step === 'switched') return { phase: 'switch', done: 1, total: 1 };
  return { phase: step.step === 'copied' ? 'copy' : 'compare', done: step.rows, total: null };
}

function spokenStep(step: MoveStep): string {
  if (step.step === 'switched') {
    return `the tracker is on PostgreSQL; the old file is held ${Math.ceil(step.heldForMs / 1000)} s longer, so that no program that was just opening it gets in`;
  }
  return `${step.step} ${step.table}: ${count(step.rows, 'row')}`;
}

function renderMove({ outcome, ...report }: MoveReport, databaseUrl: string): string {
  const { engine, location, project_slug, tables, rows, sha256, old_file } = report;
  const place = `${engine} at ${location}`;
  const oldFile =
    old_file === null ? [] : ['', `The old file was left as it was and is no longer used: ${old_file}`];
  if (outcome === 'already') {
    return [
      `The tracker of this folder is on ${place} already; nothing was done.`,
      ...oldFile,
      '',
      ...settings(databaseUrl),
    ].join('\n');
  }
  return [
    renderTable(tables, [
      { title: 'TABLE', value: ({ table }) => table },
      { title: 'ROWS', value: (row) => String(row.rows), align: 'right' },
      { title: 'COPIED NOW', value: ({ copied }) => String(copied), align: 'right' },
    ]),
    '',
    `SHA-256 of all rows in the file:      ${sha256?.source ?? ''}`,
    `SHA-256 of all rows in PostgreSQL:    ${sha256?.target ?? ''}`,
    '',
    `The tracker "${project_slug}" is on ${place} now: ${count(rows, 'row')}, each found equal.`,
    ...oldFile,
    '',
    ...settings(databaseUrl),
  ].join('\n');
}

function settings(databaseUrl: string): string[] {
  return [
    'Every program that uses this tracker needs its address from now on: the one you gave, as DATABASE_URL in the',
    'environment, or without its password in worktrail.config.json:',
    `  ${JSON.stringify({ database: { url: databaseUrl } })}`,
    'An address in that file is used after each person agreed to it once with `worktrail trust`. A password for it',
    'comes from PGPASSWORD where PGHOST and PGPORT name the same server.',
  ];
}

function renderMigrated({ engine, location, project_slug, schema, before }: Migrated): string {
  const store = `${engine} at ${location}, project ${project_slug ?? '?'}`;
  if (schema === 'newer') {
    return `${store}: the schema was made by a newer Worktrail. This version reads it but does not write to it; update Worktrail here.`;
  }
  if (before === 'none') return `${store}: made, its schema is current.`;
  return before === 'behind'
    ? `${store}: the schema was brought up to date.`
    : `${store}: the schema is current.`;
}
