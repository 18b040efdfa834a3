/** `worktrail hook`: what an AI client runs when its session starts, stops or is compacted. */
import { parseArgs } from 'node:util';
import type { GlobalOptions } from '../terminal/global-options.ts';
import { print } from '../terminal/output.ts';
import { HOOK_EVENTS, type HookEvent, type HookInput } from './hook-events.ts';

export interface HookOptions extends Pick<GlobalOptions, 'project' | 'database'> {
  client?: string;
}

/** A little less than clients wait by what `worktrail init` writes: where all else fails, nobody is held up for longer. */
const LIMIT_MS = 8_000;
const INPUT_MAX_CHARACTERS = 1_000_000;

const OPTIONS = {
  client: { type: 'string' },
  project: { type: 'string' },
  database: { type: 'string' },
} as const;

/** The arguments of a plain `hook` command, without the parser of all commands; undefined for everything else. */
export function plainHook(args: string[]): { event: string; options: HookOptions } | undefined {
  if (args[0] !== 'hook') return undefined;
  try {
    const { values, positionals } = parseArgs({
      args: args.slice(1),
      options: OPTIONS,
      allowPositionals: true,
    });
    const [event, ...others] = positionals;
    return event === undefined || others.length > 0 ? undefined : { event, options: values };
  } catch {
    return undefined;
  }
}

/** Prints what the session is told. Never fails: whatever is wrong, the session goes on without. */
export async function answerHook(event: string, options: HookOptions): Promise<void> {
  const limit = setTimeout(() => process.exit(0), LIMIT_MS);
  try {
    const text = await answer(event, options);
    if (text !== undefined) print(text);
  } catch {
    // Nothing is told.
  } finally {
    clearTimeout(limit);
  }
}

async function answer(event: string, options: HookOptions): Promise<string | undefined> {
  if (!(HOOK_EVENTS as readonly string[]).includes(event)) return undefined;
  // What it takes is loaded while the client sends.
  const [input, { readSettings }, { runHook }] = await Promise.all([
    readStdin().then(inputOf),
    import('../terminal/with-app.ts'),
    import('./run-hook.ts'),
  ]);
  return await runHook(
    event as HookEvent,
    input,
    await readSettings(options),
    options.client ?? 'claude-code',
  );
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) return '';
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > INPUT_MAX_CHARACTERS) return '';
  }
  return text;
}

function inputOf(text: string): HookInput {
  const input: unknown = JSON.parse(text);
  return typeof input === 'object' && input !== null ? input : {};
}
