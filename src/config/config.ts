/**
 * Settings: flags over environment over `worktrail.config.json` over defaults, as one pure pipeline that
 * ends in a frozen, validated object. Empty values and `${…}` left over from a client's template mean unset.
 */
import path from 'node:path';
import * as z from 'zod';
import { EMBEDDED, settingSchemas, type ConfigFile } from './config-schema.ts';
import { databaseError, shortenText, validationError, type TrackerError } from '../domain/errors.ts';
import { UnsuitableFile, readPlainFile } from '../platform/plain-file.ts';
import { isAgreed, realFolder, type Agreement } from './agreements.ts';
import {
  AddressProblem,
  completeAddress,
  formatPostgresUrl,
  parsePostgresUrl,
  placeOf,
  withoutPassword,
  type CompleteAddress,
  type PostgresAddress,
} from '../storage/primary/postgres-address.ts';
import { QUOTAS_DEFAULT, type Quotas } from '../domain/quotas.ts';
import { problemsOf } from '../domain/validate.ts';
import { nearestName } from '../domain/warnings.ts';
import type { Toolset } from '../domain/toolsets.ts';
import { findProject, ifSet, settingError } from './project-folder.ts';
import {
  CONNECT_TIMEOUT_MS_DEFAULT,
  QUERY_TIMEOUT_MS_DEFAULT,
} from '../storage/primary/postgres-timeouts.ts';
import { ownWritesKept, type OwnWritesKept } from '../storage/tiers/own-writes-kept.ts';

export const CONFIG_FILE = 'worktrail.config.json';
const CONFIG_FILE_MAX_BYTES = 64 * 1024;
/** Deeper than any setting lies. */
const SETTINGS_DEPTH = 8;
const HOST_DEFAULT = '127.0.0.1';
const PORT_DEFAULT = 7420;
const STATUS_FILE_DEBOUNCE_MS_DEFAULT = 500;
const STALE_AFTER_MINUTES_DEFAULT = 30;

export interface Flags {
  project?: string | undefined;
  database?: string | undefined;
  toolsets?: string | undefined;
  host?: string | undefined;
  port?: string | undefined;
}

/** What the settings say. The database that they name may not have been agreed to: see `agreedConfig`. */
export interface Settings {
  /** Absolute path of the project's folder. */
  projectDir: string;
  /** Where the tracker keeps its local files: `<projectDir>/.worktrail`. */
  dataDir: string;
  /** The work tree that the program was started in, where it is one of the project's; else the project's folder. */
  workTree: string;
  slug: { value: string; explicit: boolean; isFromFile: boolean };
  /** Who works here; undefined where that is left to git and the system. */
  actor: string | undefined;
  /** The PostgreSQL that is named; undefined for the embedded SQLite. */
  database: NamedDatabase | undefined;
  /** After which PostgreSQL counts as away. */
  databaseTimeouts: { connectMs: number; queryMs: number };
  toolsets: readonly Toolset[];
  host: string;
  port: number;
  statusFile: { enabled: boolean; debounceMs: number };
  /** Milliseconds without contact to PostgreSQL after which the local cache counts as stale. */
  staleAfterMs: number;
  /** How much of what the database acknowledged to this folder is kept for `worktrail recover`. */
  ownWritesKept: OwnWritesKept;
  quotas: Quotas;
  /** Where each setting that is not a default came from, for `worktrail config`. */
  origins: Readonly<Record<string, string>>;
}

export interface NamedDatabase {
  /** The flag, variable or file that names it. */
  origin: string;
  /** Whether the project brings it along, so that a person has to agree to it. */
  isFromFile: boolean;
  given: PostgresAddress;
  complete: CompleteAddress;
}

/** Settings with a database that may be used. Whatever connects to one asks for it here. */
export interface Config extends Settings {
  /** Complete; undefined for the embedded SQLite. */
  databaseUrl: string | undefined;
}

/**
 * The settings, once it is known that the person agreed to the database that they name.
 * @throws DatabaseError naming the command by which a person agrees; ValidationError as `readSettings` does
 */
export function readConfig(flags: Flags, environment: NodeJS.ProcessEnv, folder: string): Config {
  return agreedConfig(readSettings(flags, environment, folder));
}

/** Looks whether the person agreed, each time: that may be done while a server runs. @throws DatabaseError */
export function agreedConfig(settings: Settings): Config {
  const { database } = settings;
  const agreement = agreementFor(settings);
  if (agreement !== undefined && !isAgreed(agreement)) throw notAgreed(settings);
  const databaseUrl = database === undefined ? undefined : formatPostgresUrl(database.complete);
  return Object.freeze({ ...settings, databaseUrl });
}

