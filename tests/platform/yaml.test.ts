import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UnsuitableYaml, parseYaml } from '../../src/formats/yaml.ts';

function refusalOf(text: string, limits = {}): { reason: string; line: number } {
  try {
    parseYaml(text, limits);
  } catch (error) {
    if (error instanceof UnsuitableYaml) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const steps = (step: string, levels: number) =>
  Array.from({ length: levels }, (_, level) => `${' '.repeat(level)}${step}\n`).join('');

describe('nesting', () => {
  it.each([
    ['[', 10_000],
    ['{', 70_000],
    ['[', 500_000],
    ['? ', 1_600],
    ['- ', 10_000],
    ['{a: ', 10_000],
    ['[[{', 10_000],
    ['- ? ', 10_000],
    ['[a: ', 10_000],
    ['? - [', 10_000],
    ['!t [', 10_000],
    ['&a [', 10_000],
    ['"a": {', 10_000],
  ])('of %j, %i times, is refused wherever it stands', (opening, times) => {
    for (const before of ['', 'a: ', 'a:\n  ', 'a: [1, 2]\nb: ', '- ', '--- ', '"', "'[", '# [\n']) {
      const text = before + opening.repeat(times);
      expect(() => parseYaml(text, { maxCharacters: 10_000_000 })).toThrow(UnsuitableYaml);
    }
  });

  it.each(['a:', '-', '- -', '?', '? - a:'])('by indentation with %j is refused with its line', (step) => {
    const { reason, line } = refusalOf(steps(step, 1_400), { maxCharacters: 10_000_000 });
    expect(reason).toMatch(/nested more than 100 levels/);
    expect(line).toBeLessThanOrEqual(102);
  });

  it('of a hundred levels at most is read', () => {
    expect(parseYaml('['.repeat(90) + ']'.repeat(90))).toBeInstanceOf(Array);
    expect(refusalOf('['.repeat(101) + ']'.repeat(101)).reason).toMatch(/100 levels/);
    expect(parseYaml(steps('a:', 90))).toHaveProperty('a');
  });

  it('is none where brackets and dashes are text', () => {
    const noise = `${'['.repeat(300)} ${'- '.repeat(300)} ${'{'.repeat(300)} ${'? '.repeat(300)}end`;
    const deep = Array.from({ length: 200 }, (_, level) => `${' '.repeat(level * 2)}- [ ] ${level}`);
    const indented = (lines: string[]) => lines.map((line) => `  ${line}`).join('\n');
    const document = [
      `plain: text ${noise}`,
      `single: '${noise}'`,
      `double: "${noise}"`,
      `# ${noise}`,
      `block: |\n${indented(['# Notes', noise, ...deep])}`,
      `folded: >-\n${indented([noise, ...deep])}`,
      `after: [1, "${noise}", '${noise}']`,
    ].join('\n');
    expect(parseYaml(document)).toEqual({
      plain: `text ${noise}`,
      single: noise,
      double: noise,
      block: `${['# Notes', noise, ...deep].join('\n')}\n`,
      folded: expect.stringContaining('- [ ] 199') as string,
      after: [1, noise, noise],
    });
  });
});

describe('a text', () => {
  it.each([
    ['a: "open\nb: 1', 1, /quote/],
    ['a: 1\na: 2', 2, /given twice/],
    ['a: 1\nb: {c: 1, c: 2}', 2, /given twice/],
    ['a: 1\n\tb: 2', 2, /tab|stands where/],
    ['a: 1\n---\nb: 2', 2, /more than one document/],
    ['a: &x 1\nb: *x', 2, /alias/],
    ['a: 1\nb: *x', 2, /alias/],
    ['a: 1\nb: @me', 2, /quotes/],
    ['? [a]\n: 1', 1, /no text/],
    ['a: b: c', 1, /": "/],
  ])('that is wrong is refused with its line, in our words: %j', (text, line, words) => {
    const refused = refusalOf(text);
    expect(refused).toMatchObject({ line, reason: expect.stringMatching(words) as string });
    expect(refused.reason).not.toMatch(/implicit|stringKeys|flow-|node end|alias count/i);
  });

  it('gives plain data, whatever its tags ask for', () => {
    const text =
      'a: !!js/function "x"\nb: !!python/object {c: 1}\n__proto__: {d: 1}\nconstructor: 1.0\ne: 0x1F';
    const data = parseYaml(text, { keepSpelling: true }) as Record<string, unknown>;
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(Object.entries(data)).toEqual([
      ['a', 'x'],
      ['b', { c: 1 }],
      ['__proto__', { d: 1 }],
      ['constructor', '1.0'],
      ['e', '0x1F'],
    ]);
  });

  it('may use a few aliases where they are allowed, and none to unfold or to nest', () => {
    const allowed = { maxAliases: 100 };
    expect(parseYaml('a: &x {b: 1}\nc: *x', allowed)).toEqual({ a: { b: 1 }, c: { b: 1 } });
    const doubling = Array.from({ length: 30 }, (_, at) => `a${at}: &a${at} [*a${at - 1}, *a${at - 1}]`);
    expect(refusalOf(['a-1: &a-1 [x]', ...doubling].join('\n'), allowed).reason).toMatch(/alias/);
    const nesting = Array.from(
      { length: 90 },
      (_, at) => `a${at}: &a${at} ${'['.repeat(50)}*a${at - 1}${']'.repeat(50)}`,
    );
    expect(refusalOf(['a-1: &a-1 [x]', ...nesting].join('\n'), allowed).reason).toMatch(/alias/);
    const wide = `a: &a [${'1,'.repeat(20_000)}]\nb: [${'*a,'.repeat(50)}]`;
    expect(refusalOf(wide, allowed).reason).toMatch(/alias/);
    expect(refusalOf('a: &a [*a]', allowed).reason).toMatch(/alias/);
  });

  it('of many keys takes linear time, and of too many is refused', () => {
    const keys = (count: number) => Array.from({ length: count }, (_, at) => `key_${at}: ${at}`).join('\n');
    expect(Object.keys(parseYaml(keys(14_000)) as object)).toHaveLength(14_000);
    expect(refusalOf(keys(60_000)).reason).toMatch(/more keys, values and lines/);
  });
});

it('reads what the tests of imports hold, and this repository', () => {
  const compose = readFileSync('docker-compose.yml', 'utf8');
  expect(parseYaml(compose)).toHaveProperty('services');
  for (const name of readdirSync('contracts').filter((name) => name.endsWith('.json'))) {
    const text = readFileSync(`contracts/${name}`, 'utf8');
    if (text.length < 30_000) expect(parseYaml(text)).toEqual(JSON.parse(text));
  }
});
