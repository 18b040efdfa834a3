import type { Command } from 'commander';
import type { StoreHealth } from '../../storage/store.ts';
import { ExitCode } from '../exit-codes.ts';
import { optionsOf } from '../global-options.ts';
import { printAnswer } from '../output.ts';
import { readSettings, withApp } from '../with-app.ts';

type Migrated = StoreHealth & { before: 'none' | 'behind' | 'current' | 'newer' };

/** `worktrail migrate`: makes the store, or brings its schema up to date. */
export function addMigrateCommand(program: Command): Command {
  return program
    .command('migrate')
    .description(
      "make the project's store, or bring its schema up to date; every command does so when needed",
    )
    .addHelpText(
      'after',
      `
Examples:
  worktrail migrate
  worktrail migrate --database postgres://ada@localhost/team`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      const { inspectStore } = await import('../../storage/inspect-store.ts');
      const { schema } = await inspectStore(await readSettings(options));
      await withApp(options, async ({ context }) => {
        const health = await context.store.health();
        if (health.schema === 'newer') process.exitCode = ExitCode.finding;
        const data: Migrated = { ...health, before: schema ?? 'none' };
        printAnswer({ data, source: health.source, warnings: [] }, options.json, renderMigrated);
      });
    });
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
