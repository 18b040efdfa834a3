// Installs the locked dependencies when they are missing or older than the lock, so that
// `npm start` and `npm test` work on a fresh clone without a separate install step. The lock names the better-sqlite3 for
// Node.js 20; a newer Node.js gets its own beside it, as a user's installation does by itself.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const installed = path.join(root, 'node_modules', '.package-lock.json');
const lock = path.join(root, 'package-lock.json');
const DRIVER = 'better-sqlite3';
/** Version 13 needs Node-API 10. */
const isFor13 = Number(process.versions.napi) >= 10;

if (isMissing()) {
  console.error('worktrail: installing dependencies from the lock (first run, about a minute)…');
  npm(existsSync(lock) ? 'ci' : 'install');
}
if (isFor13 && driverMajor() < 13) {
  console.error(`worktrail: installing ${DRIVER} for Node.js ${process.versions.node}…`);
  npm('install', '--no-save', '--no-package-lock', `${DRIVER}@13`);
}

function npm(...args) {
  const result = spawnSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) {
    console.error('worktrail: the dependencies could not be installed; the npm output above says why.');
    process.exit(result.status ?? 1);
  }
}

function isMissing() {
  if (!existsSync(installed)) return true;
  if (statSync(lock).mtimeMs <= statSync(installed).mtimeMs) return false;
  // A checkout gives the lock a new time without changing it: compare what it asks for.
  const wanted = packagesOf(lock);
  const present = packagesOf(installed);
  return Object.entries(wanted).some(
    ([name, entry]) =>
      name.startsWith('node_modules/') &&
      !(isFor13 && name === `node_modules/${DRIVER}`) &&
      !entry.optional &&
      present[name]?.version !== entry.version,
  );
}

function driverMajor() {
  const file = path.join(root, 'node_modules', DRIVER, 'package.json');
  return Number.parseInt(JSON.parse(readFileSync(file, 'utf8')).version, 10);
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}
