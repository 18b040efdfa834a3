// Files that are linked, in the way, read-only, or changed while a project is set up; and records that are damaged.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { CLIENTS, filesOf as filesOfClients, type Command as Start } from '../../src/cli/setup/clients.ts';
import { applySetUp, applyUndo, planSetUp, planUndo } from '../../src/cli/setup/set-up.ts';
import { runCli, temporaryProject } from '../support/program.ts';

const NAMED: Start = { command: 'worktrail', args: [] };
const COPY: Start = { command: '/usr/bin/node', args: ['/a b/dist/cli.js'] };

/** A person at a terminal who says no. */
vi.mock('../../src/cli/terminal/confirm.ts', () => ({ canAsk: () => true, isConfirmed: async () => false }));

afterEach(() => void vi.unstubAllEnvs());

async function projectWith(files: Record<string, string>) {
  const project = await temporaryProject();
  const home = path.join(project, '.git', 'home');
  mkdirSync(home, { recursive: true });
  vi.stubEnv('WORKTRAIL_HOME', home);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    writeFileSync(path.join(project, name), text);
  }
  const filesOf = (names: string[], start: Start) =>
    filesOfClients(
      CLIENTS.filter(({ name }) => names.includes(name)),
      project,
      start,
    );
  return {
    project,
    home,
    files: filesOf,
    read: (name: string) => readFileSync(path.join(project, name), 'utf8'),
    write: (name: string, text: string) => {
      writeFileSync(path.join(project, name), text);
    },
    setUp: (names: string[], start = NAMED) => {
      const files = filesOf(names, start);
      const plan = planSetUp(project, files);
      return [...plan.problems, ...applySetUp(project, files, plan)];
    },
    undo: (names = CLIENTS.map(({ name }) => name)) => {
      const files = filesOf(names, NAMED);
      const plan = planUndo(project, files);
      return [...plan.problems, ...applyUndo(project, files, plan)];
    },
  };
}

it('a file that is changed after it was looked at stays as it is, and is named', async () => {
  const { project, files, read, write, setUp, undo } = await projectWith({ 'CLAUDE.md': 'Before.\n' });
  const claude = files(['claude-code'], NAMED);
  const plan = planSetUp(project, claude);
  write('CLAUDE.md', 'Meanwhile.\n');
  write('.mcp.json', '{}');
  expect(applySetUp(project, claude, plan)).toEqual([
    { path: '.mcp.json', problem: expect.stringContaining('in the meantime') as string },
    { path: 'CLAUDE.md', problem: expect.stringContaining('in the meantime') as string },
  ]);
  expect([read('CLAUDE.md'), read('.mcp.json')]).toEqual(['Meanwhile.\n', '{}']);
  expect(read('.claude/settings.json')).toContain('hook stop');

  expect(setUp(['claude-code'])).toEqual([]);
  const back = planUndo(project, claude);
  write('CLAUDE.md', `${read('CLAUDE.md')}Late.\n`);
  expect(applyUndo(project, claude, back).map(({ path: name }) => name)).toEqual(['CLAUDE.md']);
  expect(read('CLAUDE.md')).toContain('Late.\n');
  expect(undo()).toEqual([]);
  expect(read('CLAUDE.md')).toBe('Meanwhile.\n\nLate.\n');
});

it('what is in the way of one file leaves the others alone', async () => {
  const { project, read, setUp, undo } = await projectWith({ '.codex': 'a file\n', 'AGENTS.md': 'Text' });
  symlinkSync('nowhere', path.join(project, '.cursor'));
  symlinkSync('.git', path.join(project, '.gemini'));
  const names = setUp(['codex', 'cursor', 'gemini', 'vscode']).map(({ path: name }) => name);
  expect(names.sort()).toEqual([
    '.codex/config.toml',
    '.codex/hooks.json',
    '.cursor/mcp.json',
    '.git/settings.json',
  ]);
  expect(read('AGENTS.md')).toContain('get_brief');
  expect(existsSync(path.join(project, '.git', 'settings.json'))).toBe(false);
  undo();
  expect(read('AGENTS.md')).toBe('Text');
  expect(existsSync(path.join(project, '.vscode'))).toBe(false);
});

