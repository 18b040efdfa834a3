// Bundles the program into one file, dist/cli.js. Only better-sqlite3 (a native addon) and yaml stay outside.
//
// The bundle is CommonJS although the sources are ES modules: there, modules that are imported dynamically
// load what they need (Node's own modules, the native addon) when they are first used. In an ES module bundle
// all of that is hoisted to the start, which costs a client 30 ms at every spawn.
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const outfile = path.join(root, 'dist', 'cli.js');
const building = `${outfile}.${process.pid}.tmp`;

mkdirSync(path.dirname(outfile), { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: building,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minify: true,
  legalComments: 'none',
  // yaml is read by imports only; outside of the bundle no start pays for it.
  external: ['better-sqlite3', 'yaml'],
  alias: { '@modelcontextprotocol/server/_shims': './src/mcp/sdk-shims.ts' },
  define: { WORKTRAIL_VERSION: JSON.stringify(version), 'import.meta.url': '__bundleUrl' },
  banner: {
    js: "#!/usr/bin/env node\nconst __bundleUrl = require('node:url').pathToFileURL(__filename).href;",
  },
  logLevel: 'warning',
});
writeFileSync(path.join(root, 'dist', 'package.json'), '{ "type": "commonjs" }\n');
chmodSync(building, 0o755);
// In one step: a server that starts at this moment finds the old program or the new one.
renameSync(building, outfile);
