// Entries in files of others: whatever these hold, they keep it, and get it back.
import fc from 'fast-check';
import { parseTree, type Node } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import { expect, it } from 'vitest';
import { CLIENTS } from '../../src/cli/setup/clients.ts';
import { NotEditable, type Edit } from '../../src/cli/setup/edits.ts';
import { episodes } from '../torture/scale.ts';

const RUNS = episodes(300, 5_000);
const start = { command: "/with space/o'clock/node", args: ['/a "b"/dist/cli.js'] };

const editsOf = (name: string, file: string): readonly Edit[] =>
  CLIENTS.find((client) => client.name === name)
    ?.files('/nowhere', start)
    .find(({ path }) => path === file)?.edits ?? [];
const [server] = editsOf('claude-code', '.mcp.json');
const hooks = editsOf('claude-code', '.claude/settings.json');
const [toml] = editsOf('codex', '.codex/config.toml');
const [markdown] = editsOf('claude-code', 'CLAUDE.md');

/** Undefined for a text that is left as it is. */
function edited(edit: () => string): string | undefined {
  try {
    return edit();
  } catch (error) {
    if (error instanceof NotEditable) return undefined;
    throw error;
  }
}

/** Whether a text is what another one has, in its order, with other things between. */
function isWithin(text: string, other: string): boolean {
  let at = 0;
  for (let i = 0; i < other.length; i += 1) if (other[i] === text[at]) at += 1;
  return at >= text.length;
}

const space = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', '', ' ', '\n', '\n  ', '\r\n', '\r\n\t', '\t', '  ') },
  fc.constantFrom('/* x */', ' // x\n', '/* } , */ ', '// "a": {\r\n', '\n// \u00a0\n', '/**/', '\n\n    '),
);
const key = fc.constantFrom(
  'mcpServers',
  'mcpServers',
  'hooks',
  'hooks',
  'Stop',
  'SessionStart',
  'worktrail',
  '__proto__',
  'constructor',
  'ü\u2028"\\',
  'a',
  'b',
);
const scalar = fc.constantFrom('1', '-0', '1e400', 'null', 'true', '"x"', '"\\u0000 }"', '"// no"', '"é😀"');
const ourHook = JSON.stringify({ type: 'command', command: 'worktrail hook stop' });
const otherHook = JSON.stringify({ type: 'command', command: 'node tools/cli.js hook stop' });

const { value } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.constantFrom(ourHook, otherHook, `{"hooks":[${otherHook},${ourHook}]}`, `{"hooks":[${ourHook}]}`),
    tie('object'),
    tie('object'),
    tie('list'),
  ),
  object: container(
    '{',
    '}',
    fc
      .tuple(key, space, space, tie('value'))
      .map(([name, a, b, below]) => `${JSON.stringify(name)}${a}:${b}${below}`),
  ),
  list: container('[', ']', tie('value')),
}));

function container(open: string, close: string, child: fc.Arbitrary<string>) {
  return fc
    .tuple(fc.array(fc.tuple(space, child, space), { maxLength: 4 }), space, fc.boolean())
    .map(([children, inner, trails]) => {
      const inside = children.map(([a, one, b]) => `${a}${one}${b}`).join(',');
      return `${open}${inside}${trails && children.length > 0 ? ',' : ''}${inner}${close}`;
    });
}
const jsonText = fc.tuple(space, value, space).map((parts) => parts.join(''));

/** What a text says, with keys of any name, in their order. */
function said(node: Node | undefined): unknown {
  if (node?.type === 'array') return node.children?.map(said);
  if (node?.type === 'object') return pairsOf(node).map(([name, below]) => ({ name, is: said(below) }));
  return node?.value as unknown;
}

const pairsOf = (node: Node | undefined): [string, Node | undefined][] =>
  node?.type !== 'object'
    ? []
    : (node.children ?? []).map(({ children: [name, below] = [] }) => [String(name?.value), below]);

/** What a document of servers says besides ours. */
function othersIn(text: string): unknown {
  const pairs = pairsOf(parseTree(text, [], { allowTrailingComma: true }));
  const isServers = ([name]: [string, Node | undefined]) => name === 'mcpServers';
  const servers = pairs.filter(isServers).flatMap(([, below]) => pairsOf(below));
  const others = [
    ...pairs.filter((pair) => !isServers(pair)),
    ...servers.filter(([name]) => name !== 'worktrail'),
  ];
  return others.map(([name, below]) => ({ name, is: said(below) }));
}

it('entries in JSON: nothing else is lost or moved, and what is taken out leaves no trace', () => {
  let written = 0;
  fc.assert(
    fc.property(jsonText, fc.constantFrom(server, ...hooks), (text, edit) => {
      if (edit === undefined) throw new Error('no edit');
      const state = edited(() => edit.state(text));
      const put = edited(() => edit.put(text));
      if (state === undefined || state === 'other' || put === undefined) return;
      written += 1;
      expect(edit.state(put)).toBe('ours');
      if (state === 'ours') expect(put).toBe(text);
      if (state === 'missing') {
        expect(isWithin(text, put), `${text}\n---\n${put}`).toBe(true);
        if (edit === server) expect(othersIn(put)).toEqual(othersIn(text));
        const taken = edit.take(put);
        expect(edit.state(taken)).toBe('missing');
        expect(taken).not.toContain('/dist/cli.js');
        // Objects that were made stay, and commas and spaces beside them.
        expect(isWithin(text.replaceAll(/[\s,]/g, ''), taken), `${text}\n---\n${put}\n---\n${taken}`).toBe(
          true,
        );
        expect(edit.state(edit.put(taken))).toBe('ours');
      }
      if (state === 'old') {
        const taken = edit.take(text);
        expect(edit.state(taken)).toBe('missing');
        expect(taken.split(otherHook)).toHaveLength(text.split(otherHook).length);
        expect(put.split(otherHook)).toHaveLength(text.split(otherHook).length);
      }
    }),
    { numRuns: RUNS },
  );
  expect(written).toBeGreaterThan(RUNS / 10);
});