it('what another client was set up with, too, stays until that is taken back', async () => {
  const before = { '.mcp.json': '{ "mcpServers": {} }', 'AGENTS.md': 'Text' };
  const { project, home, read, setUp, undo } = await projectWith(before);
  const folder = () => readdirSync(project).filter((name) => name !== '.git');
  const first = folder();
  // The second finds all of it there.
  for (const name of ['claude-code', 'codex', 'copilot-cli']) expect(setUp([name])).toEqual([]);
  const whole = read('.mcp.json');
  const cli = async (...args: string[]) => {
    const env = { WORKTRAIL_HOME: home };
    const { code, stdout, stderr } = await runCli(['init', ...args, '--undo', '--yes'], { project, env });
    expect(code, stderr).toBe(0);
    return stderr + stdout;
  };
  expect(await cli('claude-code')).toContain('.mcp.json stays: copilot-cli reads it, too.');
  expect([read('.mcp.json'), existsSync(path.join(project, 'CLAUDE.md'))]).toEqual([whole, false]);
  expect(undo(['codex'])).toEqual([]);
  expect([read('AGENTS.md').includes('get_brief'), existsSync(path.join(project, '.codex'))]).toEqual([
    true,
    false,
  ]);
  expect(await cli('codex')).toContain('Nothing else of it is here.');
  expect(undo(['copilot-cli'])).toEqual([]);
  expect(folder()).toEqual(first);
  for (const [name, text] of Object.entries(before)) expect(read(name)).toBe(text);
});

it('what a colleague committed stays for the client that is still set up', async () => {
  const colleague = await projectWith({});
  colleague.setUp(['claude-code']);
  const committed = colleague.read('.mcp.json');
  const { read, setUp, undo } = await projectWith({ '.mcp.json': committed });
  for (const name of ['claude-code', 'copilot-cli']) expect(setUp([name])).toEqual([]);
  expect(undo(['claude-code'])).toEqual([]);
  expect(read('.mcp.json')).toBe(committed);
  expect(undo(['copilot-cli'])).toEqual([]);
  expect(read('.mcp.json')).not.toContain('worktrail');
});

it.each([
  ['the file', undefined],
  ['the entry', '{ "mcpServers": {} }'],
])('nothing is said to stay, or kept in mind, where somebody took out %s', async (_what, left) => {
  const { project, home, files, write, setUp, undo } = await projectWith({});
  setUp(['claude-code', 'copilot-cli']);
  if (left === undefined) rmSync(path.join(project, '.mcp.json'));
  else write('.mcp.json', left);
  expect(planUndo(project, files(['claude-code'], NAMED)).shared).toEqual([]);
  expect([...undo(['claude-code']), ...undo(['copilot-cli'])]).toEqual([]);
  expect(readdirSync(path.join(home, 'setup'))).toEqual([]);
  setUp(['claude-code']);
  expect(planUndo(project, files(['claude-code'], NAMED)).shared).toEqual([]);
});

it('whoever says no to a client is not taken to use it', async () => {
  const { project, read, setUp, undo } = await projectWith({ '.git/bin/worktrail': '' });
  chmodSync(path.join(project, '.git', 'bin', 'worktrail'), 0o755);
  vi.stubEnv('PATH', path.join(project, '.git', 'bin'));
  vi.stubEnv('WORKTRAIL_PROJECT', project);
  const init = async (...args: string[]) => {
    const { addInitCommand } = await import('../../src/cli/commands/init.ts');
    await addInitCommand(new Command()).parseAsync(args, { from: 'user' });
  };
  setUp(['claude-code']);
  const whole = read('.mcp.json');
  await init('copilot-cli');
  expect([read('.mcp.json'), existsSync(path.join(project, 'AGENTS.md'))]).toEqual([whole, false]);
  expect(undo(['claude-code'])).toEqual([]);
  expect(existsSync(path.join(project, '.mcp.json'))).toBe(false);
});

it('folders that are links within the project: one file once, and gone again afterwards', async () => {
  const { project, read, setUp, undo } = await projectWith({ 'tools/keep': '' });
  symlinkSync('tools', path.join(project, '.cursor'));
  symlinkSync('tools', path.join(project, '.vscode'));
  expect(setUp(['cursor', 'vscode'])).toEqual([]);
  expect(JSON.parse(read('tools/mcp.json'))).toMatchObject({ mcpServers: {}, servers: {} });
  expect(undo()).toEqual([]);
  expect(readdirSync(path.join(project, 'tools'))).toEqual(['keep']);
  expect(lstatSync(path.join(project, '.cursor')).isSymbolicLink()).toBe(true);
});

