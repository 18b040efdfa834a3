// Bundles the program into one file, dist/program.js, and what starts it (src/cli/launch.ts), dist/cli.js. Only
// better-sqlite3 (a native addon) and yaml stay outside.
//
// The bundle is CommonJS although the sources are ES modules: there, modules that are imported dynamically
// load what they need (Node's own modules, the native addon) when they are first used. In an ES module bundle
// all of that is hoisted to the start, which costs a client 30 ms at every spawn.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const dist = path.join(root, 'dist');
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Code from V8's cache cannot call import() in Node 20: what is imported when it is needed is required then.
  supported: { 'dynamic-import': false },
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
};

const program = await bundle({
  ...shared,
  entryPoints: ['src/cli/main.ts'],
  // yaml is read by imports only; outside of the bundle no start pays for it.
  external: ['better-sqlite3', 'yaml'],
  alias: { '@modelcontextprotocol/server/_shims': './src/mcp/sdk-shims.ts' },
  define: { WORKTRAIL_VERSION: JSON.stringify(version), 'import.meta.url': '__bundleUrl' },
  banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
});
const hash = createHash('sha256').update(program).digest('hex').slice(0, 16);
const launcher = await bundle({
  ...shared,
  entryPoints: ['src/cli/launch.ts'],
  define: { WORKTRAIL_PROGRAM_HASH: JSON.stringify(hash) },
  banner: { js: '#!/usr/bin/env node' },
});

mkdirSync(dist, { recursive: true });
write('package.json', '{ "type": "commonjs" }\n');
write('program.js', program);
write('cli.js', launcher, 0o755);

async function bundle(options) {
  const { outputFiles } = await build(options);
  return outputFiles[0].contents;
}

/** In one step: a server that starts at this moment finds the old file or the new one. */
function write(name, content, mode = 0o644) {
  const building = path.join(dist, `${name}.${process.pid}.tmp`);
  writeFileSync(building, content, { mode });
  renameSync(building, path.join(dist, name));
}
