/**
 * Settings (L3): flags over environment over `worktrail.config.json` over defaults, as one pure pipeline that
 * ends in a frozen, validated object. Empty values and `${…}` left over from a client's template mean unset.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { EMBEDDED, settingSchemas, type ConfigFile } from './config-schema.ts';
import { validationError } from './errors.ts';
import { QUOTAS_DEFAULT, type Quotas } from './domain/quotas.ts';
import { problemsOf } from './domain/validate.ts';
import { nearestName } from './domain/warnings.ts';
import type { Toolset } from './domain/toolsets.ts';
import { innermostWorkTree, mainWorkTree } from './storage/git/main-work-tree.ts';
import { CONNECT_TIMEOUT_MS_DEFAULT, QUERY_TIMEOUT_MS_DEFAULT } from './storage/sql/postgres-timeouts.ts';

export const CONFIG_FILE = 'worktrail.config.json';
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

export interface Config {
  /** Absolute path of the project's folder. */
  projectDir: string;
  /** Where the tracker keeps its local files: `<projectDir>/.worktrail`. */
  dataDir: string;
  /** The work tree that the program was started in, where it is one of the project's; else the project's folder. */
  workTree: string;
  slug: { value: string; explicit: boolean };
  /** Undefined for the embedded SQLite. */
  databaseUrl: string | undefined;
  /** After which PostgreSQL counts as away. */
  databaseTimeouts: { connectMs: number; queryMs: number };
  toolsets: readonly Toolset[];
  host: string;
  port: number;
  statusFile: { enabled: boolean; debounceMs: number };
  /** Milliseconds without contact to PostgreSQL after which the local cache counts as stale. */
  staleAfterMs: number;
  quotas: Quotas;
  /** Where each setting that is not a default came from, for `worktrail config`. */
  origins: Readonly<Record<string, string>>;
}

/**
 * @param environment usually `process.env`
 * @param folder where the program was started
 * @throws ValidationError naming the file or variable, the key, and what is allowed
 */
export function readConfig(flags: Flags, environment: NodeJS.ProcessEnv, folder: string): Config {
  const origins: Record<string, string> = {};
  const projectDir = findProjectDir(flags, environment, folder, origins);
  const file = readConfigFile(projectDir);
  /** The first candidate that is set; only that one is judged, so that a flag also overrides a wrong variable. */
  const pick = <T>(name: string, candidates: Candidate<T>[]): T | undefined => {
    const chosen = candidates.find(({ isSet }) => isSet);
    if (chosen === undefined) return undefined;
    origins[name] = chosen.origin;
    return chosen.read();
  };
  const inFile = <T>(value: T | undefined): Candidate<T> => ({
    origin: CONFIG_FILE,
    isSet: value !== undefined,
    read: () => value as T,
  });

  const url = pick('database.url', [
    fromText('--database', flags.database, (schemas) => schemas.databaseUrl),
    fromText(
      'WORKTRAIL_DATABASE_URL',
      environment['WORKTRAIL_DATABASE_URL'],
      (schemas) => schemas.databaseUrl,
    ),
    fromText('DATABASE_URL', environment['DATABASE_URL'], (schemas) => schemas.databaseUrl),
    inFile(file.database?.url),
  ]);
  const explicitSlug = pick('project.slug', [inFile(file.project?.slug)]);
  const config: Config = {
    projectDir,
    dataDir: path.join(projectDir, '.worktrail'),
    workTree: mainWorkTree(folder) === projectDir ? innermostWorkTree(folder) : projectDir,
    slug: { value: explicitSlug ?? slugOf(projectDir), explicit: explicitSlug !== undefined },
    databaseUrl: url === EMBEDDED ? undefined : url,
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
      fromText(
        'WORKTRAIL_TOOLSETS',
        environment['WORKTRAIL_TOOLSETS'],
        (schemas) => schemas.toolsets,
        splitList,
      ),
      inFile(file.toolsets),
    ]) ?? ['core'],
    host:
      pick('http.host', [
        fromText('--host', flags.host, (schemas) => schemas.host),
        fromText('WORKTRAIL_HOST', environment['WORKTRAIL_HOST'], (schemas) => schemas.host),
        inFile(file.http?.host),
      ]) ?? HOST_DEFAULT,
    port:
      pick('http.port', [
        fromText('--port', flags.port, (schemas) => schemas.port, Number),
        fromText('WORKTRAIL_PORT', environment['WORKTRAIL_PORT'], (schemas) => schemas.port, Number),
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
    quotas: {
      items: pick('limits.items_max', [inFile(file.limits?.items_max)]) ?? QUOTAS_DEFAULT.items,
      notes: pick('limits.notes_max', [inFile(file.limits?.notes_max)]) ?? QUOTAS_DEFAULT.notes,
      bytes: pick('limits.bytes_max', [inFile(file.limits?.bytes_max)]) ?? QUOTAS_DEFAULT.bytes,
    },
    origins,
  };
  return Object.freeze(config);
}

