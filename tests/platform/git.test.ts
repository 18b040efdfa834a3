import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runGit } from '../../src/platform/git.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A git that only says what it was started with. */
function fakeGit(folder: string, script: string): void {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'git'), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(bin, 'git'), 0o755);
  vi.stubEnv('PATH', `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`);
}

async function output(folder: string, ...args: string[]): Promise<string> {
  const result = await runGit(folder, args);
  if (!result.ok) throw result.cause;
  return result.output.toString().trim();
}

describe('git', () => {
  it('answers with what it printed, or with a reason in our words', async () => {
    const folder = await temporaryProject({ git: true });
    expect(await output(folder, 'rev-parse', 'HEAD')).toBe((await git(folder, 'rev-parse', 'HEAD')).trim());
    expect(await runGit(await temporaryProject(), ['rev-parse', 'HEAD'])).toMatchObject({
      ok: false,
      failure: 'no-repository',
    });
    expect(await runGit(path.join(folder, 'missing'), ['rev-parse'])).toMatchObject({
      ok: false,
      failure: 'no-git',
    });
  });

  it('sees neither secrets of this process nor what leads it to another repository', async () => {
    const folder = await temporaryProject({ git: true });
    fakeGit(folder, 'env');
    const elsewhere = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_NAMESPACE'];
    const secrets = [
      'DATABASE_URL',
      'PGPASSWORD',
      'WORKTRAIL_TOKEN',
      'SSH_AUTH_SOCK',
      'GIT_CONFIG_PARAMETERS',
    ];
    for (const name of [...elsewhere, ...secrets]) vi.stubEnv(name, 'taken');
    const seen = await output(folder, 'anything');
    expect(seen).not.toContain('taken');
    expect(seen).toContain('GIT_ALLOW_PROTOCOL=none');
  });

  it('keeps what the user has set to be safer', async () => {
    const folder = await temporaryProject({ git: true });
    fakeGit(folder, 'env');
    const safer = {
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CEILING_DIRECTORIES: '/home',
      GIT_DISCOVERY_ACROSS_FILESYSTEM: '0',
      GIT_CONFIG_GLOBAL: '/etc/safe',
    };
    for (const [name, value] of Object.entries(safer)) vi.stubEnv(name, value);
    vi.stubEnv('GIT_ALLOW_PROTOCOL', 'https');
    vi.stubEnv('GIT_CONFIG_COUNT', '2');
    vi.stubEnv('GIT_CONFIG_KEY_0', 'core.sshCommand');
    vi.stubEnv('GIT_CONFIG_VALUE_0', 'taken');
    vi.stubEnv('GIT_CONFIG_KEY_1', 'safe.directory');
    vi.stubEnv('GIT_CONFIG_VALUE_1', '/srv/shared');
    const seen = (await output(folder, 'anything')).split('\n');
    const kept = Object.entries(safer).map(([name, value]) => `${name}=${value}`);
    expect(seen).toEqual(expect.arrayContaining([...kept, 'GIT_ALLOW_PROTOCOL=none']));
    expect(seen).toEqual(
      expect.arrayContaining([
        'GIT_CONFIG_COUNT=1',
        'GIT_CONFIG_KEY_0=safe.directory',
        'GIT_CONFIG_VALUE_0=/srv/shared',
      ]),
    );
  });

  it('is not looked for in the folder that it shall run in', async () => {
    const folder = await temporaryProject();
    writeFileSync(path.join(folder, 'git'), '#!/bin/sh\ntouch canary\n', { mode: 0o755 });
    vi.stubEnv('PATH', `.${path.delimiter}${path.delimiter}${process.env['PATH'] ?? ''}`);
    await runGit(folder, ['--version']);
    expect(existsSync(path.join(folder, 'canary'))).toBe(false);
  });

  it('is not started outside of repositories', async () => {
    const folder = await temporaryProject();
    const log = path.join(folder, 'log');
    fakeGit(folder, `echo started > "${log}"`);
    expect(await runGit(folder, ['rev-parse'])).toMatchObject({ ok: false, failure: 'no-repository' });
    expect(existsSync(log)).toBe(false);
  });

  it('is started where the folder really is', async () => {
    const folder = await temporaryProject({ git: true });
    const below = path.join(folder, 'packages', 'shop');
    mkdirSync(below, { recursive: true });
    const link = path.join(await temporaryProject(), 'link');
    symlinkSync(below, link);
    const answer = await runGit(link, ['rev-parse', '--show-prefix']);
    expect(answer.ok && answer.output.toString()).toBe('packages/shop/\n');
  });

  it('is given up when what it started holds its output open', async () => {
    const folder = await temporaryProject({ git: true });
    // It ends when it is asked to; its child does not.
    fakeGit(folder, 'sleep 30 &\nwait');
    const started = Date.now();
    expect(await runGit(folder, ['rev-parse'])).toMatchObject({ ok: false, failure: 'timeout' });
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  it('switches off each hook that is a setting before a ref moves', async () => {
    const folder = await temporaryProject({ git: true });
    await git(folder, 'config', 'hook.a.b=c d.command', 'touch canary');
    await git(folder, 'config', 'hook.a.b=c d.event', 'reference-transaction');
    // What git from 2.54 is told; it is looked at here, because older ones know no such hooks.
    const real = (await promisify(execFile)('which', ['git'])).stdout.trim();
    const log = path.join(folder, 'log');
    fakeGit(folder, `env > "${log}".$$; exec ${real} "$@"`);
    expect(await runGit(folder, ['update-ref', 'refs/x/y', 'HEAD'])).toMatchObject({ ok: true });
    const { stdout } = await promisify(execFile)('sh', ['-c', `cat "${log}".*`]);
    expect(stdout).toContain('GIT_CONFIG_KEY_0=hook.a.b=c d.enabled\n');
    expect(stdout).toContain('=hook.none.enabled\n');
  });
});

describe('a process that can open no more files', () => {
  it('gets an answer from git all the same, and another one later', async () => {
    const folder = await temporaryProject({ git: true });
    const script = path.join(folder, 'exhausted.mts');
    const module = path.resolve(import.meta.dirname, '../../src/platform/git.ts');
    writeFileSync(
      script,
      `import { closeSync, openSync } from 'node:fs';
import { runGit } from ${JSON.stringify(module)};
const open: number[] = [];
try { for (;;) open.push(openSync('/dev/null', 'r')); } catch {}
const answers = [];
for (let free = 0; free < 8; free += 1) {
  const all = await Promise.all([1, 2, 3].map(() => runGit(${JSON.stringify(folder)}, ['rev-parse', 'HEAD'])));
  answers.push(...all.map((one) => (one.ok ? 'ok' : one.failure)));
  closeSync(open.pop()!);
}
for (const one of open) closeSync(one);
answers.push((await runGit(${JSON.stringify(folder)}, ['rev-parse', 'HEAD'])).ok);
console.log(JSON.stringify(answers));`,
    );
    const tsx = path.resolve(import.meta.dirname, '../../node_modules/.bin/tsx');
    const { stdout } = await promisify(execFile)('sh', ['-c', `ulimit -n 64; exec "${tsx}" "${script}"`]);
    const answers = JSON.parse(stdout) as (string | boolean)[];
    expect(answers.slice(0, 3)).toEqual(['exhausted', 'exhausted', 'exhausted']);
    expect(answers.at(-1)).toBe(true);
    expect(answers.filter((one) => one === 'ok' || one === 'exhausted')).toHaveLength(24);
  });
});
