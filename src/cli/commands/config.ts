import type { Command } from 'commander';
import type { Config } from '../../config.ts';
import { optionsOf } from '../global-options.ts';
import { print, printJson } from '../output.ts';
import { renderTable } from '../table.ts';
import { readSettings } from '../with-app.ts';

interface Setting {
  name: string;
  value: string | number | boolean | readonly string[];
  /** The flag, variable or file that says so. */
  origin: string;
}

/** `worktrail config`: every setting, with its value and where it came from. */
export function addConfigCommand(program: Command): Command {
  return program
    .command('config')
    .description('show every setting, its value and where it came from')
    .addHelpText(
      'after',
      `
Flags come before the environment, that before worktrail.config.json, and that before the defaults.

Examples:
  worktrail config
  WORKTRAIL_PORT=8000 worktrail config --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      const settings = settingsOf(await readSettings(options));
      if (options.json === true) {
        printJson({ settings });
        return;
      }
      print(
        renderTable(settings, [
          { title: 'SETTING', value: ({ name }) => name },
          { title: 'VALUE', value: ({ value }) => String(value) },
          { title: 'FROM', value: ({ origin }) => origin },
        ]),
      );
    });
}

function settingsOf(config: Config): Setting[] {
  const setting = (name: string, value: Setting['value'], otherwise = 'default'): Setting => ({
    name,
    value,
    origin: config.origins[name] ?? otherwise,
  });
  return [
    setting('project', config.projectDir, 'the repository or folder around here'),
    setting('project.slug', config.slug.value, "the project's folder"),
    setting('database.url', withoutPassword(config.databaseUrl)),
    setting('database.connect_timeout_ms', config.databaseTimeouts.connectMs),
    setting('database.query_timeout_ms', config.databaseTimeouts.queryMs),
    setting('toolsets', config.toolsets),
    setting('http.host', config.host),
    setting('http.port', config.port),
    setting('status_file.enabled', config.statusFile.enabled),
    setting('status_file.debounce_ms', config.statusFile.debounceMs),
    setting('fallback.stale_after_minutes', config.staleAfterMs / 60_000),
    setting('limits.items_max', config.quotas.items),
    setting('limits.notes_max', config.quotas.notes),
    setting('limits.bytes_max', config.quotas.bytes),
  ];
}

/** A password may stand before the host, and also among the parameters. */
function withoutPassword(databaseUrl: string | undefined): string {
  if (databaseUrl === undefined) return 'embedded';
  const url = new URL(databaseUrl);
  if (url.password !== '') url.password = '***';
  for (const name of [...url.searchParams.keys()]) {
    if (/pass/i.test(name)) url.searchParams.set(name, '***');
  }
  return url.href;
}
