import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runInProcess } from '../support/in-process.ts';
import { git, temporaryProject } from '../support/program.ts';
import { type CommandLine, commandLine } from './command-line.ts';

interface Setting {
  name: string;
  value: unknown;
  origin: string;
}

async function settings(
  worktrail: CommandLine,
  args: string[] = [],
  env = {},
): Promise<Record<string, Setting>> {
  const { code, stdout, stderr } = await worktrail.run(['config', '--json', ...args], env);
  expect(code, stderr).toBe(0);
  const { settings: found } = JSON.parse(stdout) as { settings: Setting[] };
  return Object.fromEntries(found.map((setting) => [setting.name, setting]));
}

const writeConfig = (worktrail: CommandLine, content: unknown) =>
  writeFile(
    path.join(worktrail.project, 'worktrail.config.json'),
    typeof content === 'string' ? content : JSON.stringify(content),
  );

describe('config', () => {
  it('shows every setting with its value and where it came from', async () => {
    const worktrail = await commandLine();
    await writeConfig(worktrail, {
      project: { slug: 'shop' },
      database: { connect_timeout_ms: 50, query_timeout_ms: 60_000 },
      status_file: { enabled: false },
    });
    const found = await settings(worktrail, [], { WORKTRAIL_PORT: '8000', WORKTRAIL_ACTOR: 'Ana' });
    expect(Object.values(found).map(({ name, value, origin }) => [name, value, origin])).toEqual([
      ['project', worktrail.project, 'WORKTRAIL_PROJECT'],
      ['project.slug', 'shop', 'worktrail.config.json'],
      ['actor', 'Ana', 'WORKTRAIL_ACTOR'],
      ['database.url', 'embedded', 'default'],
      ['database.connect_timeout_ms', 50, 'worktrail.config.json'],
      ['database.query_timeout_ms', 60_000, 'worktrail.config.json'],
      ['toolsets', ['core'], 'default'],
      ['http.host', '127.0.0.1', 'default'],
      ['http.port', 8000, 'WORKTRAIL_PORT'],
      ['status_file.enabled', false, 'worktrail.config.json'],
      ['status_file.debounce_ms', 500, 'default'],
      ['fallback.stale_after_minutes', 30, 'default'],
      ['fallback.own_changes_days', 30, 'default'],
      ['fallback.own_changes_mb', 64, 'default'],
      ['limits.items_max', 2_000_000, 'default'],
      ['limits.notes_max', 10_000_000, 'default'],
      ['limits.bytes_max', 100_000_000_000, 'default'],
    ]);
    const table = await worktrail.text('config');
    expect(table).toMatch(/^SETTING +VALUE +FROM\n/);
    expect(table).toMatch(/^project\.slug +shop +worktrail\.config\.json$/m);
  });

  it('takes flags over the environment over the file over the defaults', async () => {
    const worktrail = await commandLine();
    const url = (name: string) => `postgres://127.0.0.1/${name}`;
    const named = async (args: string[], env: Record<string, string>) => {
      const { value, origin } = (await settings(worktrail, args, env))['database.url'] ?? {};
      return [value, origin];
    };
    expect(await named([], {})).toEqual(['embedded', 'default']);
    await writeConfig(worktrail, { database: { url: url('file') } });
    expect(await named([], {})).toEqual([url('file'), 'worktrail.config.json']);
    const general = { DATABASE_URL: url('general') };
    expect(await named([], general)).toEqual([url('general'), 'DATABASE_URL']);
    const both = { ...general, WORKTRAIL_DATABASE_URL: url('own') };
    expect(await named([], both)).toEqual([url('own'), 'WORKTRAIL_DATABASE_URL']);
    expect(await named(['--database', url('flag')], both)).toEqual([url('flag'), '--database']);
    expect(await named(['--database', 'embedded'], both)).toEqual(['embedded', '--database']);
  });

  it('takes empty values and unfilled templates for unset', async () => {
    const worktrail = await commandLine();
    await writeConfig(worktrail, { database: { url: '${DATABASE_URL}' }, http: { port: 7500 } });
    const env = { DATABASE_URL: '${DATABASE_URL}', WORKTRAIL_DATABASE_URL: ' ', WORKTRAIL_PORT: '' };
    const found = await settings(worktrail, [], env);
    expect(found['database.url']).toMatchObject({ value: 'embedded', origin: 'default' });
    expect(found['database.connect_timeout_ms']).toMatchObject({ value: 400, origin: 'default' });
    expect(found['database.query_timeout_ms']).toMatchObject({ value: 800, origin: 'default' });
    expect(found['http.port']).toMatchObject({ value: 7500, origin: 'worktrail.config.json' });
  });

  it('names the person: settings, then git, then the system', async () => {
    const worktrail = await commandLine({ git: true });
    const person = async (env: Record<string, string> = {}) => {
      const { value, origin } = (await settings(worktrail, [], env))['actor'] ?? {};
      return [value, origin];
    };
    const otherwise = "git's user.name, or the system's user";
    expect(await person()).toEqual(['Test Person', otherwise]);
    await writeConfig(worktrail, { actor: 'Ana' });
    expect(await person()).toEqual(['Ana', 'worktrail.config.json']);
    expect(await person({ WORKTRAIL_ACTOR: 'Ben' })).toEqual(['Ben', 'WORKTRAIL_ACTOR']);
    await writeConfig(worktrail, { actor: 'half \ud83d' });
    expect((await worktrail.run(['config'])).stderr).toContain('actor: must be well-formed Unicode');
    await writeConfig(worktrail, {});

    const globally = path.join(worktrail.project, 'gitconfig');
    await writeFile(globally, '[user]\n\tname = Everywhere\n');
    expect(await person({ GIT_CONFIG_GLOBAL: globally })).toEqual(['Test Person', otherwise]);
    await git(worktrail.project, 'config', '--unset', 'user.name');
    expect(await person({ GIT_CONFIG_GLOBAL: globally })).toEqual(['Everywhere', otherwise]);
    const withoutGit = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
    expect(await person(withoutGit)).toEqual([os.userInfo().username, otherwise]);
    expect(await person({ ...withoutGit, PATH: worktrail.project })).toEqual([
      os.userInfo().username,
      otherwise,
    ]);

    const outside = await commandLine();
    const { actor } = await settings(outside, [], { GIT_CONFIG_GLOBAL: globally });
    expect(actor?.value).toBe('Everywhere');
    await writeFile(globally, `[user]\n\tname = "\u2028${'long '.repeat(30)}\\t\\b"\n`);
    expect((await settings(outside, [], { GIT_CONFIG_GLOBAL: globally }))['actor']?.value).toBe(
      'long '.repeat(20).trim(),
    );
  });

  it('never shows a password', async () => {
    const worktrail = await commandLine();
    for (const url of [
      'postgres://ada:s3cret@localhost:5432/team',
      'postgres://ada:s3@cret@localhost/team',
      'postgres://ada@localhost/team?password=s3cret',
    ]) {
      for (const form of [[], ['--json']]) {
        const { stdout, stderr } = await worktrail.run(['config', '--database', url, ...form]);
        expect(stdout).toContain('localhost');
        expect(stdout + stderr).not.toContain('cret');
      }
    }
  });

  it('works on the project of --project, and on the main work tree around the current folder', async () => {
    const elsewhere = await temporaryProject();
    const repository = await temporaryProject({ git: true });
    const linked = `${repository} linked`;
    await git(repository, 'worktree', 'add', '--quiet', '--detach', linked);
    const sub = path.join(linked, 'sub');
    await mkdir(sub);
    const project = async (args: string[]) => {
      const options = { project: sub, env: { WORKTRAIL_PROJECT: undefined } };
      const { stdout } = await runInProcess(['config', '--json', ...args], options);
      return (JSON.parse(stdout) as { settings: Setting[] }).settings[0]?.value;
    };
    expect(await project([])).toBe(repository);
    expect(await project(['--project', elsewhere])).toBe(elsewhere);
    await git(repository, 'worktree', 'remove', '--force', linked);
  });
});

