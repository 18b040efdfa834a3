import type { Command } from 'commander';
import { agreementFor, type Settings } from '../../config/config.ts';
import { personIn } from '../../config/identity.ts';
import { isAgreed } from '../../config/agreements.ts';
import { publicAddress, sslModeOf, isThisMachine } from '../../storage/primary/postgres-address.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { print, printJson } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';
import { readSettings } from '../terminal/with-app.ts';

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
      const config = await readSettings(options);
      const person = await personIn(config.projectDir, config.actor)();
      const settings = settingsOf(config, person);
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

function settingsOf(config: Settings, person: string): Setting[] {
  const setting = (name: string, value: Setting['value'], otherwise = 'default'): Setting => ({
    name,
    value,
    origin: config.origins[name] ?? otherwise,
  });
  return [
    setting('project', config.projectDir, 'the repository or folder around here'),
    setting('project.slug', config.slug.value, "the project's folder"),
    setting('actor', person, "git's user.name, or the system's user"),
    ...databaseSettings(config),
    setting('database.connect_timeout_ms', config.databaseTimeouts.connectMs),
    setting('database.query_timeout_ms', config.databaseTimeouts.queryMs),
    setting('toolsets', config.toolsets),
    setting('http.host', config.host),
    setting('http.port', config.port),
    setting('status_file.enabled', config.statusFile.enabled),
    setting('status_file.debounce_ms', config.statusFile.debounceMs),
    setting('fallback.stale_after_minutes', config.staleAfterMs / 60_000),
    setting('fallback.own_changes_days', config.ownWritesKept.days),
    setting('fallback.own_changes_mb', config.ownWritesKept.bytes / (1024 * 1024)),
    setting('limits.items_max', config.quotas.items),
    setting('limits.notes_max', config.quotas.notes),
    setting('limits.bytes_max', config.quotas.bytes),
  ];
}

/** How the connection is protected, and whether it is used at all, belongs to the address. */
function databaseSettings(settings: Settings): Setting[] {
  const { database, origins } = settings;
  const origin = origins['database.url'] ?? 'default';
  if (database === undefined) return [{ name: 'database.url', value: 'embedded', origin }];
  const { complete } = database;
  const agreement = agreementFor(settings);
  return [
    { name: 'database.url', value: publicAddress(database.given), origin },
    ...complete.servers.map((server) => ({
      name: 'database sslmode',
      value: sslModeOf(complete, server),
      origin:
        complete.sslMode !== undefined
          ? origin
          : `default for ${isThisMachine(server.host) ? 'this machine' : 'another machine'}`,
    })),
    ...(agreement === undefined
      ? []
      : [
          {
            name: 'database agreement',
            value: isAgreed(agreement) ? 'agreed' : 'none, so it is not used: run `worktrail trust`',
            origin: "the user's own folder",
          },
        ]),
  ];
}
