/** What is well with a project's tracker, what is not, and what to do about each problem. Looking changes nothing. */
import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { agreedConfig, agreementFor, notAgreed, type Config, type Settings } from '../../config/config.ts';
import { oneLine } from '../../domain/others-text.ts';
import { count } from '../../domain/text.ts';
import { TrackerError } from '../../domain/errors.ts';
import { foreignRepository } from '../../storage/git/main-work-tree.ts';
import { askGit, isInRepository } from '../../storage/git/repository.ts';
import { isAgreed } from '../../config/agreements.ts';
import type { StoreSighting } from '../../storage/maintenance/inspect-store.ts';
import { placeOf } from '../../storage/primary/postgres-address.ts';
import { inspectLayers, type Inspection, type Refusal } from '../../storage/maintenance/inspect-layers.ts';
import { describeDriverError } from '../../storage/database/driver-errors.ts';
import type { LayersReport, TrackerStore } from '../../storage/contract/store.ts';
import { acceptPrimary, type Accepted } from '../../storage/maintenance/accept-primary.ts';
import { ownSeal } from '../../storage/journals/seal.ts';
import { spokenAge } from '../../storage/tiers/messages.ts';
import { lostBy } from './recovery.ts';
import { checkRepairable } from './repairs.ts';
import { STATUS_FILE, isUpToDate, readStatusFile } from '../status/status-file.ts';
import { readStatus } from '../status/project-status.ts';
import type { Check } from './checks.ts';

/** What `doctor` tells. */
export interface Diagnosis {
  checks: Check[];
  /** Whether the primary can be used. */
  available: boolean;
  layers: LayersReport;
  /** What the last process that found the primary away noted of it; null when it was there last. */
  breaker: Inspection['breaker'];
  parked: Inspection['parked'];
  failing: Inspection['failing'];
  open_conflicts: Inspection['open_conflicts'];
}

/** Looks at every layer by itself, without the tiers in between. Its problems are answered, not thrown. */
export async function diagnose(settings: Settings): Promise<Diagnosis> {
  const refused = refusalOf(settings);
  const config = refused === undefined ? agreedConfig(settings) : { ...settings, databaseUrl: undefined };
  const found = await inspectLayers({
    ...config,
    ...(refused !== undefined && { unseen: refused.sighting }),
  });
  const { report, sighting, refusal, breaker, parked, failing, open_conflicts } = found;
  try {
    return {
      checks: [
        ...(refused === undefined ? await checkStore(found, config) : [refused.check]),
        ...checkWaiting(found),
        ...checkSeals(found),
        ...checkConflicts(found),
        ...checkLacking(found),
        ...checkLayers(found),
        ...(await checkRepairable(config, found)),
        await checkDataFolder(config),
        await checkGit(config),
      ],
      available: sighting.problem === null && refusal === null,
      layers: report,
      breaker,
      parked,
      failing,
      open_conflicts,
    };
  } finally {
    await found.close();
  }
}

/** A database that nobody agreed to is not even looked up. */
function refusalOf(settings: Settings): { sighting: StoreSighting; check: Check } | undefined {
  const agreement = agreementFor(settings);
  if (agreement === undefined || isAgreed(agreement)) return undefined;
  const { details, next } = notAgreed(settings);
  const problem = String(details['reason']);
  const location = placeOf((settings.database as NonNullable<Settings['database']>).complete);
  return {
    sighting: {
      source: 'postgres',
      location,
      exists: false,
      schema: null,
      problem,
      remedy: next ?? null,
      lacking: null,
    },
    check: { name: 'trust', ok: false, message: problem, next },
  };
}

/**
 * Takes the configured database for the truth although it is older than what this folder knows.
 * @throws DatabaseError when it holds another project, or does not answer
 */
export async function acceptDatabase(config: Config): Promise<Accepted> {
  return await acceptPrimary(config);
}

