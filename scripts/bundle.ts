/**
 * Writes the MCP bundle, one file with the program and all that it needs on every platform: `npm run bundle`, which puts it into
 * the current folder. The packer of the format's own project is fetched from npm.
 *
 * Arguments: `--tarball FILE` the packed program (default: packs it), `--to FILE` (default: `worktrail-VERSION.mcpb`).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/platform/package-root.ts';
import { bundleManifest, json, ownPackage } from './manifests.ts';

const PACKER = '@anthropic-ai/mcpb@2.1.2';
/** The one that carries a binary for each platform: clients bring a Node.js of their own. */
const DRIVER = 'better-sqlite3@^13.2.0';
/** Sources of the driver, from which nothing is built here, and what only npm reads. */
const LEFT_OUT = ['node_modules/better-sqlite3/deps/', 'node_modules/better-sqlite3/src/', '/package*.json'];

const { values } = parseArgs({ options: { tarball: { type: 'string' }, to: { type: 'string' } } });
const to = path.resolve(values.to ?? `worktrail-${ownPackage().version}.mcpb`);
const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-bundle-'));
try {
  const content = path.join(folder, 'content');
  const install = ['--ignore-scripts', '--no-bin-links', '--engine-strict=false', '--no-audit', '--no-fund'];
  const tarball = values.tarball ?? pack();
  npm('install', ...install, '--prefix', content, path.resolve(tarball), DRIVER);
  writeFileSync(path.join(content, 'manifest.json'), json(bundleManifest()));
  writeFileSync(path.join(content, '.mcpbignore'), LEFT_OUT.join('\n'));
  npm('exec', '--yes', `--package=${PACKER}`, '--', 'mcpb', 'pack', content, to);
  console.log(to);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function pack(): string {
  const [packed] = Object.values(
    JSON.parse(npm('pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as object,
  ) as { filename: string }[];
  return path.join(folder, packed?.filename ?? '');
}

/** @returns what it printed @throws with all of that when it fails */
function npm(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: packageRoot(),
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`);
  return stdout;
}
