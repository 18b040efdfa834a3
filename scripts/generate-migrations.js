// Writes the SQL migrations of both databases from src/storage/database/schema.ts: `npm run db:generate -- NAME`. With
// `--custom` it writes empty ones, for SQL by hand or for none.
// Migrations are append-only: read the SQL before committing it, never edit one that was released.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [name, ...options] = process.argv.slice(2);
const isKnown = options.every((option) => option === '--custom');
if (name === undefined || !/^[a-z0-9_]+$/.test(name) || !isKnown) {
  console.error(
    'usage: npm run db:generate -- NAME [--custom]   (lowercase words joined by _, saying what changes)',
  );
  process.exit(2);
}

for (const [dialect, schema] of [
  ['postgresql', 'postgres'],
  ['sqlite', 'sqlite'],
]) {
  const out = path.join('drizzle', schema);
  const result = spawnSync(
    process.execPath,
    [
      path.join(root, 'node_modules', 'drizzle-kit', 'bin.cjs'),
      'generate',
      `--dialect=${dialect}`,
      `--schema=./src/storage/database/schema.${schema}.ts`,
      `--out=./${out}`,
      `--name=${name}`,
      ...options,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  if (result.status !== 0) process.exit(result.status ?? 1);
  if (schema === 'postgres') leaveSchemaToSearchPath(path.join(root, out));
  if (options.length > 0) leaveNothingToDo(path.join(root, out));
}

const written = spawnSync(
  path.join(root, 'node_modules', '.bin', 'tsx'),
  ['scripts/write-migrated-schema.ts'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
if (written.status !== 0) process.exit(written.status ?? 1);

/** Each project lives in a schema of its own, found by the search path: references must not say "public". */
function leaveSchemaToSearchPath(folder) {
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.sql'))) {
    const full = path.join(folder, file);
    const text = readFileSync(full, 'utf8');
    const relative = text.replaceAll('"public".', '');
    if (relative !== text) writeFileSync(full, relative);
  }
}

/** SQLite runs no file that has nothing but a comment. */
function leaveNothingToDo(folder) {
  const last = readdirSync(folder)
    .filter((entry) => entry.endsWith('.sql'))
    .sort()
    .at(-1);
  if (last !== undefined) writeFileSync(path.join(folder, last), 'SELECT 1;\n');
}
