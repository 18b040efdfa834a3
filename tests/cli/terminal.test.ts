import { describe, expect, it } from 'vitest';
import { cutLine, displayWidth, plainLine, visible } from '../../src/cli/terminal/plain-text.ts';
import { paint, print, printJson } from '../../src/cli/terminal/output.ts';
import { renderTable } from '../../src/cli/terminal/table.ts';
import { startProgram } from '../support/child-program.ts';
import { commandLine } from './command-line.ts';

const ESCAPE = '\u001b';

describe("other people's text", () => {
  it('loses everything that could drive a terminal', () => {
    expect(visible(`${ESCAPE}[31mred\u009b2J\u0007 a\nb\tc\u202e`)).toBe(
      '\\u{1b}[31mred\\u{9b}2J\\u{7} a\nb\tc\\u{202e}',
    );
    expect(plainLine('two\n  lines')).toBe('two lines');
  });

  it('is measured in columns and cut between characters', () => {
    expect(displayWidth('abc')).toBe(3);
    expect(displayWidth('日本')).toBe(4);
    expect(displayWidth('e\u0301👩‍👩‍👧')).toBe(3);
    expect(cutLine('日本語', 5)).toBe('日本…');
    expect(cutLine('日本語', 4)).toBe('日…');
    expect(cutLine('fits', 4)).toBe('fits');
  });

  it('is not printed raw by any command', async () => {
    const worktrail = await commandLine();
    const hostile = `a${ESCAPE}]0;owned\u0007b\u009b31m`;
    // Titles may not hold control characters, but they may hold direction overrides.
    const { id } = await worktrail.json<{ id: string }>(
      ...['create', 'ti\u202etle', '--description', hostile, '--metadata', JSON.stringify({ note: hostile })],
    );
    for (const args of [['list'], ['show', id], ['history'], ['status']]) {
      for (const form of [[], ['--json']]) {
        const output = await worktrail.text(...args, ...form);
        expect(output).not.toMatch(/(?![\t\n])\p{Cc}|\u202e/u);
      }
    }
    expect(await worktrail.json('show', id)).toMatchObject({ title: 'ti\u202etle', description: hostile });
    const { code, stderr } = await worktrail.run(['create', `x${ESCAPE}[31m`]);
    expect(code).toBe(2);
    expect(stderr).not.toContain(ESCAPE);
    expect((await worktrail.run([`${ESCAPE}[31m`])).stderr).not.toContain(ESCAPE);
  });
});

describe('a table', () => {
  type Row = { id: string; title: string; label: string; empty: string };
  const rows: Row[] = [
    {
      id: '1',
      title: 'A title that is rather long for a narrow terminal',
      label: 'one, two, three',
      empty: '',
    },
    { id: '22', title: 'Short', label: '', empty: '' },
  ];
  const columns = [
    { title: 'ID', value: ({ id }: Row) => id },
    { title: 'TITLE', value: ({ title }: Row) => title, flexible: true },
    { title: 'EMPTY', value: ({ empty }: Row) => empty },
    { title: 'LABEL', value: ({ label }: Row) => label, max: 8 },
  ];
  const lines = (width: number) =>
    renderTable(rows, columns, width)
      .replaceAll(/[\ufdd0-\ufddf]/g, '')
      .split('\n');

  it('cuts the flexible column to the width and leaves empty columns out', () => {
    expect(lines(40)).toEqual([
      'ID  TITLE                       LABEL',
      '1   A title that is rather lo…  one, tw…',
      '22  Short',
    ]);
  });

  it('leaves the last columns out where the terminal is narrow', () => {
    expect(lines(30)).toEqual(['ID  TITLE', '1   A title that is rather lo…', '22  Short']);
    expect(lines(12)).toEqual(['ID  TITLE', '1   A title…', '22  Short']);
  });

  it('is whole where nothing limits it', () => {
    expect(lines(Infinity)[1]).toBe(`1   ${rows[0]?.title}  one, two, three`);
  });
});

describe('colour', () => {
  it('is used on a terminal only, and not with NO_COLOR', () => {
    const { isTTY } = process.stdout;
    const { NO_COLOR } = process.env;
    const written: string[] = [];
    const { write } = process.stdout;
    try {
      process.stdout.write = (text: string | Uint8Array) => {
        written.push(String(text));
        return true;
      };
      const cases: [isTTY: boolean, noColor: string][] = [
        [true, ''],
        [true, '1'],
        [false, ''],
      ];
      for (const [terminal, noColor] of cases) {
        process.stdout.isTTY = terminal;
        process.env['NO_COLOR'] = noColor;
        print(`${paint('red', 'blocked')} ${ESCAPE}[31m`);
      }
      printJson({ text: '\u009b' });
    } finally {
      process.stdout.write = write;
      process.stdout.isTTY = isTTY;
      if (NO_COLOR === undefined) delete process.env['NO_COLOR'];
      else process.env['NO_COLOR'] = NO_COLOR;
    }
    expect(written).toEqual([
      `${ESCAPE}[31mblocked${ESCAPE}[39m \\u{1b}[31m\n`,
      'blocked \\u{1b}[31m\n',
      'blocked \\u{1b}[31m\n',
      '{\n  "text": "\\u009b"\n}\n',
    ]);
  });
});

describe('a reader that goes away', () => {
  it.each([['--help'], ['list'], ['list', '--json'], ['nonsense', '--json']])(
    'is no failure of %j',
    async (...args) => {
      const worktrail = await commandLine();
      await worktrail.text('create', 'A');
      const running = startProgram(args, {
        cwd: worktrail.project,
        env: { WORKTRAIL_PROJECT: worktrail.project },
      });
      running.child.stdout.destroy();
      const { code, signal } = await running.exited;
      expect({ code, signal, stderr: running.stderr() }).toEqual({
        code: args[0] === 'nonsense' ? 2 : 0,
        signal: null,
        stderr: '',
      });
    },
  );
});
