// What pages for contributors name is there: a file that moves takes its recipe along.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../src/platform/package-root.ts';

const root = packageRoot();
const contributing = path.join('docs', 'contributing');
const PAGES = [
  'CLAUDE.md',
  'CONTRIBUTING.md',
  path.join('docs', 'architecture.md'),
  ...readdirSync(path.join(root, contributing)).map((name) => path.join(contributing, name)),
];
/** As `src/domain/change.ts` or `src/mcp/resources/`; not one with a `<placeholder>`. */
const NAMED_PATH = /`((?:src|tests|scripts|docs|contracts|bench)\/[\w./-]*)`/g;
const LINK = /\]\((?!https?:)([^)#]+)/g;
/** What comes to be by following a recipe. */
const MADE = new Set(['contracts/tools/add_note.json']);

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(path.join(root, page), 'utf8');

  it('names files that are there', () => {
    const named = [...text.matchAll(NAMED_PATH)].map(([, file]) => String(file));
    expect(named.filter((file) => !existsSync(path.join(root, file)) && !MADE.has(file))).toEqual([]);
    if (page !== path.join(contributing, 'torture-model.md')) return;
    const beside = [...text.matchAll(/`([\w-]+\.ts)`/g)].map(([, file]) => String(file));
    const model = path.join(root, 'tests', 'torture', 'model');
    expect(beside.filter((file) => !existsSync(path.join(model, file)))).toEqual([]);
  });

  it('links to what is there', () => {
    const linked = [...text.matchAll(LINK)].map(([, target]) =>
      path.join(root, path.dirname(page), String(target)),
    );
    expect(linked.filter((target) => !existsSync(target))).toEqual([]);
  });
});

it('the recipe of a noun names every file that the compiler does', () => {
  const recipe = readFileSync(path.join(root, contributing, 'noun.md'), 'utf8');
  const list = readFileSync(path.join(root, 'tests', 'new-noun.test.ts'), 'utf8');
  const named = [...list.matchAll(/^ {2}'(src\/[\w./-]+)': '(.+)',$/gm)];
  expect(named.length).toBeGreaterThan(10);
  for (const [, file, asked] of named)
    expect(recipe).toMatch(new RegExp(`\`${file}\`\\s*\\| ${asked}\\s*\\|`));
});

it('comments of the code name files that are there', () => {
  const files = ['src', 'tests', 'scripts', 'bench'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const ends = new Set(files.flatMap((file) => [file.split('/').slice(-2).join('/'), path.basename(file)]));
  const dead = files
    .filter((file) => /^src\/.*\.ts$/.test(file))
    .flatMap((file) => {
      const comments = readFileSync(path.join(root, file), 'utf8').match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? [];
      return comments
        .flatMap((comment) => [...comment.matchAll(/[\w./-]*[\w-]+\.(?:ts|hbs)\b/g)].map(([name]) => name))
        .filter((name) => !ends.has(name.split('/').slice(-2).join('/')))
        .map((name) => `${file}: ${name}`);
    });
  expect(dead).toEqual([]);
});
