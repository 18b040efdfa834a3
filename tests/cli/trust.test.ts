// What comes with a repository is a proposal: nothing is sent to the database that its file names, and its file is not
// read at any price, until the person agreed.
import { execFile } from 'node:child_process';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { agreeToDatabase } from '../support/agreement.ts';
import { fakePostgres } from '../support/fake-postgres.ts';
import { attachPostgres, postgresSkipReason } from '../support/postgres.ts';
import { git, spawnServe, temporaryProject } from '../support/program.ts';
import { type CommandLine, commandLine } from './command-line.ts';

const SECRETS = { PGPASSWORD: 's3cret-of-the-company', PGUSER: 'alice', PGHOST: 'db.company' };
const CONFIG = 'worktrail.config.json';

const propose = (worktrail: { project: string }, content: object) =>
  writeFile(path.join(worktrail.project, CONFIG), JSON.stringify(content));

/** A user's folder of its own, so that a test sees everything in it. */
async function ownHome(): Promise<Record<string, string>> {
  return { WORKTRAIL_HOME: path.join(await temporaryProject(), 'home') };
}

async function greetAndCall(worktrail: CommandLine, env: Record<string, string>) {
  const server = spawnServe({ project: worktrail.project, env });
  cleanUpLater(async () => void (await server.program.stop()));
  const call = async (name: string, args: object = {}) => {
    const answer = await server.request('tools/call', { name, arguments: args });
    const { content, isError = false } = answer['result'] as {
      content: { text: string }[];
      isError?: boolean;
    };
    return { isError, text: content[0]?.text ?? '' };
  };
  const clientInfo = { name: 'a client', version: '1' };
  await server.request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  return { server, call };
}

describe('a database that worktrail.config.json names', () => {
  it('is not contacted before the person agreed, by nothing that starts', async () => {
    const worktrail = await commandLine({ git: true });
    const fake = await fakePostgres();
    await propose(worktrail, { database: { url: fake.url('evil') } });
    const env = { ...SECRETS, ...(await ownHome()) };
    for (const command of [
      ['list'],
      ['create', 'A task'],
      ['status'],
      ['backup'],
      ['migrate'],
      ['doctor', '--fix'],
      ['serve', '--http', '--port', '0'],
    ]) {
      const { code, stdout, stderr } = await worktrail.run(command, env);
      expect({ command, code, stdout }).toEqual({ command, code: 3, stdout: '' });
      expect(stderr).toContain(`run \`worktrail trust\` in ${worktrail.project}`);
    }
    const doctor = await worktrail.run(['doctor'], env);
    expect(doctor.code).toBe(3);
    expect(doctor.stdout).toMatch(/problem +trust +.*nobody has agreed to it/);
    for (const command of [['config'], ['jobs'], ['--help']]) {
      expect((await worktrail.run(command, env)).code).toBe(0);
    }

    const { server, call } = await greetAndCall(worktrail, env);
    const { tools } = (await server.request('tools/list'))['result'] as { tools: unknown[] };
    expect(tools.length).toBeGreaterThan(5);
    const answer = await call('create_work_item', { title: 'A task', item_type: 'task' });
    expect(answer.isError).toBe(true);
    expect(answer.text).toContain('worktrail trust');
    await server.program.stop();

    expect(fake.connections).toBe(0);
    expect(fake.received()).toBe('');
    // Nor is an embedded tracker begun in its place.
    expect(await readdir(worktrail.project)).not.toContain('.worktrail');
  });

  it('is given no secret of the environment after the person agreed', async () => {
    const worktrail = await commandLine({ git: true });
    const fake = await fakePostgres();
    await propose(worktrail, { database: { url: fake.url('evil') } });
    const env = { ...SECRETS, ...(await ownHome()) };
    await agreeToDatabase(worktrail.project, env);
    await worktrail.run(['list'], env);
    await worktrail.run(['doctor'], env);
    expect(fake.connections).toBeGreaterThan(1);
    expect(new Set(fake.passwords)).toEqual(new Set(['']));
    expect(fake.received()).not.toMatch(/s3cret|alice|company/);
  });

  it('has to be agreed to again when address, name or folder is another', async () => {
    const worktrail = await commandLine();
    const env = await ownHome();
    const url = 'postgres://ada:own@127.0.0.1:1/team';
    const isAgreed = async (content: object, project = worktrail.project) => {
      await propose({ project }, content);
      const { stderr } = await worktrail.run(['list', '--project', project], env);
      return !stderr.includes('worktrail trust');
    };
    await propose(worktrail, { database: { url } });
    await agreeToDatabase(worktrail.project, env);
    expect(await isAgreed({ database: { url } })).toBe(true);
    expect(await isAgreed({ database: { url: url.replace(':own', ':changed') } })).toBe(true);
    for (const other of ['ada2:own@', '127.0.0.2', ':2/', '/team2', '/team?sslmode=disable']) {
      const part = { 'ada2:own@': 'ada:own@', '127.0.0.2': '127.0.0.1', ':2/': ':1/', '/team2': '/team' }[
        other
      ];
      const changed = url.replace(part ?? '/team', other);
      expect(changed).not.toBe(url);
      expect(await isAgreed({ database: { url: changed } }), changed).toBe(false);
    }
    expect(await isAgreed({ database: { url }, project: { slug: 'payments' } })).toBe(false);
    expect(await isAgreed({ database: { url } }, await temporaryProject())).toBe(false);

    const { stdout } = await worktrail.run(['trust', '--list'], env);
    expect(stdout).toContain('postgres://ada@127.0.0.1:1/team');
    expect(stdout).not.toContain('own');
    await worktrail.run(['trust', '--revoke'], env);
    expect(await isAgreed({ database: { url } })).toBe(false);
  });

  it('is agreed to at a terminal or with --yes, in a file for this user alone', async () => {
    const worktrail = await commandLine();
    const env = await ownHome();
    await propose(worktrail, { database: { url: 'postgres://ada:s3cret@db.example.org/team' } });
    const unasked = await worktrail.run(['trust'], env);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain('postgres://ada@db.example.org/team');
    expect(unasked.stderr).toContain('encrypted, its certificate not checked');
    expect(unasked.stderr).not.toContain('s3cret');
    // Many at once.
    await Promise.all([1, 2, 3, 4].map(() => agreeToDatabase(worktrail.project, env)));
    const folder = path.join(env['WORKTRAIL_HOME'] ?? '', 'agreements');
    const names = await readdir(folder);
    expect(names).toHaveLength(1);
    expect((await stat(path.join(folder, names[0] ?? ''))).mode & 0o777).toBe(0o600);
    const again = await worktrail.run(['trust'], env);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('agreed to before')]);
    const given = await worktrail.run(['trust', '--database', 'postgres://h/d'], env);
    expect([given.code, given.stdout]).toEqual([0, expect.stringContaining('--database')]);
  });
});