describe('a wrong setting', () => {
  it.each([
    [{ actor: 'a\nb' }, 'actor', 'one line'],
    [{ http: { port: 'x' } }, 'http.port', 'must be a number'],
    [{ http: { host: '0.0.0.0' } }, 'http.host', 'must be one of'],
    [{ toolset: ['core'] }, 'toolset', 'the nearest is "toolsets"'],
    [{ toolsets: ['cor'] }, 'toolsets[0]', 'must be one of "core"'],
    [{ database: { url: 'mysql://x' } }, 'database.url', 'must be a URL such as postgres://'],
    [{ database: { connect_timeout_ms: 49 } }, 'database.connect_timeout_ms', '50'],
    [{ database: { query_timeout_ms: 60_001 } }, 'database.query_timeout_ms', '60000'],
  ])('%j ends with 2 and names file, key and what is allowed', async (content, key, allowed) => {
    const worktrail = await commandLine();
    await writeConfig(worktrail, content);
    for (const command of [['config'], ['list'], ['doctor']]) {
      const { error, message } = await worktrail.failure(2, ...command);
      expect(error).toBe('ValidationError');
      expect(message).toContain(path.join(worktrail.project, 'worktrail.config.json'));
      expect(message).toContain(key);
      expect(message).toContain(allowed);
    }
  });

  it('is told for a file that is not JSON, for a variable and for a flag', async () => {
    const worktrail = await commandLine();
    await writeConfig(worktrail, '{ nope');
    expect((await worktrail.failure(2, 'list')).message).toContain('worktrail.config.json: must be JSON');
    await writeConfig(worktrail, {});
    const { code, stderr } = await worktrail.run(['list'], { WORKTRAIL_TOOLSETS: 'everything' });
    expect(code).toBe(2);
    expect(stderr).toContain('WORKTRAIL_TOOLSETS: must be one of "core"');
    expect((await worktrail.failure(2, 'list', '--project', '/not/there')).message).toContain(
      '--project: must be an existing folder',
    );
  });
});