/** What has to be agreed to before the database is used; undefined where nothing has. */
export function agreementFor({ database, projectDir, slug }: Settings): Agreement | undefined {
  if (database?.isFromFile !== true) return undefined;
  return {
    kind: 'database',
    folder: realFolder(projectDir),
    slug: slug.value,
    address: withoutPassword(database.complete),
  };
}

/** The database is neither connected to nor replaced by an embedded one, which would split the project's data. */
export function notAgreed({ database, projectDir }: Settings): TrackerError {
  const place = database === undefined ? '' : ` ${shortenText(placeOf(database.complete), PLACE_CHARACTERS)}`;
  return databaseError(
    'postgres',
    `the address${place} comes from ${CONFIG_FILE}, and nobody has agreed to it on this machine, so it was not contacted`,
    `A person has to run \`worktrail trust\` in ${projectDir}, which shows what would be sent where, and asks. An address in DATABASE_URL or --database needs no agreement. Nothing was changed.`,
  );
}

const PLACE_CHARACTERS = 120;

/**
 * @param environment usually `process.env`
 * @param folder where the program was started
 * @throws ValidationError naming the file or variable, the key, and what is allowed
 */
export function readSettings(flags: Flags, environment: NodeJS.ProcessEnv, folder: string): Settings {
  const origins: Record<string, string> = {};
  const { projectDir, workTree, origin } = findProject(flags, environment, folder);
  if (origin !== undefined) origins['project'] = origin;
  const file = readConfigFile(projectDir);
  /** The first candidate that is set; only that one is judged, so that a flag also overrides a wrong variable. */
  const pick = <T>(name: string, candidates: Candidate<T>[]): T | undefined => {
    const chosen = candidates.find(({ isSet }) => isSet);
    if (chosen === undefined) return undefined;
    origins[name] = chosen.origin;
    return chosen.read();
  };
  const variable = <T>(name: string, ...how: FromText<T>): Candidate<T> =>
    fromText(name, environment[name], ...how);
  const inFile = <T>(value: T | undefined): Candidate<T> => ({
    origin: CONFIG_FILE,
    isSet: value !== undefined,
    read: () => value as T,
  });

  const url = pick('database.url', [
    fromText('--database', flags.database, (schemas) => schemas.databaseUrl),
    variable('WORKTRAIL_DATABASE_URL', (schemas) => schemas.databaseUrl),
    variable('DATABASE_URL', (schemas) => schemas.databaseUrl),
    inFile(file.database?.url),
  ]);
  const explicitSlug = pick('project.slug', [
    variable('WORKTRAIL_PROJECT_SLUG', (schemas) => schemas.slug),
    inFile(file.project?.slug),
  ]);
  const settings: Settings = {
    projectDir,
    dataDir: path.join(projectDir, '.worktrail'),
    workTree,
    slug: {
      value: explicitSlug ?? slugOf(projectDir),
      explicit: explicitSlug !== undefined,
      isFromFile: origins['project.slug'] === CONFIG_FILE,
    },
    actor: pick('actor', [variable('WORKTRAIL_ACTOR', (schemas) => schemas.actor), inFile(file.actor)]),
    database: url === undefined ? undefined : namedDatabase(url, origins['database.url'] ?? '', environment),
    databaseTimeouts: {
      connectMs:
        pick('database.connect_timeout_ms', [inFile(file.database?.connect_timeout_ms)]) ??
        CONNECT_TIMEOUT_MS_DEFAULT,
      queryMs:
        pick('database.query_timeout_ms', [inFile(file.database?.query_timeout_ms)]) ??
        QUERY_TIMEOUT_MS_DEFAULT,
    },
    toolsets: pick('toolsets', [
      fromText('--toolsets', flags.toolsets, (schemas) => schemas.toolsets, splitList),
      variable('WORKTRAIL_TOOLSETS', (schemas) => schemas.toolsets, splitList),
      inFile(file.toolsets),
    ]) ?? ['core'],
    host:
      pick('http.host', [
        fromText('--host', flags.host, (schemas) => schemas.host),
        variable('WORKTRAIL_HOST', (schemas) => schemas.host),
        inFile(file.http?.host),
      ]) ?? HOST_DEFAULT,
    port:
      pick('http.port', [
        fromText('--port', flags.port, (schemas) => schemas.port, Number),
        variable('WORKTRAIL_PORT', (schemas) => schemas.port, Number),
        inFile(file.http?.port),
      ]) ?? PORT_DEFAULT,
    statusFile: {
      enabled: pick('status_file.enabled', [inFile(file.status_file?.enabled)]) ?? true,
      debounceMs:
        pick('status_file.debounce_ms', [inFile(file.status_file?.debounce_ms)]) ??
        STATUS_FILE_DEBOUNCE_MS_DEFAULT,
    },
    staleAfterMs:
      (pick('fallback.stale_after_minutes', [inFile(file.fallback?.stale_after_minutes)]) ??
        STALE_AFTER_MINUTES_DEFAULT) * 60_000,
    ownWritesKept: ownWritesKept(
      pick('fallback.own_changes_days', [inFile(file.fallback?.own_changes_days)]),
      pick('fallback.own_changes_mb', [inFile(file.fallback?.own_changes_mb)]),
    ),
    quotas: {
      items: pick('limits.items_max', [inFile(file.limits?.items_max)]) ?? QUOTAS_DEFAULT.items,
      notes: pick('limits.notes_max', [inFile(file.limits?.notes_max)]) ?? QUOTAS_DEFAULT.notes,
      bytes: pick('limits.bytes_max', [inFile(file.limits?.bytes_max)]) ?? QUOTAS_DEFAULT.bytes,
    },
    origins,
  };
  return Object.freeze(settings);
}

