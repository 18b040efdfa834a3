// Frontmatter that anybody may have written is data, or a reason why it is none: nothing of it is ever run.
import matter from 'gray-matter';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { readFrontmatter } from '../../src/formats/frontmatter.ts';
import { episodes } from '../torture/scale.ts';

const RAN = '__ran';
const CODE = `globalThis.${RAN} = true`;

afterEach(() => {
  expect(Object.keys((matter as unknown as { cache: object }).cache)).toEqual([]);
  expect(RAN in globalThis).toBe(false);
  expect(Object.prototype).not.toHaveProperty('polluted');
});

describe('frontmatter', () => {
  it('is what stands between the first two rulers; the body stays as it is', () => {
    expect(readFrontmatter('---\ntitle: One\n---\n\n  Body\n---\nmore')).toEqual({
      state: 'read',
      data: { title: 'One' },
      body: '\n  Body\n---\nmore',
      isRepaired: false,
    });
  });

  it.each([
    ['a byte order mark', '\uFEFF---\ntitle: One\n---\nBody\n', 'Body\n'],
    ['Windows line ends', '---\r\ntitle: One\r\n---\r\n\r\nBody\r\n', '\r\nBody\r\n'],
    ['blanks behind the rulers', '---  \ntitle: One\n---\t \n  \nBody', '  \nBody'],
    ['no body', '---\ntitle: One\n---', ''],
    ['a document that ends by itself', '---\ntitle: One\n...\n---\nBody', 'Body'],
    ['a comment', '---\n# of people\ntitle: One # too\n---\nBody', 'Body'],
    ['blank lines', `---\n${'\n'.repeat(2_000)}title: One\n---\nBody`, 'Body'],
  ])('is read with %s', (_, text, body) => {
    expect(readFrontmatter(text)).toMatchObject({ state: 'read', data: { title: 'One' }, body });
  });

  it.each([
    ['', 'none'],
    ['Text\n---\na: 1\n---\n', 'none'],
    [' ---\na: 1\n---\n', 'none'],
    ['---', 'unclosed'],
    ['---\n', 'unclosed'],
    ['---\ntitle: One\n', 'unclosed'],
    ['---\ntitle: One\n...\nBody\n', 'unclosed'],
    ['---\n---\nBody', 'empty'],
    ['---\n \n\n---\nBody', 'empty'],
    ['----\na: 1\n----\n', 'foreign'],
  ])('%j is %s', (text, state) => {
    expect(readFrontmatter(text)).toMatchObject({ state });
  });

  it.each([
    ['a list', '---\n- a\n---\n', 2],
    ['a text', '---\nonly text\n---\n', 2],
    ['a comment', '---\n# nothing\n---\n', 2],
    ['a key given twice', '---\na: 1\nb: 1\na: 2\n---\n', 4],
    ['a quote that is never closed', '---\r\na: 1\r\nb: "x\r\n---\r\n', 3],
    ['a second document', '---\na: 1\n...\nb: 2\n---\n', 4],
    ['a line that begins as the closing one', '---\na: 1\nb: 2\n---- \nBody\n---\n', 4],
    ['an alias', '---\na: &a [x]\nb: *a\n---\n', 3],
  ])('of %s is refused with its line', (_, text, line) => {
    const read = readFrontmatter(text);
    expect(read).toMatchObject({ state: 'unreadable', line });
    expect(read).not.toHaveProperty('data');
  });

  it('may be repaired, once, and says so', () => {
    const quoted = (yaml: string) => yaml.replace('@one', '"@one"');
    const text = '---\nowner: @one\n---\nBody';
    expect(readFrontmatter(text)).toMatchObject({ state: 'unreadable', line: 2 });
    expect(readFrontmatter(text, quoted)).toMatchObject({ data: { owner: '@one' }, isRepaired: true });
    expect(readFrontmatter('---\nowner: @two\n---\n', quoted)).toMatchObject({
      state: 'unreadable',
      line: 2,
    });
  });

  it('is read again as it was read first, also what failed', () => {
    for (const text of ['---\na: [1\n---\n', '---\na: 1\n---\n']) {
      expect(readFrontmatter(text)).toEqual(readFrontmatter(text));
    }
  });
});