/** The primary, and what can only be learnt from it. */
async function checkStore(found: Inspection, config: Config): Promise<Check[]> {
  const { sighting, refusal, store, project } = found;
  const { engine, location, exists, schema, problem, remedy, lacking } = sighting;
  const name = `${engine ?? sighting.source} at ${location}`;
  if (refusal !== null) {
    return [
      { name: 'store', ok: false, message: `${name}: not used, ${refusal.why}`, next: REFUSED[refusal.kind] },
    ];
  }
  if (problem !== null && remedy !== null) {
    return [{ name: 'store', ok: false, message: `${name}: ${problem}`, next: remedy }];
  }
  if (problem !== null) return [unavailable(name, problem, found)];
  if (!exists) return [missing(name, project !== null)];
  if (schema === 'behind') {
    const message = 'older than this program; the next use, or `worktrail migrate`, brings it up to date';
    return [
      { name: 'store', ok: true, message: name },
      { name: 'schema', ok: true, message },
    ];
  }
  const about = `${project?.project_slug ?? '?'} (${project?.project_id ?? '?'})`;
  return [
    { name: 'store', ok: true, message: `${name}: reachable` },
    schema === 'newer' ? NEWER_SCHEMA : { name: 'schema', ok: true, message: 'current' },
    { name: 'project', ok: true, message: about },
    ...(lacking === null
      ? []
      : [{ name: 'rights', ok: false, message: `not all of it: ${lacking.problem}`, next: lacking.remedy }]),
    ...(store === undefined ? [] : [await checkStatusFile(store, config)]),
  ];
}

const REFUSED: Readonly<Record<Refusal['kind'], string>> = {
  misplaced:
    'Set DATABASE_URL (or database.url) to the PostgreSQL that has the tracker, or unset it to use the embedded one. `worktrail migrate --to-postgres URL` moves an embedded tracker.',
  stranger:
    'If it is the project of this folder, a person has to say so: `worktrail trust --project-slug SLUG`, with its name. To keep them apart, set project.slug to another name.',
  other_project:
    'Check DATABASE_URL and project.slug (`worktrail config` tells where they come from). Writes are kept in this folder meanwhile.',
  older:
    'Check DATABASE_URL. If a backup was restored, or a standby took over: `worktrail recover` accepts it and puts back what it lacks; `worktrail doctor --accept-database` accepts it only. Until then, writes are kept in this folder.',
};

/** @param isKnown whether the folder has worked with a store before */
function missing(store: string, isKnown: boolean): Check {
  if (!isKnown) {
    return { name: 'store', ok: true, message: `${store}: not there yet, the first use makes it` };
  }
  return {
    name: 'store',
    ok: false,
    message: `${store}: not there or empty, although this folder has worked with a store before`,
    next: 'Put the file back, or check database.url, before anything else.',
  };
}

const NEWER_SCHEMA: Check = {
  name: 'schema',
  ok: false,
  message: 'made by a newer Worktrail: this version reads it but does not write to it',
  next: 'Update Worktrail here to the version that the others use.',
};

function unavailable(store: string, problem: string, { report, breaker }: Inspection): Check {
  const since = breaker === null ? '' : `, away since ${breaker.at} or longer`;
  const standIn = report.layers.slice(1).find(({ as_of }) => as_of !== null);
  const meanwhile =
    standIn === undefined
      ? ''
      : ` Meanwhile ${standIn.label} answers, as of ${standIn.as_of ?? '?'}, and writes are kept until it is back.`;
  return {
    name: 'store',
    ok: false,
    message: `${store}: ${problem}${since}`,
    next: `${CHECK_ADDRESS}${meanwhile}`,
  };
}

const CHECK_ADDRESS =
  'Check database.url (`worktrail config` tells where it comes from), that the server runs, or that the file is readable.';

