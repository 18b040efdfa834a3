// Setting a project up for AI clients, and taking it back to the byte.
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parse as parseJson, type ParseError } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { runCli, temporaryProject } from '../support/program.ts';

const ALL = ['claude-code', 'codex', 'gemini', 'vscode', 'copilot-cli', 'cursor', 'opencode'];

type Files = Record<string, string>;

/** What a folder holds, by path: bytes of files, where links lead. */
function contentOf(folder: string, below = ''): Files {
  const found: Files = {};
  for (const entry of readdirSync(path.join(folder, below), { withFileTypes: true })) {
    const name = path.join(below, entry.name);
    if (name === '.git' || name === '.worktrail') continue;
    if (entry.isDirectory()) Object.assign(found, { [`${name}/`]: '' }, contentOf(folder, name));
    else if (entry.isSymbolicLink()) found[name] = readlinkSync(path.join(folder, name));
    else {
      const { mode } = lstatSync(path.join(folder, name));
      found[name] = `${mode} ${readFileSync(path.join(folder, name)).toString('latin1')}`;
    }
  }
  return found;
}

async function projectWith(files: Files): Promise<string> {
  const project = await temporaryProject();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    writeFileSync(path.join(project, name), text);
  }
  return project;
}

const runIn = (project: string, home = path.join(project, '.git', 'home')) => {
  const env = { WORKTRAIL_HOME: home, HOME: home };
  return (...args: string[]) => runCli(['init', ...args], { project, env });
};

const read = (project: string, name: string) => readFileSync(path.join(project, name), 'utf8');

function jsonIn(project: string, name: string): Record<string, Record<string, unknown>> {
  const errors: ParseError[] = [];
  const value = parseJson(read(project, name).replace(/^\ufeff/, ''), errors, {
    allowTrailingComma: true,
  }) as never;
  expect(errors, name).toEqual([]);
  return value;
}

const EXISTING: Record<string, Files> = {
  nothing: {},
  'plain files': {
    '.mcp.json': '{\n  "mcpServers": {\n    "other": {\n      "command": "other"\n    }\n  }\n}\n',
    'CLAUDE.md': '# Project\n\nBe kind.\n',
    'AGENTS.md': '# Agents\n',
    '.claude/settings.json':
      '{\n  "permissions": { "allow": ["Bash(ls)"] },\n  "hooks": { "Stop": [ { "hooks": [ { "type": "command", "command": "say done" } ] } ] }\n}\n',
    '.codex/config.toml': 'model = "m"\n\n[mcp_servers.other]\ncommand = "other"\n',
    '.gemini/settings.json': '{"theme":"dark"}',
    '.cursor/mcp.json': '{ "mcpServers": {} }\n',
    'opencode.json':
      '{\n\t"$schema": "https://opencode.ai/config.json",\n\t"mcp": {\n\t\t"other": { "type": "local", "command": ["other"] }\n\t}\n}',
  },
  'formatted by hand, with comments': {
    '.mcp.json': '{ "mcpServers": { "a": {"command":"a"},   "b": {"command":"b"} } }',
    '.vscode/mcp.json':
      '// ours\n{\n    "servers": {\n        /* first */ "a": { "command": "a" }, // the one\n        "b":\n        { "command": "b" } // the other\n        // and no more\n    },\n    "inputs": [],\n}\n',
    'opencode.jsonc': '{\n  // comment only\n}\n',
    '.gemini/settings.json': '{\n  "mcpServers": {\n    // none yet\n  },\n}',
    '.cursor/mcp.json': '{"mcpServers":{"x":{"command":"x",},},}',
    '.claude/settings.json':
      '{\n  "hooks": {\n    "SessionStart": [], // later\n    "Stop": [\n      { "hooks": [] }\n    ]\n  }\n}\n',
    '.codex/config.toml': '# mine\nmodel = "m" # the best\n\n[features]\nhooks = true',
    'CLAUDE.md': 'No line break at the end',
  },
  'written on Windows': {
    '.mcp.json': '\ufeff{\r\n  "mcpServers": {\r\n    "a": { "command": "a" }\r\n  }\r\n}\r\n',
    'CLAUDE.md': '# Project\r\n\r\nText.\r\n',
    '.codex/config.toml': 'model = "m"\r\n',
  },
  'empty files': {
    '.mcp.json': '',
    'CLAUDE.md': '',
    '.codex/config.toml': '',
    '.gemini/settings.json': '\n',
  },
};

