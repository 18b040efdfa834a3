// Which packages the bundle carries, from esbuild's metafile: those whose files it read, and those that one of these
// files carries itself (a package that was bundled by its authors names them in comments, "#region …/.pnpm/NAME@VERSION").
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * A package that names a licence but carries no text of it, or is carried by another without its own files. A person
 * looked at each: the text is the standard one of that licence, or was copied from the package itself.
 */
const LOOKED_UP = {
  'drizzle-orm': { license: 'Apache-2.0', file: 'Apache-2.0.txt', copyright: 'Drizzle Team' },
  postgres: { license: 'Unlicense', file: 'Unlicense.txt', copyright: 'Rasmus Porsager' },
  'content-type': { license: 'MIT', file: 'content-type.txt' },
};

const LICENCE_FILE = /^(un)?(licen[cs]e|copying)([.-].*)?$/i;
const NOTICE_FILE = /^notice([.-].*)?$/i;
const PACKAGE_FOLDER = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//;
const CARRIED = /#region \S*node_modules\/\.pnpm\/((?:@[^/@]+\+)?[^/@]+)@([^/_(]+)/g;

/**
 * @param metafiles what esbuild tells of each bundle
 * @returns {{ name: string, version: string, license: string, texts: string[], lookedUp: boolean, carriedBy?: string }[]}
 *   sorted by name
 * @throws when one has no licence text
 */
export function bundledPackages(root, metafiles) {
  const found = new Map();
  const files = new Set(metafiles.flatMap(({ inputs }) => Object.keys(inputs)));
  for (const file of files) {
    const [, folder, name] = PACKAGE_FOLDER.exec(file) ?? [];
    if (folder === undefined) continue;
    const { version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    found.set(`${name}@${version}`, { name, version, license, folder });
    for (const [, carried, carriedVersion] of readFileSync(path.join(root, file), 'utf8').matchAll(CARRIED)) {
      const other = carried.replace('+', '/');
      const key = `${other}@${carriedVersion}`;
      if (!found.has(key)) found.set(key, { name: other, version: carriedVersion, carriedBy: name });
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map((one) => withLicence(root, one));
}

function withLicence(root, { folder, ...one }) {
  const texts = folder === undefined ? [] : licenceTexts(path.join(root, folder));
  if (texts.length > 0) {
    if (typeof one.license !== 'string') throw new Error(`${one.name} does not say which licence it has`);
    return { ...one, texts, lookedUp: false };
  }
  const known = LOOKED_UP[one.name];
  if (known === undefined || (one.license ?? known.license) !== known.license) {
    throw new Error(
      `${one.name}@${one.version} is bundled and carries no licence text: look its licence up and name it in scripts/bundled-packages.js`,
    );
  }
  const text = readFileSync(path.join(root, 'scripts', 'licences', known.file), 'utf8');
  const holder = known.copyright === undefined ? [] : [`Copyright ${known.copyright}`];
  return { ...one, license: known.license, texts: [...holder, text.trim()], lookedUp: true };
}

function licenceTexts(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).sort();
  const licences = names.filter((name) => LICENCE_FILE.test(name));
  if (licences.length === 0) return [];
  return [...licences, ...names.filter((name) => NOTICE_FILE.test(name))].map((name) =>
    readFileSync(path.join(folder, name), 'utf8').trim(),
  );
}
