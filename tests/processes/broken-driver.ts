// Installations of the program whose SQLite driver cannot be loaded.
import { cp, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageFolder, temporaryFolder } from './installation.ts';

export interface Break {
  /** What the message says. */
  says: RegExp;
  /** @param module the folder of better-sqlite3; its files may be altered */
  apply(module: string): Promise<void>;
}

const BINARY = path.join('build', 'Release', 'better_sqlite3.node');

export const BREAKS: Readonly<Record<string, Break>> = {
  missing: { says: /better-sqlite3 is not installed/, apply: (module) => rm(module, { recursive: true }) },
  'without a binary': {
    says: /better-sqlite3 [\d.]+ has no binary for Node\.js/,
    apply: async (module) => {
      for (const folder of ['build', 'prebuilds'])
        await rm(path.join(module, folder), { recursive: true, force: true });
    },
  },
  'with a binary of another kind': {
    says: /better-sqlite3 [\d.]+ has a binary that Node\.js [\d.]+ on [\w-]+ cannot load/,
    apply: async (module) => {
      const prebuilds = path.join(module, 'prebuilds');
      const binaries = await readdir(prebuilds).catch(() => undefined);
      for (const file of binaries?.map((name) => path.join(prebuilds, name)) ?? [path.join(module, BINARY)]) {
        await rm(file);
        await writeFile(file, 'no machine code');
      }
    },
  },
  'built for another Node.js': {
    says: /better-sqlite3 [\d.]+ was built for another Node\.js than this one/,
    apply: async (module) => {
      // What Node.js says when it finds the number of another version in a binary.
      const message = 'The module was compiled using NODE_MODULE_VERSION 108. This version requires 115.';
      await rm(path.join(module, 'lib'), { recursive: true });
      await mkdir(path.join(module, 'lib'));
      await writeFile(
        path.join(module, 'lib', 'index.js'),
        `module.exports = function () { throw Object.assign(new Error(${JSON.stringify(message)}), { code: 'ERR_DLOPEN_FAILED' }); };`,
      );
    },
  },
  'of the version for another Node.js': {
    says: /better-sqlite3 [\d.]+ does not run on Node\.js/,
    apply: async (module) => {
      // Node.js 22 runs both.
      const file = path.join(module, 'package.json');
      const own = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(file, JSON.stringify({ ...own, version: hasOld() ? '13.2.0' : '12.11.1' }));
    },
  },
};

const hasOld = (): boolean => Number(process.versions['napi']) < 10;

/** The program as npm installs it into a project, with such a driver; as arguments for node. */
export async function programWithBrokenDriver({ apply }: Break): Promise<readonly string[]> {
  const source = packageFolder();
  const user = await temporaryFolder();
  const modules = path.join(user, 'node_modules');
  const own = path.join(modules, 'worktrail');
  await mkdir(own, { recursive: true });
  await writeFile(path.join(user, 'package.json'), '{ "private": true }');
  for (const part of ['dist', 'drizzle', 'package.json']) {
    await cp(path.join(source, part), path.join(own, part), { recursive: true });
  }
  const installed = path.join(source, 'node_modules');
  for (const name of ['yaml', 'bindings', 'file-uri-to-path']) {
    await symlink(path.join(installed, name), path.join(modules, name), 'junction');
  }
  const module = path.join(modules, 'better-sqlite3');
  await cp(path.join(installed, 'better-sqlite3'), module, {
    recursive: true,
    dereference: true,
    filter: (from) => !/better-sqlite3[/\\](deps|src)([/\\]|$)/.test(from),
  });
  await apply(module);
  return [path.join(own, 'dist', 'cli.js')];
}