function namedDatabase(
  url: string,
  origin: string,
  environment: NodeJS.ProcessEnv,
): NamedDatabase | undefined {
  if (url === EMBEDDED) return undefined;
  const isFromFile = origin === CONFIG_FILE;
  const given = parsePostgresUrl(url);
  try {
    const complete = completeAddress(given, environment, { isOfPerson: !isFromFile });
    return { origin, isFromFile, given, complete };
  } catch (error) {
    if (error instanceof AddressProblem) throw settingError(origin, error.message, null);
    throw error;
  }
}

interface Candidate<T> {
  origin: string;
  isSet: boolean;
  /** @throws ValidationError when the value is not allowed */
  read: () => T;
}

type FromText<T> = [
  schema: (schemas: ReturnType<typeof settingSchemas>) => z.ZodType<T>,
  convert?: (text: string) => unknown,
];

function fromText<T>(
  origin: string,
  text: string | undefined,
  ...[schema, convert = (value) => value]: FromText<T>
): Candidate<T> {
  const set = ifSet(text);
  return {
    origin,
    isSet: set !== undefined,
    read: () => parse(origin, schema(settingSchemas()), convert(set ?? '')),
  };
}

/** Its content is never quoted: what is read in its place may be meant for nobody. */
function readConfigFile(projectDir: string): ConfigFile {
  const file = path.join(projectDir, CONFIG_FILE);
  const text = readText(file, projectDir);
  if (text === undefined) return {};
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw settingError(file, `must be JSON${whereIn(text, error)}`, null);
  }
  const unset = dropUnset(content);
  const parsed = settingSchemas().configFile.safeParse(unset);
  if (parsed.success) return parsed.data;
  const unknown = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          field: `${file}: ${[...issue.path, key].join('.')}`,
          constraint: `is not a setting; the nearest is "${nearestName(key, settingNames(issue.path)) ?? ''}"`,
          value: null,
        }))
      : [],
  );
  const wrong = problemsOf(parsed.error, unset)
    .filter((_, index) => parsed.error.issues[index]?.code !== 'unrecognized_keys')
    .map((problem) => ({
      ...problem,
      field: `${file}: ${problem.field}`,
      value: null,
    }));
  throw validationError([...unknown, ...wrong], 'Correct the settings named here, then start again.');
}

function readText(file: string, projectDir: string): string | undefined {
  try {
    return readPlainFile(file, { maxBytes: CONFIG_FILE_MAX_BYTES, inside: projectDir })?.toString('utf8');
  } catch (error) {
    if (!(error instanceof UnsuitableFile)) throw error;
    throw validationError(
      { field: file, constraint: `${error.reason}, so it was not read`, value: null },
      `${CONFIG_FILE} must be a plain file in the project's folder, of at most ${CONFIG_FILE_MAX_BYTES / 1024} KiB. Nothing was changed.`,
    );
  }
}

/** The parser says where it stopped, in a sentence that quotes what it found there. */
function whereIn(text: string, error: unknown): string {
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return `; it stops being that in line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

function settingNames(at: PropertyKey[]): string[] {
  let schema: z.ZodType = settingSchemas().configFile;
  for (const key of at) {
    if (schema instanceof z.ZodOptional) schema = schema.unwrap() as z.ZodType;
    if (schema instanceof z.ZodObject) schema = schema.shape[String(key)] as z.ZodType;
  }
  if (schema instanceof z.ZodOptional) schema = schema.unwrap() as z.ZodType;
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function dropUnset(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (depth > SETTINGS_DEPTH) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => typeof entry !== 'string' || ifSet(entry) !== undefined)
      .map(([key, entry]) => [key, dropUnset(entry, depth + 1)]),
  );
}

function parse<T>(origin: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [problem] = problemsOf(parsed.error, value);
  throw settingError(origin, problem?.constraint ?? 'is not valid', value);
}

const splitList = (text: string) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

function slugOf(projectDir: string): string {
  const name = path
    .basename(projectDir)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, 48);
  return name === '' ? 'project' : name;
}
