// A machine as an attacker finds it: a home with secrets, a project of the person's own, and beside them a repository
// that came from somewhere. What must not happen is watched for: a command that runs (it would make the canary), bytes
// outside of the project, secrets that leave, records that the person did not write.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { EnvironmentOverrides } from '../../support/environment.ts';
import { git, temporaryProject } from '../../support/temporary-project.ts';

export const SECRET = 's3cr3t-company-pw';
/** In every record, text and command that the attacker brings. */
export const FORGED = 'FORGED';

export interface Scene {
  /** Everything of this scene lies in it. */
  area: string;
  home: string;
  /** Not the project's, and not the person's settings: nothing in it may change. */
  outside: string;
  /** The repository that came from somewhere. */
  project: string;
  /** A program that, when it runs, makes `canaryMark`. */
  canary: string;
  canaryMark: string;
  env: EnvironmentOverrides;
  /** Of the server that asks for passwords. */
  fakePort: number;
}

export async function makeScene(fakePort: number): Promise<Scene> {
  const area = await temporaryProject();
  const [home, outside, project] = ['home', 'outside', 'project'].map((name) => path.join(area, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [home, outside, project]) mkdirSync(folder);
  const canaryMark = path.join(area, 'canary-ran');
  const canary = path.join(outside, 'canary.sh');
  writeFileSync(
    canary,
    `#!/bin/sh\necho "$0 $*" >> '${canaryMark}'\ncat > /dev/null 2>&1 < /dev/null\nexit 1\n`,
  );
  chmodSync(canary, 0o755);
  writeFileSync(path.join(outside, 'notes.md'), '# Notes of the person\n');
  writeFileSync(path.join(home, '.pgpass'), `*:*:*:*:${SECRET}-pgpass\n`, { mode: 0o600 });
  cpSync(await (prepared ??= prepareRepository()), project, { recursive: true });
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, '.config'),
    PGPASSWORD: `${SECRET}-environment`,
    PGUSER: 'alice',
    GIT_CONFIG_NOSYSTEM: '1',
  };
  return { area, home, outside, project, canary, canaryMark, env, fakePort };
}

let prepared: Promise<string> | undefined;

/** Made once by each process: git takes seven programs for it. */
async function prepareRepository(): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-somewhere-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  await git(folder, 'config', 'user.name', 'Somebody');
  await git(folder, 'config', 'user.email', 'somebody@example.com');
  writeFileSync(path.join(folder, 'README.md'), '# A project from somewhere\n');
  await commit(folder);
  return folder;
}

/** Commits all that lies in the folder, what is ignored too. */
export async function commit(folder: string): Promise<void> {
  await git(folder, 'add', '--all', '--force', '.');
  await git(
    folder,
    '-c',
    'commit.gpgsign=false',
    'commit',
    '--quiet',
    '--allow-empty',
    '--message',
    'Bring it',
  );
}

/** Path, kind and content of everything under `folder`, to compare by. */
export function contentOf(folder: string, except: (file: string) => boolean = () => false): string[] {
  const found: string[] = [];
  const visit = (file: string): void => {
    if (except(file)) return;
    const status = lstatSync(file);
    const name = path.relative(folder, file);
    if (status.isDirectory()) {
      found.push(`${name}/`);
      for (const entry of readdirSync(file).sort()) visit(path.join(file, entry));
    } else if (status.isSymbolicLink()) found.push(`${name} -> ${readlinkSync(file)}`);
    else if (status.isFile())
      found.push(`${name} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`);
    else found.push(`${name} (special)`);
  };
  if (existsSync(folder)) visit(folder);
  return found;
}

/** What lies outside of the project and of the person's own folder of Worktrail. */
export function surroundings({ area, project, home }: Scene): string[] {
  const own = path.join(home, '.config', 'worktrail');
  const made = new Set([own, path.dirname(own), project]);
  return contentOf(area, (file) => made.has(file));
}