describe.each(Object.keys(EXISTING))('a project with %s', (name) => {
  it('is set up for every client, once, and given back to the byte', async () => {
    const project = await projectWith(EXISTING[name] ?? {});
    const init = runIn(project);
    const before = contentOf(project);
    const shown = await init(...ALL, '--dry-run');
    expect([shown.code, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toContain('+++ b/.mcp.json');
    expect(contentOf(project)).toEqual(before);
    // Nobody can be asked here.
    expect(await init(...ALL)).toMatchObject({ code: 2, stdout: '' });
    expect(contentOf(project)).toEqual(before);

    const written = await init(...ALL, '--yes');
    expect([written.code, written.stderr]).toEqual([0, '']);
    for (const [file, key] of [
      ['.mcp.json', 'mcpServers'],
      ['.gemini/settings.json', 'mcpServers'],
      ['.vscode/mcp.json', 'servers'],
      ['.cursor/mcp.json', 'mcpServers'],
      [name.startsWith('formatted') ? 'opencode.jsonc' : 'opencode.json', 'mcp'],
    ] as const) {
      const server = (jsonIn(project, file)[key] ?? {})['worktrail'] as {
        command: string | string[];
        args?: string[];
      };
      expect([server.command, server.args ?? []].flat().at(-1), file).toBe('serve');
    }
    for (const [file, events] of [
      ['.claude/settings.json', 4],
      ['.codex/hooks.json', 2],
    ] as const) {
      const hooks = Object.values(jsonIn(project, file)['hooks'] ?? {}) as {
        hooks: { command: string }[];
      }[][];
      const commands = hooks.flat().flatMap((one) => one.hooks.map(({ command }) => command));
      expect(commands.filter((command) => command.includes(' hook '))).toHaveLength(events);
    }
    const codex = parseToml(read(project, '.codex/config.toml')) as { mcp_servers: Record<string, object> };
    expect(codex.mcp_servers['worktrail']).toMatchObject({
      args: expect.arrayContaining(['serve']) as string[],
    });
    for (const file of ['CLAUDE.md', 'AGENTS.md', 'GEMINI.md'])
      expect(read(project, file)).toContain('get_brief');
    // Every byte that was there is still there, in its order.
    for (const [file, text] of Object.entries(EXISTING[name] ?? {}))
      expect(isWithin(text, read(project, file)), file).toBe(true);

    const once = contentOf(project);
    expect((await init(...ALL, '--yes')).stdout).toMatch(/^Nothing to do/);
    expect(contentOf(project)).toEqual(once);
    expect(await init('--undo', '--yes')).toMatchObject({ code: 0, stderr: '' });
    expect(contentOf(project)).toEqual(before);
    expect((await init('--undo', '--yes')).stdout).toMatch(/^Nothing of it is here/);
  });

  it('keeps what somebody wrote there since, also where nothing is known of before', async () => {
    const project = await projectWith(EXISTING[name] ?? {});
    expect((await runIn(project)(...ALL, '--yes')).code).toBe(0);
    const servers = jsonIn(project, '.mcp.json')['mcpServers'] ?? {};
    writeFileSync(
      path.join(project, '.mcp.json'),
      JSON.stringify({ mcpServers: { ...servers, late: { command: 'late' } } }),
    );
    writeFileSync(path.join(project, 'CLAUDE.md'), `First.\n${read(project, 'CLAUDE.md')}Last.\n`);
    // On another machine.
    const elsewhere = runIn(project, path.join(project, '.git', 'elsewhere'));
    expect((await elsewhere('--undo', '--yes')).code).toBe(0);
    const left = jsonIn(project, '.mcp.json')['mcpServers'] ?? {};
    expect(left).toHaveProperty('late');
    expect(left).not.toHaveProperty('worktrail');
    expect(read(project, 'CLAUDE.md')).toMatch(/^First\.\n[^]*Last\.\n$/);
    for (const [file, text] of Object.entries(contentOf(project)))
      expect(
        /worktrail: begin|get_brief|"worktrail"| hook (stop|session)/.test(text),
        `${file}: ${text}`,
      ).toBe(false);
  });
});

/** Whether a text is what another one has, in its order, with other things between. */
function isWithin(text: string, other: string): boolean {
  let at = 0;
  for (const character of other) if (character === text[at]) at += 1;
  return at >= text.length;
}

it('leaves broken files, links that lead out and entries of others as they are, and sets up the rest', async () => {
  const project = await projectWith({
    '.mcp.json': '{ "mcpServers": { "a": ',
    '.gemini/settings.json': '{ "mcpServers": [] }',
    '.vscode/mcp.json': '{ "servers": { "worktrail": { "command": "mine" } } }',
    '.codex/config.toml': 'model = \n',
    '.codex/hooks.json': '[]',
    'CLAUDE.md': '<!-- worktrail: begin -->\nno end\n',
  });
  const outside = await temporaryProject();
  symlinkSync(outside, path.join(project, '.cursor'));
  const init = runIn(project);
  const before = contentOf(project);
  const { code, stderr, stdout } = await init(...ALL, '--yes');
  expect(code).toBe(1);
  expect(stderr.split('\n').filter((line) => line !== '')).toEqual([
    expect.stringContaining('.mcp.json is not JSON that can be read (line 1)'),
    expect.stringContaining('CLAUDE.md has the marks'),
    expect.stringContaining('.codex/config.toml is not TOML that can be read'),
    expect.stringContaining('.codex/hooks.json has the file as something else than an object'),
    expect.stringContaining('.gemini/settings.json has mcpServers as something else than an object'),
    expect.stringContaining('.cursor/mcp.json leads out of'),
    expect.stringContaining('.vscode/mcp.json has servers.worktrail already, written by somebody else'),
  ]);
  expect(stdout).toContain('opencode.json');
  const after = contentOf(project);
  for (const file of Object.keys(before)) expect(after[file], file).toBe(before[file]);
  expect(contentOf(outside)).toEqual({});
  expect((await init('--undo', '--yes')).code).toBe(1);
  expect(contentOf(project)).toEqual(before);
});

it('writes one file once, where two names lead to it', async () => {
  const project = await projectWith({ 'CLAUDE.md': 'One for all.\n' });
  symlinkSync('CLAUDE.md', path.join(project, 'AGENTS.md'));
  const init = runIn(project);
  expect((await init('claude-code', 'codex', '--yes')).code).toBe(0);
  expect(read(project, 'AGENTS.md').match(/worktrail: begin/g)).toHaveLength(1);
  expect(lstatSync(path.join(project, 'AGENTS.md')).isSymbolicLink()).toBe(true);
  await init('--undo', '--yes');
  expect(read(project, 'CLAUDE.md')).toBe('One for all.\n');
});

it('finds the clients that are used, names those that there are, and makes no tracker', async () => {
  const project = await projectWith({ '.cursor/rules': '' });
  const init = runIn(project);
  const { stdout } = await init('--dry-run', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    clients: ['cursor'],
    written: false,
    changed: ['.cursor/mcp.json', 'AGENTS.md'],
  });
  const wrong = await init('vscod', '--dry-run');
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('the nearest is "vscode"')]);
  expect(readdirSync(project)).not.toContain('.worktrail');
  const none = await runIn(await temporaryProject())('--dry-run');
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('must be named')]);
});
