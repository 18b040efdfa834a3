// Scripts in TypeScript that tests start as processes of their own, with what they import in one file: made once by a run,
// where compiling each of the sources again takes five times as long as what the script does.
import { createHash } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { packageRoot } from '../../src/platform/package-root.ts';

/** @param script a path; @returns one that node takes, without arguments of its own */
export function bundledScript(script: string): string {
  const name = `worktrail-script-${createHash('sha256').update(script).digest('hex').slice(0, 16)}.mjs`;
  const file = path.join(os.tmpdir(), name);
  if (existsSync(file)) return file;
  const { outputFiles } = buildSync({
    ...{ entryPoints: [script], bundle: true, platform: 'node', format: 'esm', write: false },
    // The native addon stays where its binary is.
    external: [DRIVER],
    alias: { 'better-sqlite3': DRIVER },
    define: {
      'import.meta.url': JSON.stringify(pathToFileURL(path.join(packageRoot(), 'src', 'x.ts')).href),
    },
    banner: {
      js: `import { createRequire as requireOf } from 'node:module'; const require = requireOf(${JSON.stringify(script)});`,
    },
  });
  const [{ contents } = { contents: '' }] = outputFiles;
  const building = `${file}.${process.pid}`;
  writeFileSync(building, contents);
  renameSync(building, file);
  return file;
}

const DRIVER = createRequire(import.meta.url).resolve('better-sqlite3');