describeUnless(postgresSkipReason(), 'a server that runs while the person agrees', () => {
  it('answers the next call', async () => {
    const worktrail = await commandLine({ git: true });
    const postgres = attachPostgres(inject('postgresUrl'));
    const url = await postgres.createDatabase();
    cleanUpLater(() => postgres.stop());
    const env = await ownHome();
    await propose(worktrail, { database: { url } });
    const { call } = await greetAndCall(worktrail, env);
    const task = { title: 'A task', item_type: 'task' };
    expect((await call('create_work_item', task)).text).toContain('worktrail trust');
    await agreeToDatabase(worktrail.project, env);
    expect(await call('create_work_item', task)).toMatchObject({ isError: false });
  });

  it('joins a project by name in a shallow clone once the person said so', async () => {
    const worktrail = await commandLine({ git: true });
    const postgres = attachPostgres(inject('postgresUrl'));
    const DATABASE_URL = await postgres.createDatabase();
    cleanUpLater(() => postgres.stop());
    const env = { ...(await ownHome()), DATABASE_URL };
    await propose(worktrail, { project: { slug: 'payments' } });
    await git(worktrail.project, 'add', '.');
    await git(worktrail.project, 'commit', '--quiet', '--message', 'Name the project');
    expect((await worktrail.run(['create', 'Rotate the key'], env)).code).toBe(0);
    const project = path.join(await temporaryProject(), 'clone');
    await git(worktrail.project, 'clone', '--quiet', '--depth', '1', `file://${worktrail.project}`, project);
    const inClone = (args: string[], more = {}) =>
      worktrail.run([...args, '--project', project], { ...env, ...more });
    for (const command of [['list'], ['create', 'Forged'], ['doctor']]) {
      const { code, stdout, stderr } = await inClone(command);
      expect(code).toBe(3);
      expect(stdout + stderr).toContain('worktrail trust --project-slug');
      expect(stdout).not.toContain('Rotate');
    }
    // The same file names the project; the variable is the person's word.
    expect((await inClone(['list'], { WORKTRAIL_PROJECT_SLUG: 'payments', ...(await ownHome()) })).code).toBe(
      0,
    );
    expect((await inClone(['trust', '--project-slug', 'other', '--yes'])).code).toBe(2);
    expect((await inClone(['trust', '--project-slug', 'payments', '--yes'])).code).toBe(0);
    expect((await inClone(['list'])).stdout).toContain('Rotate the key');
  });
});

describe('worktrail.config.json', () => {
  const file = (worktrail: CommandLine) => path.join(worktrail.project, CONFIG);
  const make: [string, (worktrail: CommandLine) => Promise<unknown>, string][] = [
    ['a pipe', (worktrail) => promisify(execFile)('mkfifo', [file(worktrail)]), 'is not a plain file'],
    ['a folder', (worktrail) => mkdir(file(worktrail)), 'is not a plain file'],
    ['a link to an endless device', (worktrail) => symlink('/dev/zero', file(worktrail)), 'leads out of'],
    ['a link out of the project', (worktrail) => symlink('/etc/passwd', file(worktrail)), 'leads out of'],
    ['a link to nowhere', (worktrail) => symlink('/not/there', file(worktrail)), 'leads nowhere'],
    ['a large file', (worktrail) => writeFile(file(worktrail), ' '.repeat(65 * 1024)), 'bytes'],
  ];

  it.each(make)('that is %s is refused, and named as that', async (_, making, why) => {
    const worktrail = await commandLine();
    await making(worktrail);
    for (const command of ['list', 'doctor', 'trust']) {
      const { message } = await worktrail.failure(2, command);
      expect(message).toContain(CONFIG);
      expect(message).toContain(why);
    }
  });

  it.each([
    ['root:x:0:0', 'must be JSON'],
    ['{"a": 1,\n  s3cret', 'line 2, column 3'],
    [`{"database": {"url": "mysql://root:x@s3cret"}}`, 'must be a URL'],
    [`{"toolsets": ["s3cret"]}`, 'toolsets[0]: must be one of'],
    [`{"a":`.repeat(10_000), 'must be JSON'],
    [`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 'a: is not a setting'],
  ])('that holds %.30s is refused without quoting it', async (content, why) => {
    const worktrail = await commandLine();
    await writeFile(file(worktrail), content);
    const body = await worktrail.failure(2, 'config');
    expect(body.message).toContain(why);
    expect(JSON.stringify(body)).not.toMatch(/s3cret|root:x/);
  });
});
