import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/** The installed package's folder, which holds `drizzle/`: the same from the bundle and from the sources. */
export function packageRoot(): string {
  if (found !== undefined) return found;
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'drizzle')) && existsSync(path.join(folder, 'package.json'))) {
      found = folder;
      return folder;
    }
    if (path.dirname(folder) === folder) throw new Error(`no package folder above ${start}`);
  }
}
