// A Node.js with its npm in a folder of its own, and the packed program installed with them.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.js';

/** What an install must not need: each of these writes its name into a log and fails. */
const CANARIES = [
  'cc',
  'c++',
  'gcc',
  'g++',
  'clang',
  'clang++',
  'make',
  'cmake',
  'python',
  'python3',
  'node-gyp',
];
const PLATFORM = process.platform === 'win32' ? 'win' : process.platform;

/** @returns an environment in which `node` and `npm` are those of the runtime, and nothing of this machine's npm */
export async function installRuntime({ node, npm }, place) {
  const folder = path.join(place, 'runtime');
  const binary = `node-${PLATFORM}-${process.arch}`;
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  const { code, stderr } = await run(
    'npm',
    [
      'install',
      '--ignore-scripts',
      // The runtime is only unpacked here: it need not fit the Node.js that does so.
      '--engine-strict=false',
      '--no-save',
      '--no-audit',
      '--no-fund',
      `${binary}@${node}`,
      `npm@${npm}`,
    ],
    { cwd: folder, timeoutMs: 240_000 },
  );
  if (code !== 0) throw new Error(`Node.js ${node} could not be fetched: ${stderr}`);
  const nodeBin = path.join(folder, 'node_modules', binary, 'bin');
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(path.join(nodeBin, 'node'), path.join(bin, 'node'));
  for (const name of ['npm', 'npx']) {
    symlinkSync(path.join(folder, 'node_modules', 'npm', 'bin', `${name}-cli.js`), path.join(bin, name));
  }
  const environment = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  // Names the headers of this machine's Node.js, which are not the runtime's, and settings of this checkout.
  for (const name of Object.keys(environment)) {
    if (
      /^(NODE_OPTIONS|npm_(lifecycle|package|execpath|command|node_execpath|config_engine_strict|config_save_exact)|WORKTRAIL_|DATABASE_URL)/.test(
        name,
      )
    )
      delete environment[name];
  }
  return environment;
}

/**
 * Installs the tarball into an empty folder.
 * @returns where the program is, the version of the driver, and which scripts and compilers were run
 */
export async function installPackage({ root, tarball, place, environment, runtime }) {
  const folder = path.join(place, 'user');
  const log = path.join(place, 'canaries.log');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "user", "private": true }');
  const needsScript = runtime.driver.startsWith('12.');
  const env = needsScript
    ? { ...environment, ...(await builtDriver(root, place, runtime)) }
    : withCanaries(environment, place, log);
  const args = ['install', '--no-audit', '--no-fund', '--foreground-scripts', tarball];
  const { code, stdout, stderr } = await run('npm', args, { cwd: folder, env, timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`the install failed: ${stdout}${stderr}`);

  const installed = JSON.parse(
    readFileSync(path.join(folder, 'node_modules', 'better-sqlite3', 'package.json'), 'utf8'),
  ).version;
  const ran = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  const problems = [];
  if (!installed.startsWith(runtime.driver)) problems.push(`better-sqlite3 ${installed} was installed`);
  if (ran.length > 0) problems.push(`the install ran ${ran.join(', ')}`);
  const packages = Object.keys(
    JSON.parse(readFileSync(path.join(folder, 'node_modules', '.package-lock.json'), 'utf8')).packages,
  );
  if (packages.some((name) => name.endsWith('/drizzle-orm')))
    problems.push('what is bundled was installed too');
  return {
    program: path.join(folder, 'node_modules', '.bin', 'worktrail'),
    driver: installed,
    ran,
    problems,
  };
}

/** Compilers first on the path, the shell of every install script, and npm's own node-gyp: all of them canaries. */
function withCanaries(environment, place, log) {
  const folder = path.join(place, 'canaries');
  mkdirSync(folder);
  for (const name of [...CANARIES, 'script-shell']) {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> "${log}"\nexit 1\n`);
    chmodSync(file, 0o755);
  }
  return {
    ...environment,
    PATH: `${path.dirname(environment.PATH.split(path.delimiter)[0])}/bin${path.delimiter}${folder}${path.delimiter}${environment.PATH}`,
    npm_config_script_shell: path.join(folder, 'script-shell'),
    npm_config_node_gyp: path.join(folder, 'node-gyp'),
  };
}

/**
 * The driver for Node.js 20 comes as a prebuilt binary from its project's release page, or is compiled. Where this
 * checkout has it for the same Node.js, its install script is handed that, in place of a download.
 */
async function builtDriver(root, place, { driver }) {
  const module = path.join(root, 'node_modules', 'better-sqlite3');
  const binary = path.join('build', 'Release', 'better_sqlite3.node');
  const { version } = JSON.parse(readFileSync(path.join(module, 'package.json'), 'utf8'));
  const isOfNode20 = process.versions.modules === '115';
  if (version !== driver || !isOfNode20 || !existsSync(path.join(module, binary))) return {};
  const folder = path.join(place, 'prebuilds');
  mkdirSync(folder);
  const name = `better-sqlite3-v${driver}-node-v115-${process.platform}-${process.arch}.tar.gz`;
  const { code } = await run('tar', ['-czf', path.join(folder, name), binary], { cwd: module });
  if (code !== 0) {
    rmSync(folder, { recursive: true });
    return {};
  }
  return { npm_config_better_sqlite3_local_prebuilds: folder };
}
