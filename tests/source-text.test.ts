// What the text of sources and pages may not have: numbers that mean nothing to a reader who has only this repository,
// and rules of lint or of the compiler that are silenced without a reason.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../src/platform/package-root.ts';

/** Numbers of requirements, such as those of a document kept elsewhere; not the engine V8, H1 to H6, Q1 to Q4. */
const NUMBERED = /\b(?!V8\b|H[1-6]\b|Q[1-4]\b)[A-Z]\d{1,2}\b(?![-:]\d)/g;
const ELSEWHERE = /\b[A-Z]{4,}(?:\.md)? §|\bREQUIREMENTS\.md\b/g;
/** Whole lines of comments, and comments behind code. */
const COMMENT = /^\s*(?:\/\/|\/?\*).*|\s\/\/ .*/gm;

/** A comment that silences a rule of lint, or the compiler. */
const SILENCED = /^.*(?:\/\/|\/\*) *(?:eslint-disable|@ts-(?:expect-error|ignore|nocheck)).*/gm;

function textsOf(folder: string, ending: RegExp): { name: string; text: string }[] {
  return readdirSync(path.join(packageRoot(), folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => path.join(folder, name))
    .map((name) => ({ name, text: readFileSync(path.join(packageRoot(), name), 'utf8') }));
}

function numbersIn(text: string): string[] {
  return [NUMBERED, ELSEWHERE].flatMap((pattern) => text.match(pattern) ?? []);
}

it('takes the number of a requirement for one, and nothing else', () => {
  expect(numbersIn('links without cycles (W5, T10), see F3. CONTRACT §3, REQUIREMENTS.md')).toHaveLength(5);
  expect(numbersIn("V8's code, an H2 of Q1-2026 or 2026-Q3, FTS5, UTF8, 42P01, XX001, T00:00, A-1")).toEqual(
    [],
  );
});

it.each([
  ['.', /\.md$/],
  ['docs', /\.md$/],
])('the pages in %s name no requirement by its number', (folder, ending) => {
  const pages = textsOf(folder, ending);
  expect(pages.length).toBeGreaterThan(2);
  expect(pages.flatMap(({ name, text }) => numbersIn(text).map((found) => `${name}: ${found}`))).toEqual([]);
});

const SOURCES: readonly [folder: string, ending: RegExp][] = [
  ['src', /\.ts$/],
  ['tests', /\.ts$/],
  ['bench', /\.ts$/],
  ['scripts', /\.[jt]s$/],
];

it.each(SOURCES)('the comments in %s name no requirement by its number', (folder, ending) => {
  const sources = textsOf(folder, ending);
  expect(sources.length).toBeGreaterThan(2);
  const found = sources.flatMap(({ name, text }) =>
    (text.match(COMMENT) ?? []).flatMap((comment) => numbersIn(comment).map((one) => `${name}: ${one}`)),
  );
  expect(found).toEqual([]);
});

it('silences few rules, each with a reason in the same line', () => {
  const silenced = SOURCES.flatMap(([folder, ending]) => textsOf(folder, ending)).flatMap(({ name, text }) =>
    (text.match(SILENCED) ?? []).map((line) => `${name}: ${line.trim()}`),
  );
  expect(silenced.filter((line) => !/ -- \w+/.test(line))).toEqual([]);
  expect(silenced.length, silenced.join('\n')).toBeLessThanOrEqual(10);
});

it('is ASCII where it is built: the program is read as Latin-1, and the bundler spells out all but regular expressions', () => {
  const program = readFileSync(path.join(packageRoot(), 'dist', 'program.js'), 'latin1');
  expect(program.match(/.{0,40}[^\0-\x7f].{0,40}/g)).toBeNull();
});
