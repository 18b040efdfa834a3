/** The program `worktrail`. Commands load what they need when they run, so that every start is quick. */
import './console-to-stderr.ts';
import { answerHook, plainHook } from './hooks/answer-hook.ts';
import { plainServeFlags } from './serve-arguments.ts';

/** Not awaited here: the bundle is CommonJS, which knows no top-level await. */
export const ended = run(process.argv.slice(2));

async function run(args: string[]): Promise<void> {
  process.on('uncaughtException', endBecauseOf);
  const hook = plainHook(args);
  if (hook !== undefined) return await answerHook(hook.event, hook.options);
  const flags = plainServeFlags(args);
  if (flags === undefined) {
    const { runCommandLine } = await import('./program.ts');
    await runCommandLine(args);
    return;
  }
  const { runServe } = await import('./terminal/serve.ts');
  try {
    await runServe(flags);
  } catch (error) {
    const { reportFailure } = await import('./failure.ts');
    process.exitCode = reportFailure(error, false);
  }
}

/** What no command awaited; rejected promises come here too. A server ends in order instead (see serve.ts). */
function endBecauseOf(error: unknown): void {
  void import('./failure.ts').then(({ reportFailure }) => process.exit(reportFailure(error, false)));
}
