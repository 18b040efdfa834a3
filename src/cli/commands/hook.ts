import { Argument, type Command } from 'commander';
import { HOOK_EVENTS } from '../hooks/hook-events.ts';
import type { HookOptions } from '../hooks/answer-hook.ts';
import { optionsOf } from '../terminal/global-options.ts';

/** `worktrail hook`; a plain one comes without this parser (see main.ts). */
export function addHookCommand(program: Command): Command {
  return program
    .command('hook')
    .description('answer a hook of an AI client; `worktrail init` writes them')
    .addArgument(new Argument('<event>', HOOK_EVENTS.join(', ')))
    .option('--client <name>', 'the client that runs it (default: claude-code)')
    .addHelpText(
      'after',
      `
Takes the client's JSON on stdin and prints what the session is told. Whatever fails, it prints nothing and ends
with 0: no session is held up.

Example:
  worktrail hook session-start <<< '{"session_id":"7f1c","source":"startup"}'`,
    )
    .action(async (event: string, _options: unknown, command: Command) => {
      const { answerHook } = await import('../hooks/answer-hook.ts');
      await answerHook(event, optionsOf<HookOptions>(command));
    });
}
