// `npm run check:package`: packs the program, looks at what the tarball carries, and uses it as a user would: installed
// into an empty folder under each supported Node.js. Prints one table; ends with 1 when anything is wrong.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBundle } from './package/bundle.js';
import { checkContents } from './package/contents.js';
import { installPackage, installRuntime } from './package/installation.js';
import { RUNTIMES } from './package/runtimes.js';
import { useProgram } from './package/use.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-package-'));
/** Two cores: while one runtime is fetched, another is used. */
const AT_ONCE = 2;

try {
  const tarball = pack();
  const problems = checkContents(root, path.join(folder, 'contents'), tarball);
  const rows = await inTurn(RUNTIMES, (runtime) => tryRuntime(runtime, tarball.file));
  console.log(
    `${path.basename(tarball.file)}: ${tarball.size} bytes packed, ${tarball.unpackedSize} unpacked, ${tarball.entryCount} files`,
  );
  console.table(
    Object.fromEntries(rows.map(({ node, problems: _problems, ...row }) => [`Node ${node}`, row])),
  );
  const found = [
    ...problems,
    ...rows.flatMap(({ node, problems }) => problems.map((p) => `Node ${node}: ${p}`)),
  ];
  for (const problem of found) console.log(`problem: ${problem}`);
  console.log(found.length === 0 ? 'The package is good.' : `${found.length} problems`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function pack() {
  const { stdout, status, stderr } = spawnSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' },
  );
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
  const [packed] = Object.values(JSON.parse(stdout));
  return { ...packed, file: path.join(folder, packed.filename) };
}

async function tryRuntime(runtime, tarball) {
  const place = path.join(folder, `node-${runtime.node}`);
  const started = Date.now();
  const row = { node: runtime.node, npm: runtime.npm };
  try {
    mkdirSync(place);
    const environment = await installRuntime(runtime, place);
    const installed = await installPackage({ root, tarball, place, environment, runtime });
    const used = await useProgram({ ...installed, environment, place });
    const bundle = runtime.runsBundle ? await checkBundle({ root, tarball, place, environment }) : [];
    const problems = [...installed.problems, ...used.problems, ...bundle];
    return {
      ...row,
      'better-sqlite3': installed.driver,
      'scripts and compilers run': installed.ran.length,
      commands: used.commands,
      crashes: used.crashes,
      items: used.items,
      problems,
      'problems found': problems.length,
      seconds: Math.round((Date.now() - started) / 1000),
    };
  } catch (error) {
    return { ...row, problems: [error.message], 'problems found': 1 };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function inTurn(all, work) {
  const results = new Array(all.length);
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const at = next++;
      results[at] = await work(all[at]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
