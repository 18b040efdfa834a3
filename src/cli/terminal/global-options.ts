/** The options that every command has. */
import type { Command } from 'commander';
import { VERSION } from './version.ts';

/** Absent unless given: then the environment, the configuration file and the defaults decide. */
export interface GlobalOptions {
  project?: string;
  database?: string;
  json?: true;
}

export function addGlobalOptions(command: Command): Command {
  return command
    .option('--project <dir>', "the project's folder (default: the main work tree around the current folder)")
    .option('--database <url>', 'PostgreSQL to use, or "embedded" for the SQLite file in the project')
    .option('--json', 'print the result, or the error, as JSON')
    .version(VERSION, '--version', "print the program's version")
    .helpOption('--help', 'show this help');
}

/** The options of a command below another one: those right at it win over those before it. */
export function nestedOptionsOf<Options extends object>(command: Command): Options & GlobalOptions {
  return { ...command.parent?.parent?.opts<GlobalOptions>(), ...optionsOf<Options>(command) };
}

/** The options of a command, wherever on the line they were given; those right at the command win. */
export function optionsOf<Options extends object>(command: Command): Options & GlobalOptions {
  return { ...command.parent?.opts<GlobalOptions>(), ...command.opts<Options & GlobalOptions>() };
}
