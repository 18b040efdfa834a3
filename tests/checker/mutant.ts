// The program with a bug put into it: a copy of the sources with a few words replaced, built into a temporary folder.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Replacement {
  /** Below `src/`. */
  file: string;
  /** Occurs there exactly once. */
  find: string;
  replace: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = ['src', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json'];
const LINKED = ['node_modules', 'drizzle', 'bundled'];

/**
 * Answers Node's arguments up to the script, and what removes the copy.
 * @throws when a replacement does not fit the sources as they are: the bug has to be put in elsewhere then
 */
export function buildMutant(replacements: readonly Replacement[]): { program: string[]; remove(): void } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'worktrail-mutant-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    for (const name of COPIED) cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    for (const name of LINKED) symlinkSync(path.join(ROOT, name), path.join(folder, name));
    for (const { file, find, replace } of replacements) {
      const source = path.join(folder, 'src', file);
      const parts = readFileSync(source, 'utf8').split(find);
      if (parts.length !== 2) throw new Error(`src/${file} has ${parts.length - 1} times: ${find}`);
      writeFileSync(source, parts.join(replace));
    }
    const build = spawnSync(process.execPath, ['scripts/build.js'], { cwd: folder, encoding: 'utf8' });
    if (build.status !== 0) throw new Error(`the mutant cannot be built: ${build.stderr}`);
    return { program: [path.join(folder, 'dist', 'cli.js')], remove };
  } catch (error) {
    remove();
    throw error;
  }
}
