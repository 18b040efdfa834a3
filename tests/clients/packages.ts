// The clients' packages, each of one version and in a folder of its own, as they come from npm.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cleanEnvironment } from '../support/environment.ts';
import { run } from './processes.ts';

export interface Package {
  /** The folder. */
  folder: string;
  name: string;
  version: string;
  /** Installed beside it, where npm leaves out what its scripts would fetch. */
  beside?: readonly string[];
}

/** For clients that need a newer Node.js than the product. */
export const NEWER_NODE: Package = {
  ...{ folder: 'node22', name: 'node', version: '22.23.3' },
  beside: [`node-${process.platform}-${process.arch}@22.23.3`],
};

const INSTALL_TIMEOUT_MS = 600_000;

/** Where the programs of a package are. Installs it, unless this version is there. @throws where npm cannot */
export async function install(home: string, wanted: Package): Promise<string> {
  const { folder, name, version, beside = [] } = wanted;
  const place = path.join(home, folder);
  const bin = path.join(place, 'node_modules', '.bin');
  if (versionOf(place, name) === version) return bin;
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--engine-strict=false',
    `${name}@${version}`,
    ...beside,
  ];
  const { code, stderr } = await run(
    'npm',
    args,
    { cwd: place, env: cleanEnvironment() },
    INSTALL_TIMEOUT_MS,
  );
  if (code !== 0 || versionOf(place, name) !== version)
    throw new Error(`npm could not install ${name}@${version}: ${reasonIn(stderr)}`);
  return bin;
}

/** What npm says first, without its code. */
function reasonIn(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => /^npm error (?!code |errno |syscall )/.test(line));
  return lines[0]?.replace('npm error ', '') ?? 'no reason was given';
}

function versionOf(place: string, name: string): string | undefined {
  const manifest = path.join(place, 'node_modules', name, 'package.json');
  if (!existsSync(manifest)) return undefined;
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
