/**
 * The one place where better-sqlite3 is loaded, with a check that it is the one for this Node.js.
 *
 * Version 13 carries its binaries and needs Node-API 10 (Node.js 22.14 and newer); on an older one loading it ends the
 * process. Version 12 is compiled for one Node.js, and ends short processes of Node.js 24 and newer with an abort. npm
 * chooses by `engines` at installation, so that a misfit means that Node.js was changed since, or another installer.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type BetterSqlite from 'better-sqlite3';
import { databaseError, type TrackerError } from '../../domain/errors.ts';

export type Database = BetterSqlite.Database;
export type Statement = BetterSqlite.Statement;
export type DatabaseOptions = BetterSqlite.Options;

const MODULE = 'better-sqlite3';
const NODE_API_OF_13 = 10;
const LAST_NODE_OF_12 = 22;
/** What the range in package.json gives to this Node.js. */
const WANTED = Number(process.versions.napi) >= NODE_API_OF_13 ? '13' : '12.11.1';

const NODE = process.versions.node;

type Driver = typeof BetterSqlite;
let loaded: Driver | TrackerError | undefined;

/**
 * Opens a database: a file, `:memory:`, or a whole database as bytes.
 * @throws DatabaseError when the native module is missing or not for this Node.js, naming what mends it; else an error
 * of SQLite
 */
export function openDatabase(source: string | Buffer, options?: DatabaseOptions): Database {
  return new (requireDriver())(source, options);
}

/** @throws DatabaseError as `openDatabase` does, before anything is made */
export function requireDriver(): Driver {
  loaded ??= loadDriver();
  if (typeof loaded !== 'function') throw loaded;
  return loaded;
}

function loadDriver(): Driver | TrackerError {
  const require = createRequire(import.meta.url);
  let version: string | undefined;
  try {
    version = (require(`${MODULE}/package.json`) as { version: string }).version;
    const misfit = misfitOf(version);
    if (misfit !== undefined) return unusable(`${version} ${misfit}`, installing());
    const Driver = require(MODULE) as Driver;
    // The binary is loaded by the first database: what fails here is the module, and never somebody's file.
    new Driver(':memory:').close();
    return Driver;
  } catch (error) {
    if (version === undefined) return unusable('is not installed', installing(), error);
    const isWanted = version.startsWith(WANTED);
    return unusable(`${version} ${failureOf(error)}`, isWanted ? restoring() : installing(), error);
  }
}

/** Why this version may not even be tried with this Node.js. */
function misfitOf(version: string): string | undefined {
  const isFor13 = Number.parseInt(version, 10) >= 13;
  if (isFor13 ? WANTED === '13' : Number.parseInt(NODE, 10) <= LAST_NODE_OF_12) return undefined;
  return `does not run on Node.js ${NODE}`;
}

function failureOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message: string };
  if (message.includes('NODE_MODULE_VERSION')) return `was built for another Node.js than this one (${NODE})`;
  if (/bindings file|MODULE_NOT_FOUND|ENOENT|No native/i.test(`${String(code)} ${message}`))
    return `has no binary for Node.js ${NODE} on ${process.platform}-${process.arch}`;
  return `has a binary that Node.js ${NODE} on ${process.platform}-${process.arch} cannot load`;
}

/** The command is part of the reason: warnings and reports show that alone. */
function unusable(what: string, command: string, cause?: unknown): TrackerError {
  const reason = `the native module ${MODULE} ${what}; run ${command} with this Node.js`;
  return databaseError('sqlite', reason, `Run ${command}, then repeat the call.`, cause);
}

/** Installs the version that this Node.js needs. */
function installing(): string {
  const project = projectFolder();
  if (project === 'checkout') return '`npm run build`';
  if (project === undefined) return '`npm install --global worktrail`';
  return `\`npm install --prefix "${project}" --no-save ${MODULE}@${WANTED}\``;
}

/** Gives the version that is there its binary. */
function restoring(): string {
  const project = projectFolder();
  if (project === 'checkout') return '`npm ci`';
  if (project === undefined) return '`npm install --global worktrail`';
  return WANTED === '13'
    ? `\`npm ci --prefix "${project}"\``
    : `\`npm rebuild --prefix "${project}" ${MODULE}\``;
}

/** The folder that Worktrail was installed into; undefined for a global installation. */
function projectFolder(): string | undefined {
  const file = fileURLToPath(import.meta.url);
  const at = file.indexOf(`${path.sep}node_modules${path.sep}`);
  if (at < 0) return 'checkout';
  const folder = file.slice(0, at);
  return existsSync(path.join(folder, 'package.json')) ? folder : undefined;
}
