/**
 * What `doctor` finds beside the layers and can put right without risk: each is told by a check, and mended on
 * request only. Nothing here touches a record, a journal or a copy of them.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../../config/config.ts';
import { count } from '../../domain/text.ts';
import { findStaleLocks, removeStaleLock } from '../../storage/git/stale-locks.ts';
import { TrackerError } from '../../domain/errors.ts';
import { inspectLayers, type Inspection } from '../../storage/maintenance/inspect-layers.ts';
import { findDifferences, mendDifferences } from '../../storage/maintenance/mend-derived.ts';
import { createMissingIndexes, findMissingIndexes } from '../../storage/maintenance/mend-indexes.ts';
import { inspectOperations } from '../../storage/operations/inspect.ts';
import { Operations } from '../../storage/operations/operations.ts';
import { describeDriverError, describeFailure } from '../../storage/database/driver-errors.ts';
import { retryFailed } from '../../storage/maintenance/accept-primary.ts';
import { STATUS_FILE, writeStatusFile } from '../status/status-file.ts';
import type { Check } from './checks.ts';

/** Something that was put right, or could not be. */
export interface Repair {
  name: 'parked' | 'stale lock' | 'index' | 'derived' | 'status file' | 'jobs';
  ok: boolean;
  message: string;
}

export interface Repairs {
  /** Writes that will be tried again. */
  retried: number;
  done: Repair[];
}

const FIX = 'Run `worktrail doctor --fix`';

/** Problems that `fixWhatIsSafe` puts right; changes nothing. */
export async function checkRepairable(config: Config, found: Inspection): Promise<Check[]> {
  return [
    ...(await checkIndexes(config, found)),
    ...(await checkDerived(config, found)),
    ...(await findStaleLocks(config.projectDir)).map(({ file, since }): Check => ({
      name: 'stale lock',
      ok: false,
      message: `${file} was left behind by a git that was killed, since ${since}; until it is gone, git saves nothing there`,
      next: `${FIX}: it is removed.`,
    })),
    ...checkJobs(config),
  ];
}

/** Puts right what can be put right without risk. One that cannot be mended does not keep the others from it. */
export async function fixWhatIsSafe(config: Config): Promise<Repairs> {
  const retried = await retryFailed(config.dataDir);
  const done: Repair[] = [];
  if (retried > 0) {
    const message = `${count(retried, 'write')} that failed will be tried again: within seconds by programs that run, else by the next command that reaches the database`;
    done.push({ name: 'parked', ok: true, message });
  }
  const found = await inspectLayers(config);
  try {
    done.push(
      ...(await mendIndexes(config, found)),
      ...(await mendDerived(config, found)),
      ...(await removeStaleLocks(config)),
      ...(await restoreStatusFile(config, found)),
      ...mendJobs(config),
    );
  } finally {
    await found.close();
  }
  return { retried, done };
}

/** A store that is not as new as the program may have other indexes. */
const isComparable = ({ sighting, refusal }: Inspection): boolean =>
  refusal === null && sighting.problem === null && sighting.exists && sighting.schema === 'current';

async function checkIndexes(config: Config, found: Inspection): Promise<Check[]> {
  if (!isComparable(found)) return [];
  try {
    const missing = await findMissingIndexes(config);
    if (missing.length === 0) return [];
    const names = missing.map(({ name }) => name).join(', ');
    return [
      {
        name: 'index',
        ok: false,
        message: `${count(missing.length, 'index', 'indexes')} of the schema ${missing.length === 1 ? 'is' : 'are'} missing (${names}): answers are right, but slow`,
        next: `${FIX}: they are made again; writers wait meanwhile.`,
      },
    ];
  } catch (error) {
    const message = `the indexes of the store could not be looked at: ${describeDriverError(error)}`;
    return [{ name: 'index', ok: false, message, next: 'Run `worktrail doctor` again.' }];
  }
}

async function mendIndexes(config: Config, found: Inspection): Promise<Repair[]> {
  if (!isComparable(found)) return [];
  try {
    return (await createMissingIndexes(config)).map(({ name, table, problem }) => ({
      name: 'index',
      ok: problem === null,
      message:
        problem === null
          ? `${name} on ${table} was missing and was made again`
          : `${name} on ${table} is missing and could not be made: ${problem}`,
    }));
  } catch (error) {
    const message = `the indexes of the store could not be compared: ${describeDriverError(error)}`;
    return [{ name: 'index', ok: false, message }];
  }
}

