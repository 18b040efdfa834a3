/** Puts the program together: configuration → store → use cases. The only file that knows all of it. */
import { existsSync } from 'node:fs';
import type { Config } from './config/config.ts';
import { commandSession, personIn } from './config/identity.ts';
import { ArchiveSchedule } from './use-cases/archive/archive-schedule.ts';
import type { Context } from './use-cases/support/context.ts';
import { StatusFileWriter } from './use-cases/status/status-file.ts';
import { openStore, type OpenOptions } from './storage/opening/open-store.ts';
import { deviceOf } from './storage/journals/device.ts';
import { SessionStore } from './storage/contract/session-store.ts';
import { systemClock } from './platform/clock.ts';
import { Operations } from './storage/operations/operations.ts';
import { Election } from './storage/tiers/election.ts';

export { PATIENCE_MS_DEFAULT, knowsTracker } from './storage/opening/open-store.ts';

const FIRST_LOOK_MS = 1_000;

export interface App {
  context: Context;
  /** Does from now on what is to be done once a day: for processes that stay. */
  startDailyWork(): void;
  /** Writes what is still due and lets go of everything. Safe to call more than once. */
  close(): Promise<void>;
}

/**
 * Opens the project's store.
 * @param log for what a person at the terminal should know; never stdout
 * @throws DatabaseError when the store cannot be opened
 */
export async function openApp(
  config: Config,
  log: (message: string) => void,
  options: Pick<OpenOptions, 'patienceMs' | 'snapshotPatienceMs'> = {},
): Promise<App> {
  const jobs = new Operations(config.dataDir);
  const store = await openStore({
    ...config,
    ...options,
    timeouts: config.databaseTimeouts,
    log,
    jobs,
  }).catch((error: unknown) => {
    jobs.close();
    throw error;
  });
  const { projectDir, workTree, dataDir, statusFile } = config;
  const writer = statusFile.enabled
    ? new StatusFileWriter({ store }, { projectDir, dataDir }, statusFile.debounceMs, log)
    : undefined;
  const device = deviceOf(dataDir, existsSync(dataDir));
  const context: Context = {
    store: SessionStore.begin(store),
    workspace: {
      ...{ projectDir, dataDir, workTree, keepsStatusFile: statusFile.enabled },
      ...{ device, person: personIn(projectDir, config.actor), session: commandSession(device) },
    },
    now: () => new Date(),
    onChange: () => writer?.changed(),
    jobs,
    backUp: async (options) => {
      const { takeBackup } = await import('./storage/export/backup.ts');
      return await takeBackup({ ...config, ...options });
    },
  };
  const election = new Election(dataDir);
  const archiving = new ArchiveSchedule({
    context,
    dataDir,
    clock: systemClock,
    elect: (role, work) => election.run(role, work),
    log,
  });
  let closing: Promise<void> | undefined;
  return {
    context,
    startDailyWork: () => {
      // What an earlier process left behind, after what a client asks for first.
      setTimeout(() => jobs.interruptAbandoned(), FIRST_LOOK_MS).unref();
      archiving.start();
    },
    close: () => (closing ??= closeAll()),
  };

  async function closeAll(): Promise<void> {
    await archiving.stop();
    election.close();
    await writer?.flush();
    await store.close();
    jobs.interruptAbandoned();
    jobs.close();
  }
}