it('set up anew for another place of the program, files with a BOM, too, and modes stay', async () => {
  const before = '\ufeff{\r\n  "hooks": {}\r\n}';
  const { project, read, write, setUp, undo } = await projectWith({ '.claude/settings.json': before });
  const file = path.join(project, '.claude/settings.json');
  chmodSync(file, 0o640);
  expect(setUp(['claude-code'], COPY)).toEqual([]);
  expect(read('.claude/settings.json')).toContain("'/a b/dist/cli.js' hook stop");
  expect(setUp(['claude-code'])).toEqual([]);
  expect(read('.claude/settings.json').match(/hook stop/g)).toHaveLength(1);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  undo();
  expect(read('.claude/settings.json')).toBe(before);

  setUp(['claude-code'], COPY);
  write('.claude/settings.json', read('.claude/settings.json').replace('{', '{ "late": 1,'));
  expect(setUp(['claude-code'])).toEqual([]);
  undo();
  expect(read('.claude/settings.json')).toMatch(/^\ufeff\{ "late": 1,\r\n {2}"hooks": \{/);
});

it('the file of opencode that was written before another name of it came up', async () => {
  const { project, write, setUp, undo } = await projectWith({});
  setUp(['opencode']);
  write('opencode.jsonc', '{}');
  expect(undo()).toEqual([]);
  expect(readdirSync(project).sort()).toEqual(['.git', 'opencode.jsonc']);
});

it('a stop between the record and the file costs nothing', async () => {
  const { read, write, setUp, undo, project } = await projectWith({ 'CLAUDE.md': 'Before.\n' });
  setUp(['claude-code']);
  write('CLAUDE.md', 'Before.\n');
  rmSync(path.join(project, '.mcp.json'));
  undo();
  expect([read('CLAUDE.md'), existsSync(path.join(project, '.mcp.json'))]).toEqual(['Before.\n', false]);
  setUp(['claude-code']);
  write('CLAUDE.md', 'Before.\n');
  write('.mcp.json', '{"mcpServers":{}}');
  setUp(['claude-code']);
  undo();
  expect([read('CLAUDE.md'), read('.mcp.json')]).toEqual(['Before.\n', '{"mcpServers":{}}']);
});

it('damaged records are as good as none', async () => {
  const { home, read, setUp, undo } = await projectWith({ 'CLAUDE.md': 'Before.\n' });
  setUp(['claude-code']);
  const [folder = ''] = readdirSync(path.join(home, 'setup'));
  for (const [at, name] of readdirSync(path.join(home, 'setup', folder)).entries()) {
    const forged = ['', 'no json', '{"after":"__proto__"}'][at % 3] ?? '';
    writeFileSync(path.join(home, 'setup', folder, name), forged);
  }
  expect(undo()).toEqual([]);
  expect(read('CLAUDE.md')).toBe('Before.\n');
  expect(read('.mcp.json') + read('.claude/settings.json')).not.toContain('worktrail');
});

it.skipIf(process.getuid?.() === 0)('read-only files stay as they are (root may write them)', async () => {
  const { project, read, setUp } = await projectWith({ 'CLAUDE.md': 'Before.\n' });
  chmodSync(path.join(project, 'CLAUDE.md'), 0o444);
  expect(setUp(['claude-code'])).toEqual([{ path: 'CLAUDE.md', problem: 'cannot be written (EACCES)' }]);
  expect(read('CLAUDE.md')).toBe('Before.\n');
});

it('an entry of somebody else stays, is named, and counts as a finding', async () => {
  const { project, home, read } = await projectWith({
    '.cursor/mcp.json': '{"mcpServers":{"worktrail":{"command":"mine"}}}',
  });
  const env = { WORKTRAIL_HOME: home, HOME: home };
  const init = async (...args: string[]) => await runCli(['init', ...args, '--yes'], { project, env });
  for (const args of [['cursor'], ['cursor'], ['--undo']]) {
    const { code, stderr } = await init(...args);
    expect([code, read('.cursor/mcp.json')]).toEqual([
      args[0] === '--undo' ? 0 : 1,
      expect.stringContaining('mine'),
    ]);
    if (code === 1) expect(stderr).toContain('mcpServers.worktrail already, written by somebody else');
  }
});

it('two that set up at the same time; and never the home folder', async () => {
  const { project, home } = await projectWith({ 'AGENTS.md': 'Agents', 'GEMINI.md': 'Gemini' });
  const env = { WORKTRAIL_HOME: home, HOME: home };
  const init = (...args: string[]) => runCli(['init', ...args, '--yes'], { project, env });
  const before = readdirSync(project);
  await Promise.all(['codex', 'gemini', 'cursor', 'vscode'].map((name) => init(name)));
  await init('codex', 'gemini', 'cursor', 'vscode');
  expect(await init('--undo')).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(project)).toEqual(before);
  expect(readFileSync(path.join(project, 'AGENTS.md'), 'utf8')).toBe('Agents');

  const atHome = await runCli(['init', 'codex', '--yes'], { project, env: { ...env, HOME: project } });
  expect([atHome.code, atHome.stderr]).toEqual([2, expect.stringContaining('must not be your home folder')]);
});
