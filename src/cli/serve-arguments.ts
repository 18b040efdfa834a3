/**
 * Recognising `worktrail serve` without the parser of all commands. Clients start the server at every session
 * and wait for it; loading the commands would cost a tenth of that time. Anything but plain, known flags (help,
 * mistakes, flags before the command) is left to the parser, which knows what to say.
 */
import { parseArgs } from 'node:util';
import type { ServeFlags } from './terminal/serve.ts';

const OPTIONS = {
  http: { type: 'boolean' },
  host: { type: 'string' },
  port: { type: 'string' },
  token: { type: 'boolean' },
  'token-file': { type: 'string' },
  toolsets: { type: 'string' },
  project: { type: 'string' },
  database: { type: 'string' },
} as const;

/** The flags of a plain `serve` command; undefined for everything else. */
export function plainServeFlags(args: string[]): ServeFlags | undefined {
  if (args[0] !== 'serve') return undefined;
  try {
    const { values } = parseArgs({ args: args.slice(1), options: OPTIONS, strict: true });
    const { 'token-file': tokenFile, ...flags } = values;
    return { ...flags, tokenFile, http: values.http === true };
  } catch {
    return undefined;
  }
}
