import { Argument, type Command } from 'commander';
import type { HookEvent, HookInput } from '../hooks/run-hook.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { print } from '../terminal/output.ts';

const EVENTS = ['session-start', 'stop', 'pre-compact', 'session-end'];
/** After it the client goes on without: a tracker that is slow holds nobody up. */
const LIMIT_MS = 3_000;
const INPUT_MAX_CHARACTERS = 1_000_000;

/** `worktrail hook`: what an AI client runs when its session starts, stops or is compacted. Never fails. */
export function addHookCommand(program: Command): Command {
  return program
    .command('hook')
    .description('answer a hook of an AI client; `worktrail init` writes them')
    .addArgument(new Argument('<event>', EVENTS.join(', ')))
    .option('--client <name>', 'the client that runs it (default: claude-code)')
    .addHelpText(
      'after',
      `
Takes the client's JSON on stdin and prints what the session is told. Whatever fails, it prints nothing and ends
with 0: no session is held up.

Example:
  echo '{"session_id":"7f1c","source":"startup"}' | worktrail hook session-start`,
    )
    .action(async (event: string, _options: unknown, command: Command) => {
      const limit = setTimeout(() => process.exit(0), LIMIT_MS);
      try {
        const text = await answer(event, optionsOf<{ client?: string }>(command));
        if (text !== undefined) print(text);
      } catch {
        // The session goes on without.
      } finally {
        clearTimeout(limit);
      }
    });
}

async function answer(
  event: string,
  options: GlobalOptions & { client?: string },
): Promise<string | undefined> {
  if (!EVENTS.includes(event)) return undefined;
  const input = inputOf(await readStdin());
  const { readSettings } = await import('../terminal/with-app.ts');
  const { runHook } = await import('../hooks/run-hook.ts');
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