function checkWaiting({ report, parked, failing }: Inspection): Check[] {
  const { total, newer_version, oldest_at } = report.waiting;
  const checks: Check[] = [];
  const free = total - parked.length - failing.length - newer_version;
  if (free > 0) {
    const age = oldest_at === null ? '' : `, the oldest since ${oldest_at} (${ageOf(oldest_at)})`;
    checks.push({
      name: 'waiting',
      ok: true,
      message: `${count(free, 'write')} made here ${free === 1 ? 'waits' : 'wait'} to be applied${age}; ${free === 1 ? 'it is' : 'they are'} applied in order as soon as the database can be used`,
    });
  }
  if (failing.length > 0) {
    checks.push({
      name: 'failing',
      ok: false,
      message: `${count(failing.length, 'write')} made here cannot be applied at the moment${reasonsOf(failing)}; ${failing.length === 1 ? 'it is' : 'they are'} kept, and tried again automatically, at least once a minute while a program runs`,
      next: 'Change what the reason names. For a missing right, on the server: GRANT SELECT, INSERT, UPDATE, DELETE on that table to the user of the address. Then `worktrail doctor --fix` lets them be tried at once.',
    });
  }
  if (parked.length > 0) {
    checks.push({
      name: 'parked',
      ok: false,
      message: `${count(parked.length, 'write')} failed too often and ${parked.length === 1 ? 'is' : 'are'} put aside${reasonsOf(parked)}`,
      next: 'Run `worktrail doctor --fix`: they are tried again. They are kept, whatever comes of it.',
    });
  }
  if (newer_version > 0) {
    checks.push({
      name: 'newer',
      ok: false,
      message: `${count(newer_version, 'write')} ${newer_version === 1 ? 'was' : 'were'} made by a newer Worktrail and ${newer_version === 1 ? 'waits' : 'wait'} for it`,
      next: 'Update Worktrail here to the version that made them.',
    });
  }
  return checks;
}

function reasonsOf(failed: Inspection['parked']): string {
  const reasons = [...new Set(failed.flatMap(({ reason }) => reason ?? []))];
  return reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
}

/** Writes that may be anybody's, and whether this machine's own can be known again. */
function checkSeals({ report }: Inspection): Check[] {
  const name = 'seals';
  const checks = report.unsealed.map(({ place, writes }): Check => ({
    name,
    ok: false,
    message: `${count(writes, 'write')} in ${place} without the seal of this user on this machine: somebody else may have made ${writes === 1 ? 'it' : 'them'}, and nothing of it is applied`,
    next: 'Run `worktrail doctor --adopt` to look at it, and to take over what is yours: after a change of home or container it may be.',
  }));
  const problem = ownSeal().problem();
  if (problem === undefined) return checks;
  const next =
    'Mend it, or let WORKTRAIL_HOME name a folder of yours that can be written. Until then a write that has to wait is applied only by the program that took it.';
  return [...checks, { name, ok: false, message: `no key to seal waiting writes with: ${problem}`, next }];
}

function checkConflicts({ open_conflicts }: Inspection): Check[] {
  if (open_conflicts === null || open_conflicts.total === 0) return [];
  const { total, as_of } = open_conflicts;
  const known = as_of === null ? '' : ` (as the local cache knew at ${as_of})`;
  return [
    {
      name: 'conflicts',
      ok: false,
      message: `${count(total, 'change')} could not be applied and ${total === 1 ? 'waits' : 'wait'} for a decision${known}; later writes to the same records wait behind ${total === 1 ? 'it' : 'them'}`,
      next: 'See `worktrail conflicts`, then `worktrail conflicts resolve ID`.',
    },
  ];
}

/** What the database acknowledged to this folder and has no longer, and whether that can be known. */
function checkLacking({ lacking, seen }: Inspection): Check[] {
  const checks: Check[] = [];
  const entries = lacking?.entries ?? [];
  if (entries.length > 0) {
    const by = lostBy(entries).map(
      ({ actor, writes, since }) => `${writes} by ${oneLine(actor)} since ${since}`,
    );
    checks.push({
      name: 'lost',
      ok: false,
      message: `the database lacks ${count(entries.length, 'change')} made in this folder that it had acknowledged (${by.join(', ')}); they are kept here`,
      next: 'Run `worktrail recover` to see them, and `worktrail recover --yes` to put them back.',
    });
  }
  if (seen.problem !== null) {
    checks.push({
      name: 'seen',
      ok: false,
      message: `${seen.location}: ${seen.problem}; an older database may not be recognised at once, and what it loses is not kept here`,
      next: 'A damaged file is put aside at the next use, and a new one is made. Check who owns it and the free disk space.',
    });
  }
  return checks;
}