interface Candidate<T> {
  origin: string;
  isSet: boolean;
  /** @throws ValidationError when the value is not allowed */
  read: () => T;
}

function fromText<T>(
  origin: string,
  text: string | undefined,
  schema: (schemas: ReturnType<typeof settingSchemas>) => z.ZodType<T>,
  convert: (text: string) => unknown = (value) => value,
): Candidate<T> {
  const set = ifSet(text);
  return {
    origin,
    isSet: set !== undefined,
    read: () => parse(origin, schema(settingSchemas()), convert(set ?? '')),
  };
}

function findProjectDir(
  flags: Flags,
  environment: NodeJS.ProcessEnv,
  folder: string,
  origins: Record<string, string>,
): string {
  const candidates = [
    ['--project', ifSet(flags.project)],
    ['WORKTRAIL_PROJECT', ifSet(environment['WORKTRAIL_PROJECT'])],
  ] as const;
  for (const [origin, value] of candidates) {
    if (value === undefined) continue;
    const absolute = path.resolve(folder, value);
    if (!existsSync(absolute) || !statSync(absolute).isDirectory()) {
      throw settingError(origin, 'must be an existing folder', value);
    }
    origins['project'] = origin;
    return absolute;
  }
  return mainWorkTree(folder);
}

function readConfigFile(projectDir: string): ConfigFile {
  const file = path.join(projectDir, CONFIG_FILE);
  if (!existsSync(file)) return {};
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw settingError(file, `must be JSON (${error instanceof Error ? error.message : 'unreadable'})`, null);
  }
  const unset = dropUnset(content);
  const parsed = settingSchemas().configFile.safeParse(unset);
  if (parsed.success) return parsed.data;
  const unknown = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          field: `${file}: ${[...issue.path, key].join('.')}`,
          constraint: `is not a setting; the nearest is "${nearestName(key, settingNames(issue.path)) ?? ''}"`,
          value: key,
        }))
      : [],
  );
  const wrong = problemsOf(parsed.error, unset)
    .filter((_, index) => parsed.error.issues[index]?.code !== 'unrecognized_keys')
    .map((problem) => ({
      ...problem,
      field: `${file}: ${problem.field}`,
      value: hidePassword(problem.value),
    }));
  throw validationError([...unknown, ...wrong], 'Correct the settings named here, then start again.');
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

/** A template that was never filled in (`${DATABASE_URL}`) is as good as nothing. */
function ifSet(value: string | undefined): string | undefined {
  if (value === undefined || value.trim() === '' || /^\$\{.*\}$/.test(value.trim())) return undefined;
  return value.trim();
}

function dropUnset(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => typeof entry !== 'string' || ifSet(entry) !== undefined)
      .map(([key, entry]) => [key, dropUnset(entry)]),
  );
}

function parse<T>(origin: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [problem] = problemsOf(parsed.error, value);
  throw settingError(origin, problem?.constraint ?? 'is not valid', value);
}

function settingError(field: string, constraint: string, value: unknown) {
  return validationError(
    { field, constraint, value: hidePassword(value) },
    'Correct this setting, then start again.',
  );
}

/** A URL without its password, for messages. */
function hidePassword(value: unknown): unknown {
  return typeof value === 'string'
    ? value.replace(/(:\/\/)\S*@/, '$1…@').replaceAll(/([?&]password=)[^&\s]*/g, '$1…')
    : value;
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