it('what there is no room for, or is there twice, or is nested without end, is left as it is', () => {
  if (server === undefined) throw new Error('no edit');
  for (const text of [
    '{"mcpServers":{},"mcpServers":{"a":{}}}',
    '{"mcpServers":{"worktrail":{},"worktrail":{}}}',
    '['.repeat(300_000),
    `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  ])
    expect(
      edited(() => server.put(text)),
      text.slice(0, 50),
    ).toBeUndefined();
});

it('spaces without end are gone through once', () => {
  if (server === undefined) throw new Error('no edit');
  const text = `{"a": "${' '.repeat(1_000_000)}"}`;
  const begin = performance.now();
  expect(server.take(server.put(text))).toContain(text.slice(0, -1));
  expect(performance.now() - begin).toBeLessThan(5_000);
});

it('what others put beside our hook stays, with what they wrote around it', () => {
  const stop = hooks[1];
  const text = `{"hooks":{"Stop":[{"matcher":"x","hooks":[${otherHook},${ourHook}]}]}}`;
  const put = stop?.put(text) ?? '';
  expect([put.includes(otherHook), put.includes('"matcher":"x"'), stop?.state(put)]).toEqual([
    true,
    true,
    'ours',
  ]);
  expect(stop?.take(put)).toBe(`{"hooks":{"Stop":[{"matcher":"x","hooks":[${otherHook}]}]}}`);
});

const tomlLine = fc.constantFrom(
  'model = "m"',
  '# comment',
  '',
  '[features]',
  '[mcp_servers]',
  '[mcp_servers.a]',
  '[mcp_servers.a.env]',
  'command = "a"',
  'mcp_servers.b.command = "b"',
  'mcp_servers = { c = { command = "c" } }',
  '[mcp_servers.worktrail]',
  'text = """',
  '# worktrail: begin',
  '# worktrail: end',
  '"""',
  'when = 2026-01-01',
  '[[list]]',
  'ü = 1',
  '"ü" = \'x\'',
);
const lines = (line: fc.Arbitrary<string>) =>
  fc
    .array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n')), { maxLength: 10 })
    .chain((all) =>
      fc
        .boolean()
        .map((ends) => all.map(([one, eol], at) => (ends || at < all.length - 1 ? one + eol : one)).join('')),
    );

it('the block in TOML: the rest says what it said, and is there to the byte', () => {
  let written = 0;
  fc.assert(
    fc.property(
      lines(tomlLine),
      fc.constantFrom('', 'late = 1\n', '[late]\n', '[mcp_servers.worktrail.env]\n'),
      (text, late) => {
        if (toml === undefined) throw new Error('no edit');
        const put = edited(() => toml.put(text));
        if (put === undefined || edited(() => toml.state(text)) !== 'missing') return;
        written += 1;
        expect(toml.state(put)).toBe('ours');
        expect(put.startsWith(text)).toBe(true);
        const { mcp_servers: servers, ...rest } = parseToml(put) as { mcp_servers: Record<string, object> };
        const { worktrail, ...others } = servers;
        expect(worktrail).toEqual({ command: start.command, args: [...start.args, 'serve'] });
        const { mcp_servers: before = {}, ...restBefore } = parseToml(text);
        expect([rest, others]).toEqual([restBefore, before]);
        expect([text, `${text}\n`, `${text}\r\n`]).toContain(toml.take(put));
        // What was put below it later is not pulled into another table.
        const taken = edited(() => toml.take(put + late));
        if (late.startsWith('late') || late.includes('worktrail')) expect(taken).toBeUndefined();
        else expect(taken?.endsWith(late)).toBe(true);
      },
    ),
    { numRuns: RUNS },
  );
  expect(written).toBeGreaterThan(RUNS / 20);
});

const markdownLine = fc.constantFrom(
  '# Title',
  '',
  'Text with <!-- worktrail: begin --> and <!-- worktrail: end --> in it.',
  '```md',
  '```',
  '~~~',
  '<!-- worktrail: begin -->',
  '<!-- worktrail: end -->',
  '    <!-- worktrail: begin -->',
  '__proto__',
  'é😀\u2028\u00a0',
  '\r',
);

it('the block in Markdown: what only speaks of the marks stays', () => {
  let written = 0;
  fc.assert(
    fc.property(lines(markdownLine), (text) => {
      if (markdown === undefined) throw new Error('no edit');
      const state = edited(() => markdown.state(text));
      const put = edited(() => markdown.put(text));
      if (state === undefined || put === undefined) return;
      written += 1;
      expect(markdown.state(put)).toBe('ours');
      if (state !== 'missing') return;
      expect(put.startsWith(text)).toBe(true);
      expect([text, `${text}\n`, `${text}\r\n`]).toContain(markdown.take(put));
    }),
    { numRuns: RUNS },
  );
  expect(written).toBeGreaterThan(RUNS / 10);
});