/** Journals and copies that should work and do not, and what was found damaged. */
function checkLayers({ report, has_git }: Inspection): Check[] {
  const journals = report.journals
    .filter(({ name, problem }) => problem !== null && (name !== 'git' || has_git))
    .map(({ name, location, problem }): Check => ({
      name: 'journal',
      ok: false,
      message: `${name} (${location}): ${problem ?? ''}`,
      next: 'Check who owns it and the free disk space. Keep the file: writes that wait may be in it. Other journals are used meanwhile.',
    }));
  const unread = report.layers
    .slice(1)
    .filter(({ problem }) => problem?.startsWith('it cannot be read') === true)
    .map(({ label, location, problem }): Check => ({
      name: 'layer',
      ok: false,
      message: `${label} (${location}): ${problem ?? ''}`,
      next: 'It is a copy: the next command that reaches the database puts it aside and fills a new one.',
    }));
  const damage = report.damage.map((message): Check => ({
    name: 'damage',
    ok: false,
    message,
    next: 'Compare it with what the tracker shows now (`worktrail history`). This is told for as long as the file is in its place; keep it elsewhere when you are done with it.',
  }));
  return [...journals, ...unread, ...damage];
}

async function checkStatusFile(store: TrackerStore, config: Config): Promise<Check> {
  const name = 'status file';
  const file = await readStatusFile(config.projectDir).catch(unreadable);
  if (file !== undefined && 'problem' in file) {
    const { problem: message, next } = file;
    return { name, ok: !config.statusFile.enabled, message, ...(config.statusFile.enabled && { next }) };
  }
  if (file === undefined) {
    const when = config.statusFile.enabled
      ? 'the next change, `worktrail status --write`, or `worktrail doctor --fix` makes it'
      : 'turned off';
    return { name, ok: true, message: `${STATUS_FILE} is not there; ${when}` };
  }
  if (!file.isOurs) {
    return {
      name,
      ok: !config.statusFile.enabled,
      message: `${STATUS_FILE} was not written by Worktrail and is left as it is`,
      ...(config.statusFile.enabled && {
        next: 'Rename it to have the generated one, or set status_file.enabled to false in worktrail.config.json.',
      }),
    };
  }
  if (file.isIntact && (await isUpToDate(file, (await readStatus({ store })).data))) {
    return { name, ok: true, message: `${STATUS_FILE} is up to date` };
  }
  return {
    name,
    ok: false,
    message: `${STATUS_FILE} ${file.isIntact ? 'is out of date' : 'has generated lines that were edited by hand'}`,
    next: file.isIntact
      ? 'Run `worktrail status --write`.'
      : 'Run `worktrail status --diff` to see the edits and `--import-edits` to take them over; `--write` keeps the edited file aside.',
  };
}

function unreadable(error: unknown): { problem: string; next: string } {
  if (error instanceof TrackerError) return { problem: error.message, next: error.next };
  const problem = `${STATUS_FILE} cannot be read: ${describeDriverError(error)}`;
  return { problem, next: 'Check who owns the file and its permissions.' };
}

async function checkDataFolder({ dataDir, projectDir }: Config): Promise<Check> {
  const name = 'data folder';
  const there = existsSync(dataDir);
  try {
    await access(there ? dataDir : projectDir, constants.W_OK);
    return { name, ok: true, message: there ? `${dataDir} is writable` : `${dataDir} can be made` };
  } catch {
    return {
      name,
      ok: false,
      message: `${there ? dataDir : projectDir} is not writable`,
      next: 'Check who owns the folder, its permissions and the file system.',
    };
  }
}

async function checkGit({ projectDir }: Config): Promise<Check> {
  const foreign = foreignRepository(projectDir);
  if (foreign !== undefined) {
    const next =
      'Look at where the folder came from. In a work tree that was moved, run `git worktree repair`.';
    return { name: 'git', ok: false, message: foreign, next };
  }
  const version = await askGit(projectDir, ['--version']);
  if (version === undefined) {
    return {
      name: 'git',
      ok: false,
      message: 'was not found',
      next: 'Install git: branch, commit and short commit hashes are read with it. Everything else works without.',
    };
  }
  const isRepository = await isInRepository(projectDir);
  return {
    name: 'git',
    ok: true,
    message: isRepository ? version : `${version}; the project is not in a repository`,
  };
}

function ageOf(time: string): string {
  return `${spokenAge(Date.now() - Date.parse(time))} ago`;
}