async function checkDerived(config: Config, found: Inspection): Promise<Check[]> {
  if (!isComparable(found)) return [];
  try {
    return (await findDifferences(config)).map(({ derivation: { label }, rows }) => ({
      name: 'derived',
      ok: false,
      message: `${label} does not fit the records in ${count(rows, 'place')}: an earlier Worktrail may have written beside a newer one`,
      next: `${FIX}: it is made again; writers wait meanwhile. Restart programs of an earlier version first.`,
    }));
  } catch (error) {
    const message = `what follows from the records could not be compared with them: ${describeFailure(error)}`;
    return [{ name: 'derived', ok: false, message, next: 'Run `worktrail doctor` again.' }];
  }
}

async function mendDerived(config: Config, found: Inspection): Promise<Repair[]> {
  if (!isComparable(found)) return [];
  try {
    return (await mendDifferences(config)).map(({ derivation: { label }, rows }) => ({
      name: 'derived',
      ok: true,
      message: `${label} did not fit the records in ${count(rows, 'place')} and was made again`,
    }));
  } catch (error) {
    const message = `what follows from the records could not be made again: ${describeFailure(error)}`;
    return [{ name: 'derived', ok: false, message }];
  }
}

async function removeStaleLocks({ projectDir }: Config): Promise<Repair[]> {
  const repairs: Repair[] = [];
  for (const { file, since } of await findStaleLocks(projectDir)) {
    try {
      if (!(await removeStaleLock(file))) continue;
      repairs.push({
        name: 'stale lock',
        ok: true,
        message: `${file}, left behind since ${since}, was removed`,
      });
    } catch (error) {
      const message = `${file} could not be removed: ${describeDriverError(error)}`;
      repairs.push({ name: 'stale lock', ok: false, message });
    }
  }
  return repairs;
}

/** Only where it is missing: what is there, edited or not, is left to `worktrail status --write`. */
async function restoreStatusFile(config: Config, { store }: Inspection): Promise<Repair[]> {
  const { projectDir, dataDir, statusFile } = config;
  const isLost = statusFile.enabled && !existsSync(path.join(projectDir, STATUS_FILE));
  if (!isLost || store === undefined) return [];
  try {
    const { written } = await writeStatusFile({ store }, { projectDir, dataDir });
    if (!written) return [];
    return [{ name: 'status file', ok: true, message: `${STATUS_FILE} was not there and was written again` }];
  } catch (error) {
    const reason = error instanceof TrackerError ? error.message : describeDriverError(error);
    const message = `${STATUS_FILE} could not be written: ${reason}`;
    return [{ name: 'status file', ok: false, message }];
  }
}

function checkJobs({ dataDir }: Config): Check[] {
  const { location, abandoned, problem } = inspectOperations(dataDir);
  if (problem !== null) {
    const message = `the record of jobs (${location}) cannot be used: ${problem}; nothing else is affected`;
    const next = `${FIX}: a damaged one is put aside and made anew. \`worktrail jobs\` works again then.`;
    return [{ name: 'jobs', ok: false, message, next }];
  }
  if (abandoned.length === 0) return [];
  const kinds = [...new Set(abandoned.map(({ kind }) => kind))].join(', ');
  return [
    {
      name: 'jobs',
      ok: false,
      message: `${count(abandoned.length, 'job')} (${kinds}) ended with ${abandoned.length === 1 ? 'its' : 'their'} process before ${abandoned.length === 1 ? 'it was' : 'they were'} done`,
      next: `${FIX}: recorded as interrupted. Then run again what was cut off (\`worktrail jobs --state interrupted\`).`,
    },
  ];
}

function mendJobs({ dataDir }: Config): Repair[] {
  const { location, problem } = inspectOperations(dataDir);
  const jobs = new Operations(dataDir);
  try {
    const interrupted = jobs.interruptAbandoned();
    if (problem !== null) {
      const after = inspectOperations(dataDir).problem;
      const message =
        after === null
          ? `the record of jobs (${location}) could not be read (${problem}), was put aside and made anew`
          : `the record of jobs (${location}) cannot be used: ${after}`;
      return [{ name: 'jobs', ok: after === null, message }];
    }
    if (interrupted === 0) return [];
    const message = `${count(interrupted, 'job')} whose process ended ${interrupted === 1 ? 'is' : 'are'} recorded as interrupted`;
    return [{ name: 'jobs', ok: true, message }];
  } finally {
    jobs.close();
  }
}