describe('hostile frontmatter', () => {
  it.each([
    'js',
    'javascript',
    'JS',
    'coffee',
    'cson',
    'json',
    'toml',
    'yaml',
    'yml',
    '__proto__',
    'toString',
  ])('in the language %s is not read', (language) => {
    expect(readFrontmatter(`---${language}\n${CODE}\n---\nBody`)).toEqual({ state: 'foreign', language });
    expect(readFrontmatter(`---\t ${language} \r\n${CODE}\n---\nBody`)).toEqual({
      state: 'foreign',
      language,
    });
  });

  it.each(['!!js/function', '!!js/regexp', '!!js/undefined', '!!python/object/apply:os.system', '!<tag:x>'])(
    'with the tag %s makes nothing',
    (tag) => {
      const read = readFrontmatter(`---\nrun: ${tag} "function () { ${CODE} }"\n---\n`);
      expect(JSON.stringify(read)).not.toContain('[Function');
      expect(['unreadable', 'read']).toContain(read.state);
      if (read.state === 'read') expect(typeof read.data['run']).toBe('string');
    },
  );

  it('cannot reach a prototype', () => {
    const read = readFrontmatter(
      '---\n__proto__:\n  polluted: 1\nconstructor:\n  prototype:\n    polluted: 1\n---\n',
    );
    if (read.state !== 'read') throw new Error(read.state);
    expect(Object.getPrototypeOf(read.data)).toBe(Object.prototype);
    expect(Object.keys(read.data)).toEqual(['__proto__', 'constructor']);
    expect('polluted' in {}).toBe(false);
  });

  it('sets nothing of the reader', () => {
    const text = '---\nexcerpt_separator: {toString: 1, valueOf: 1}\nengines: x\nsections: true\n---\nBody\n';
    expect(readFrontmatter(text)).toMatchObject({ state: 'read', body: 'Body\n' });
  });

  it.each([
    [
      'an alias bomb',
      ['a0: &a0 [x]', ...range(40, (at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`)].join('\n'),
    ],
    ['a hundred thousand keys', range(100_000, (at) => `k${at}: v`).join('\n')],
    ['a megabyte of blank lines', '\n'.repeat(1_000_000)],
    ['a megabyte of other line ends', '\r\u2028'.repeat(500_000)],
    ['a megabyte of indented blank lines', `a: 1\n${' \n'.repeat(500_000)}`],
    ['a megabyte of blank lines and comments', `${'\n'.repeat(1_000)}#x\n`.repeat(1_000)],
    ['nesting', `a: ${'['.repeat(100_000)}`],
    ['a megabyte of one quote', `a: "${'x\n\n'.repeat(350_000)}`],
  ])('with %s is refused, not worked on', (_, yaml) => {
    expect(readFrontmatter(`---\n${yaml}\n---\nBody`)).toMatchObject({ state: 'unreadable' });
    expect(readFrontmatter(`---\n${yaml}`)).toMatchObject({ state: 'unclosed' });
  });

  it.each([
    ['blank lines', '\n'],
    ['rulers', '---\n'],
    ['blanks', ' '],
  ])('a body of megabytes of %s costs nothing', (_, part) => {
    const body = part.repeat(4_000_000 / part.length);
    expect(readFrontmatter(`---\na: 1\n---\n${body}`)).toMatchObject({ state: 'read', body });
  });

  it('of any text is read or refused, and the body is the end of it', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '---',
        '--- ',
        '...',
        '\n',
        '\r\n',
        '\r',
        '\u2028',
        '\uFEFF',
        'a: 1',
        '# x',
        '!!js',
        '{',
        '[',
        '*a',
        '&a ',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, opened) => {
        const text = (opened ? '---\n' : '') + pieces.join('');
        const read = readFrontmatter(text);
        if ('body' in read) expect(text.endsWith(read.body)).toBe(true);
        if ('line' in read) expect(read.line).toBeLessThanOrEqual(text.split('\n').length);
      }),
      { numRuns: episodes(500, 2_000) },
    );
  });
});

describe('the built program', () => {
  const [program] = JSON.parse(readFileSync('dist/metafiles.json', 'utf8')) as {
    inputs: Record<string, { imports: { path: string; kind: string }[] }>;
  }[];
  const inputs = program?.inputs ?? {};

  it('carries none of the readers of gray-matter', () => {
    expect(inputs).toHaveProperty(['node_modules/gray-matter/index.js']);
    expect(Object.keys(inputs).filter((file) => /\/(js-yaml|esprima)\//.test(file))).toEqual([]);
    const code = readFileSync('dist/program.js', 'utf8');
    expect(code).not.toMatch(/safeLoad|stringifying JavaScript/);
  });

  it('loads it, and YAML, when something is imported', () => {
    const needing = (target: string) => {
      const found = new Set<string>();
      const visit = (file: string) => {
        if (found.has(file)) return;
        found.add(file);
        for (const [from, { imports }] of Object.entries(inputs)) {
          if (imports.some(({ path, kind }) => path === file && kind !== 'dynamic-import')) visit(from);
        }
      };
      visit(target);
      return [...found];
    };
    const needingAny = ['node_modules/gray-matter/index.js', 'src/formats/yaml.ts'].flatMap(needing);
    expect(needingAny.length).toBeGreaterThan(4);
    const others = needingAny.filter(
      (file) => !/^(node_modules|src\/(formats|platform|importers))\//.test(file),
    );
    expect(others).toEqual([]);
  });
});

function range<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}
