import type { Command } from 'commander';
import { TOOLSETS } from '../../domain/toolsets.ts';
import { optionsOf } from '../terminal/global-options.ts';

interface ServeOptions {
  http?: true;
  host?: string;
  port?: string;
  token?: true;
  tokenFile?: string;
  toolsets?: string;
}

/** `worktrail serve`: answers MCP clients until they go. */
export function addServeCommand(program: Command): Command {
  return program
    .command('serve')
    .description('serve MCP clients over stdin and stdout, or over HTTP')
    .option('--http', 'listen on HTTP instead of stdin and stdout')
    .option('--host <address>', 'address for --http; loopback only (default: 127.0.0.1)')
    .option('--port <number>', 'port for --http; 0 takes a free one (default: 7420)')
    .option('--token', 'with --http, answer only who sends a token; one is made, and printed at the start')
    .option('--token-file <file>', 'with --http, the file that holds the token (or set WORKTRAIL_HTTP_TOKEN)')
    .option(
      '--toolsets <list>',
      `groups of tools to offer: ${TOOLSETS.slice(0, -1).join(', ')} or all (default: core)`,
    )
    .addHelpText(
      'after',
      `
Examples:
  worktrail serve
  worktrail serve --toolsets core,history --project ~/code/shop
  worktrail serve --http --port 7420
  worktrail serve --http --token

Every user of this machine can reach loopback: use --token where others work on it, too.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { http = false, json: _json, ...flags } = optionsOf<ServeOptions>(command);
      const { runServe } = await import('../terminal/serve.ts');
      await runServe({ http, ...flags });
    });
}
