// Bundles the program into one file, dist/program.js, and what starts it (src/cli/launch.ts), dist/cli.js. Only
// better-sqlite3 (a native addon) and yaml stay outside. Beside them: the licences of what is bundled, and a bill of
// materials.
//
// The bundle is CommonJS although the sources are ES modules: there, modules that are imported dynamically
// load what they need (Node's own modules, the native addon) when they are first used. In an ES module bundle
// all of that is hoisted to the start, which costs a client 30 ms at every spawn.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';
import { billOfMaterials, licencesFile } from './bill-of-materials.js';
import { bundledPackages } from './bundled-packages.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const own = readJson('package.json');
const dist = path.join(root, 'dist');
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
  metafile: true,
};

const program = await bundle({
  ...shared,
  entryPoints: ['src/cli/main.ts'],
  // yaml is read by imports only; outside of the bundle no start pays for it.
  external: ['yaml'],
  // What stays outside is required, also where the sources import it dynamically: in code that comes out of V8's cache
  // `import()` fails.
  supported: { 'dynamic-import': false },
  alias: {
    '@modelcontextprotocol/server/_shims': './src/mcp/sdk-shims.ts',
    // drizzle imports the driver to open databases by itself, which we never ask of it: see sqlite-driver.ts.
    'better-sqlite3': './src/storage/primary/no-driver.ts',
    // The other form of it finds its own parts at run time only.
    'jsonc-parser': 'jsonc-parser/lib/esm/main.js',
  },
  plugins: [withoutEngines()],
  define: { WORKTRAIL_VERSION: JSON.stringify(own.version), 'import.meta.url': '__bundleUrl' },
  banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
});
const hash = createHash('sha256').update(program.code).digest('hex').slice(0, 16);
const launcher = await bundle({
  ...shared,
  entryPoints: ['src/cli/launch.ts'],
  define: { WORKTRAIL_PROGRAM_HASH: JSON.stringify(hash) },
  banner: { js: '#!/usr/bin/env node' },
});

const metafiles = [program.metafile, launcher.metafile];
const packages = bundledPackages(root, metafiles);

mkdirSync(dist, { recursive: true });
write('package.json', '{ "type": "commonjs" }\n');
write('THIRD-PARTY-LICENSES.txt', licencesFile(packages));
write('sbom.cdx.json', toJson(billOfMaterials(own, packages, readJson('package-lock.json'))));
// For the check of the package; it stays here.
write('metafiles.json', JSON.stringify(metafiles));
write('program.js', program.code);
write('cli.js', launcher.code, 0o755);

/**
 * gray-matter's own readers of frontmatter: js-yaml, and one that runs it as code. None is ever asked: see
 * src/formats/frontmatter.ts.
 */
function withoutEngines() {
  return {
    name: 'without-engines',
    setup: ({ onLoad }) =>
      onLoad({ filter: /gray-matter[\\/]lib[\\/]engines\.js$/ }, () => ({
        contents: 'module.exports = {};',
      })),
  };
}

async function bundle(options) {
  const { outputFiles, metafile } = await build(options);
  return { code: outputFiles[0].contents, metafile };
}

function readJson(name) {
  return JSON.parse(readFileSync(path.join(root, name), 'utf8'));
}

function toJson(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** In one step: a server that starts at this moment finds the old file or the new one. */
function write(name, content, mode = 0o644) {
  const building = path.join(dist, `${name}.${process.pid}.tmp`);
  writeFileSync(building, content, { mode });
  renameSync(building, path.join(dist, name));
}
