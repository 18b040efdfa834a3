import type { Command } from 'commander';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

const FIELDS = { maxTokens: 'max_tokens', since: 'since' } as const;

/** `worktrail brief`: what an AI client is told when it starts. */
export function addBriefCommand(program: Command): Command {
  return program
    .command('brief')
    .description(
      'show what a client needs when it starts: ready and blocked work, what changed, what is broken',
    )
    .option('--max-tokens <number>', 'budget of the text, 300 to 20000 (default: 2000)', numberFrom)
    .option(
      '--since <position>',
      'what changed after this position of the feed (default: after your own last change)',
      numberFrom,
    )
    .addHelpText(
      'after',
      `
Examples:
  worktrail brief
  worktrail brief --max-tokens 500
  worktrail brief --since 1200 --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf(command);
      const { briefText } = await import('../../use-cases/brief/brief-text.ts');
      const load = async () => (await import('../../use-cases/brief/brief.ts')).briefToRead;
      await runUseCase(options, load, fieldsFrom(options, FIELDS), briefText);
    });
}
