/** All commands, and the way from an argument list to an exit code. */
import { Command, CommanderError } from 'commander';
import { addBriefCommand } from './commands/brief.ts';
import { addClaimCommand } from './commands/claim.ts';
import { addArchiveCommand } from './commands/archive.ts';
import { addBackupCommand } from './commands/backup.ts';
import { addConfigCommand } from './commands/config.ts';
import { addConflictsCommand } from './commands/conflicts.ts';
import { addCreateCommand } from './commands/create.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addEnhancementCommand } from './commands/enhancement.ts';
import { addExportCommand } from './commands/export.ts';
import { addHistoryCommand } from './commands/history.ts';
import { addImportCommand } from './commands/import.ts';
import { addInitCommand } from './commands/init.ts';
import { addHookCommand } from './commands/hook.ts';
import { addJobsCommand } from './commands/jobs.ts';
import { addListCommand } from './commands/list.ts';
import { addLoadCommand } from './commands/load.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addReadyCommand } from './commands/ready.ts';
import { addRecoverCommand } from './commands/recover.ts';
import { addNoteCommand } from './commands/note.ts';
import { addRestoreCommand } from './commands/restore.ts';
import { addSearchCommand } from './commands/search.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addServeCommand } from './commands/serve.ts';
import { addShowCommand } from './commands/show.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTrustCommand } from './commands/trust.ts';
import { addUndoCommand } from './commands/undo.ts';
import { addUpdateCommand } from './commands/update.ts';
import { ExitCode } from './terminal/exit-codes.ts';
import { reportFailure, usageError } from './failure.ts';
import { addGlobalOptions } from './terminal/global-options.ts';
import { print, say } from './terminal/output.ts';

/**
 * Runs one command to its end and sets the exit code: 0 ok, 1 a finding or a conflict, 2 wrong usage, 3 the
 * store is unavailable.
 * @param args without the program's own name
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const asJson = wantsJson(args);
  // The pauses of the layers below keep no process alive: where nothing else does, it would end in the middle, with 0.
  const alive = setInterval(() => undefined, ALIVE_MS);
  try {
    await buildProgram(asJson).parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    process.exitCode = reportFailure(error instanceof CommanderError ? usageError(error) : error, asJson);
  } finally {
    clearInterval(alive);
  }
}

const ALIVE_MS = 60_000;

/** Every command, ready to parse; commander's own errors are thrown and not printed. */
export function buildProgram(asJson = false): Command {
  const program = new Command('worktrail')
    .description('The tracker that AI clients and the people beside them share.')
    .usage('<command> [options]')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      // An error's text comes with the thrown error; only help that was asked for by mistake is shown here.
      writeErr: (text) => (asJson || text.startsWith('error:') ? undefined : say(text.trimEnd())),
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      `
Examples:
  worktrail list --status active
  worktrail create "Read the vendor's new format" --type research --label vendor
  worktrail serve

Exit codes: ${ExitCode.ok} ok, ${ExitCode.finding} a finding or a conflict, ${ExitCode.usage} wrong usage, ${ExitCode.unavailable} the store is unavailable.`,
    );
  addGlobalOptions(program);
  for (const add of [
    addInitCommand,
    addServeCommand,
    addStatusCommand,
    addBriefCommand,
    addListCommand,
    addShowCommand,
    addCreateCommand,
    addUpdateCommand,
    addReadyCommand,
    addClaimCommand,
    addNoteCommand,
    addSearchCommand,
    addPlanCommand,
    addHistoryCommand,
    addUndoCommand,
    addConflictsCommand,
    addArchiveCommand,
    addEnhancementCommand,
    addImportCommand,
    addJobsCommand,
    addExportCommand,
    addLoadCommand,
    addBackupCommand,
    addRestoreCommand,
    addDoctorCommand,
    addRecoverCommand,
    addMigrateCommand,
    addConfigCommand,
    addTrustCommand,
    addHookCommand,
  ]) {
    addGlobalOptions(add(program));
  }
  return program;
}

/** Known before parsing, so that a mistake in the arguments is told in the form that was asked for. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? undefined : end).includes('--json');
}
