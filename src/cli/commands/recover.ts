import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Recovery } from '../../use-cases/maintenance/recovery.ts';
import type { TrackerStore } from '../../storage/contract/store.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { print, printJson } from '../terminal/output.ts';
import { recoveryLines, outcomeLines, type Outcome } from '../terminal/recovery-text.ts';
import { readConfig, withApp } from '../terminal/with-app.ts';

/** How long the command waits for the writes to be applied; what is left then is applied later. */
const PATIENCE_MS = 30_000;
const LOOK_PAUSE_MS = 100;
/** After so long without a write being applied, what is left waits for something else. */
const STANDSTILL_MS = 3_000;

/** `worktrail recover`: shows, and with `--yes` puts back, what the database acknowledged to this folder and lost. */
export function addRecoverCommand(program: Command): Command {
  return program
    .command('recover')
    .description('put back changes made in this folder that the database acknowledged and then lost')
    .option('--yes', 'do it; without this, only show what would be done')
    .addHelpText(
      'after',
      `
For a database that was restored from a backup, or a standby that took over too early. Each folder keeps its own
acknowledged changes for a while (fallback.own_changes_days, fallback.own_changes_mb). With --yes the database is
accepted as it is (see worktrail doctor --accept-database), and the changes it lacks are applied to it again, in order
and once: merged with what others did since, or kept as conflicts. Run it in every folder that worked with the database.

Exit codes: 0 nothing is missing, or all was put back, 1 something is missing, still waits or is a conflict now, 3 the
store is unavailable.

Examples:
  worktrail recover
  worktrail recover --yes`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<{ yes?: true }>(command);
      const { recover } = await import('../../use-cases/maintenance/recovery.ts');
      const recovery = await recover(await readConfig(options), () => Promise.resolve(options.yes === true));
      const outcome = recovery.done === null ? undefined : await applyNow(options, recovery);
      const isUndone = recovery.done === null && (recovery.lost.length > 0 || recovery.refused !== null);
      const isLeft = outcome !== undefined && (outcome.conflicts.length > 0 || outcome.waiting > 0);
      if (isUndone || isLeft) process.exitCode = ExitCode.finding;
      if (options.json === true) return printJson({ ...recovery, ...(outcome !== undefined && { outcome }) });
      print((outcome === undefined ? recoveryLines(recovery) : outcomeLines(recovery, outcome)).join('\n'));
    });
}

/** Any use of the tracker applies what waits; this one waits for it. */
async function applyNow(options: GlobalOptions, { lost }: Recovery): Promise<Outcome> {
  const ids = new Set(lost.map(({ id }) => id));
  return await withApp(options, async ({ context: { store } }) => {
    const until = Date.now() + PATIENCE_MS;
    let waiting = ids.size;
    for (let moved = Date.now(); waiting > 0 && Date.now() < until; await sleep(LOOK_PAUSE_MS)) {
      const left = await stillWaiting(store, ids);
      if (left < waiting) moved = Date.now();
      waiting = left;
      // What is behind an open conflict waits for a person.
      if (Date.now() - moved > STANDSTILL_MS && (await store.layers()).state === 'online') break;
    }
    const { data } = await store.read((reader) =>
      reader.listConflicts({ resolved: false, limit: CONFLICTS_MAX }),
    );
    const conflicts = data.items.map(({ id }) => id).filter((id) => ids.has(id));
    return { applied: ids.size - waiting - conflicts.length, conflicts, waiting };
  });
}

const CONFLICTS_MAX = 500;

async function stillWaiting(store: TrackerStore, ids: ReadonlySet<string>): Promise<number> {
  return (await store.pending()).filter(({ id }) => ids.has(id)).length;
}
