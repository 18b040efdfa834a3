// What the tarball carries: licences and a bill of materials of everything that is bundled, no links that lead out of
// it, nothing that only developers need.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { bundledPackages } from '../bundled-packages.js';

const LINK = /\]\(\s*<?([^)\s>]+)>?[^)]*\)/g;
const NEVER = [/_snapshot\.json$/, /(^|\/)(src|tests|node_modules|code-cache)\//, /metafiles\.json$/];

/** @returns problems, in sentences */
export function checkContents(root, folder, { file, files }) {
  mkdirSync(folder);
  const { status } = spawnSync('tar', ['-xzf', file, '-C', folder]);
  if (status !== 0) return ['the tarball cannot be unpacked'];
  const packed = path.join(folder, 'package');
  const own = readJson(packed, 'package.json');
  const bundled = bundledPackages(root, readJson(root, 'dist/metafiles.json'));
  return [
    ...files
      .map(({ path: name }) => name)
      .filter(isNeedless)
      .map((name) => `${name} is in the tarball`),
    ...['repository', 'homepage', 'bugs', 'license']
      .filter((field) => !own[field])
      .map((field) => `package.json has no ${field}`),
    ...checkLicences(packed, bundled),
    ...checkBill(packed, own, bundled),
    ...checkAudit(root, bundled),
    ...checkLinks(packed),
    ...checkMigrations(packed),
  ];
}

const isNeedless = (name) => NEVER.some((pattern) => pattern.test(name));

function checkLicences(packed, bundled) {
  const text = readFileSync(path.join(packed, 'dist', 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  return bundled
    .filter(({ name, version, license, texts }) => {
      const at = text.indexOf(`\n${name} ${version} (${license})\n`);
      return at < 0 || !texts.every((one) => text.indexOf(one, at) > at);
    })
    .map(({ name }) => `the licence of ${name} is not in the licence file`);
}

function checkBill(packed, own, bundled) {
  const { components } = readJson(packed, 'dist/sbom.cdx.json');
  const named = new Set(components.map(({ name, version }) => `${name}@${version}`));
  const names = new Set(components.map(({ name }) => name));
  return [
    ...bundled.filter(({ name, version }) => !named.has(`${name}@${version}`)).map(({ name }) => name),
    ...Object.keys(own.dependencies).filter((name) => !names.has(name)),
  ].map((name) => `the bill of materials does not name ${name}`);
}

/** `npm audit --omit=dev` asks about what the lock does not mark as for development only. */
function checkAudit(root, bundled) {
  const { packages } = readJson(root, 'package-lock.json');
  return bundled
    .filter(({ carriedBy, name }) => carriedBy === undefined && isLeftOut(packages[`node_modules/${name}`]))
    .map(({ name }) => `npm audit --omit=dev does not ask about ${name}`);
}

const isLeftOut = (entry) => entry === undefined || entry.dev === true;

function checkLinks(packed) {
  const documents = readdirSync(packed, { recursive: true }).filter((name) => name.endsWith('.md'));
  return documents.flatMap((document) => {
    const text = readFileSync(path.join(packed, document), 'utf8');
    return [...text.matchAll(LINK)]
      .map(([, target]) => target.replace(/#.*$/, ''))
      .filter((target) => target !== '' && !/^[a-z]+:/i.test(target))
      .filter((target) => !resolves(packed, path.join(packed, path.dirname(document), decodeURI(target))))
      .map((target) => `${document}: the link to ${target} leads nowhere`);
  });
}

function resolves(packed, target) {
  return target.startsWith(packed + path.sep) && existsSync(target);
}

function checkMigrations(packed) {
  return ['postgres', 'sqlite'].flatMap((dialect) => {
    const folder = path.join('drizzle', dialect);
    const { entries } = readJson(packed, path.join(folder, 'meta', '_journal.json'));
    return entries
      .map(({ tag }) => path.join(folder, `${tag}.sql`))
      .filter((name) => !existsSync(path.join(packed, name)) || statSync(path.join(packed, name)).size === 0)
      .map((name) => `${name} is missing`);
  });
}

function readJson(folder, name) {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8'));
}
