// A `.git` that leads to the repository of another project, and one that never ends.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runGit } from '../../src/platform/git.ts';
import { foreignRepository, mainWorkTree } from '../../src/storage/git/main-work-tree.ts';
import { findRootCommit, readHead } from '../../src/storage/git/repository.ts';
import { runInProcess } from '../support/in-process.ts';
import { git, temporaryProject } from '../support/program.ts';

const other = () => temporaryProject({ git: true });
const isUsed = async (folder: string) => (await runGit(folder, ['rev-parse', 'HEAD'])).ok;

async function expectForeign(folder: string): Promise<void> {
  expect(mainWorkTree(folder)).toBe(folder);
  expect(foreignRepository(folder)).toContain(path.join(folder, '.git'));
  expect(await isUsed(folder)).toBe(false);
}

describe('a .git that leads to another project is not followed:', () => {
  it('as a folder with a commondir', async () => {
    const [folder, victim] = [await other(), await other()];
    writeFileSync(path.join(folder, '.git', 'commondir'), `${path.join(victim, '.git')}\n`);
    await expectForeign(folder);
    expect((await runInProcess(['create', 'An item'], { project: folder })).code).toBe(0);
    expect(await git(victim, 'for-each-ref', 'refs/worktrail')).toBe('');
  });

  it.each(['refs', 'objects', 'refs/heads', 'refs/worktrail', 'objects/ab'])(
    'as a folder whose %s is a link to elsewhere',
    async (name) => {
      const [folder, victim] = [await other(), await other()];
      const part = path.join(folder, '.git', name);
      mkdirSync(path.join(victim, '.git', name), { recursive: true });
      rmSync(part, { recursive: true, force: true });
      symlinkSync(path.join(victim, '.git', name), part);
      await expectForeign(folder);
    },
  );

  it('unless the link stays in it', async () => {
    const folder = await other();
    const heads = path.join(folder, '.git', 'refs', 'heads');
    renameSync(heads, path.join(folder, '.git', 'kept'));
    symlinkSync(path.join('..', 'kept'), heads);
    expect(await isUsed(folder)).toBe(true);
  });

  it('to its repository', async () => {
    const [folder, victim] = [await temporaryProject(), await other()];
    writeFileSync(path.join(folder, '.git'), `gitdir: ${path.join(victim, '.git')}\n`);
    await expectForeign(folder);
    const { code, stderr } = await runInProcess(['create', 'An item'], { project: folder });
    expect(code).toBe(0);
    expect(stderr).toContain('git is not used here');
    expect((await runInProcess(['doctor'], { project: folder })).stdout).toContain('git worktree repair');
    expect(existsSync(path.join(victim, '.worktrail'))).toBe(false);
    expect(await git(victim, 'for-each-ref', 'refs/worktrail')).toBe('');
  });

  it('to one of its linked work trees', async () => {
    const [folder, victim] = [await temporaryProject(), await other()];
    await git(victim, 'worktree', 'add', '--quiet', path.join(await temporaryProject(), 'linked'));
    const linked = path.join(victim, '.git', 'worktrees', 'linked');
    expect(existsSync(linked)).toBe(true);
    writeFileSync(path.join(folder, '.git'), `gitdir: ${linked}\n`);
    await expectForeign(folder);
  });

  it('through files of its own, whose commondir is that of another', async () => {
    const [folder, victim] = [await temporaryProject(), await other()];
    const own = path.join(folder, 'own');
    mkdirSync(own);
    writeFileSync(path.join(folder, '.git'), 'gitdir: own\n');
    writeFileSync(path.join(own, 'commondir'), `${path.join(victim, '.git')}\n`);
    writeFileSync(path.join(own, 'HEAD'), 'ref: refs/heads/main\n');
    // It can name itself, but not be among the work trees that the other repository knows.
    writeFileSync(path.join(own, 'gitdir'), `${path.join(folder, '.git')}\n`);
    await expectForeign(folder);
  });

  it('as a link', async () => {
    const [folder, victim] = [await temporaryProject(), await other()];
    symlinkSync(path.join(victim, '.git'), path.join(folder, '.git'));
    await expectForeign(folder);
  });
});

describe('links in a .git lead no write out of it:', () => {
  /** Makes of `.git/<place>` a link to a new folder, and gives that. */
  async function linkOut(folder: string, place: string): Promise<string> {
    const [outside, link] = [await temporaryProject(), path.join(folder, '.git', place)];
    mkdirSync(path.dirname(link), { recursive: true });
    rmSync(link, { recursive: true, force: true });
    symlinkSync(outside, link);
    return outside;
  }

  it.each([
    ...['refs/worktrail', 'refs/worktrail/journal', 'logs', 'logs/refs', 'objects/pack', 'reftable'],
    // A commit of ours gets one of 256.
    ...['objects/ab', 'fast_import_crash_1'],
  ])('%s', async (place) => {
    const folder = await other();
    const outside = await linkOut(folder, place);
    expect(foreignRepository(folder)).toContain('leads out of the repository');
    expect(await runInProcess(['create', 'An item'], { project: folder })).toMatchObject({ code: 0 });
    expect(readdirSync(outside)).toEqual([]);
  });

  it('a log of ours, which would put a name of the repository into a file that a shell runs', async () => {
    const folder = await other();
    const [profile, log] = [
      path.join(await temporaryProject(), 'profile'),
      path.join(folder, '.git', 'logs', 'refs', 'worktrail', 'snapshot'),
    ];
    writeFileSync(profile, '# honest\n');
    mkdirSync(path.dirname(log), { recursive: true });
    symlinkSync(profile, log);
    await git(folder, 'config', 'user.name', 'a; touch canary #');
    expect(await runInProcess(['create', 'An item'], { project: folder })).toMatchObject({ code: 0 });
    expect(readFileSync(profile, 'utf8')).toBe('# honest\n');
  });

  it('nor make the history of another project the one of this folder', async () => {
    const [folder, victim] = [await temporaryProject(), await other()];
    const commit = (await git(victim, 'rev-parse', 'HEAD')).trim();
    await git(folder, 'init', '--quiet', '--initial-branch=main');
    const own = path.join(folder, '.git');
    writeFileSync(
      path.join(own, 'objects', 'info', 'alternates'),
      `${path.join(victim, '.git', 'objects')}\n`,
    );
    symlinkSync(path.join(victim, '.git', 'refs', 'heads', 'main'), path.join(own, 'refs', 'heads', 'main'));
    expect(await findRootCommit(victim)).toBe(commit);
    expect(await findRootCommit(folder)).toBeNull();
    rmSync(path.join(own, 'refs', 'heads', 'main'));
    writeFileSync(path.join(own, 'commondir'), `${path.join(victim, '.git')}\n`);
    await expectForeign(folder);
    expect(await findRootCommit(folder)).toBeNull();
  });

  it('links that stay inside are left to git', async () => {
    const folder = await other();
    symlinkSync(path.join('refs', 'heads', 'main'), path.join(folder, '.git', 'other'));
    const objects = path.join(folder, '.git', 'objects');
    renameSync(path.join(objects, 'pack'), path.join(folder, '.git', 'packs'));
    symlinkSync(path.join('..', 'packs'), path.join(objects, 'pack'));
    expect(foreignRepository(folder)).toBeUndefined();
    expect(await isUsed(folder)).toBe(true);
  });
});

describe('a .git that git makes is followed:', () => {
  it('of a linked work tree, also with relative paths', async () => {
    const [main, elsewhere] = [await other(), await temporaryProject()];
    const linked = path.join(elsewhere, 'linked');
    await git(main, 'worktree', 'add', '--quiet', linked);
    expect(mainWorkTree(linked)).toBe(main);
    expect(await isUsed(linked)).toBe(true);
    const repository = path.join(main, '.git', 'worktrees', 'linked');
    writeFileSync(path.join(linked, '.git'), `gitdir: ${path.relative(linked, repository)}\n`);
    writeFileSync(
      path.join(repository, 'gitdir'),
      `${path.relative(repository, path.join(linked, '.git'))}\n`,
    );
    expect(mainWorkTree(linked)).toBe(main);
    renameSync(linked, path.join(elsewhere, 'moved'));
    expect(foreignRepository(path.join(elsewhere, 'moved'))).toContain('another folder');
  });

  it('of a submodule, which is a project of its own', async () => {
    const [main, source] = [await other(), await other()];
    await git(main, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', source, 'module');
    const folder = path.join(main, 'module');
    expect(mainWorkTree(folder)).toBe(folder);
    expect(foreignRepository(folder)).toBeUndefined();
    expect(await isUsed(folder)).toBe(true);
  });

  it('of a repository that was put elsewhere', async () => {
    const [folder, elsewhere] = [await temporaryProject(), await temporaryProject()];
    await git(folder, 'init', '--quiet', '--separate-git-dir', path.join(elsewhere, 'kept'));
    expect(foreignRepository(folder)).toBeUndefined();
    expect((await runGit(folder, ['rev-parse', '--git-dir'])).ok).toBe(true);
  });
});

describe('what never ends, or leads out, is not read:', () => {
  it.each(['.git', 'commondir', 'gitdir', 'HEAD', 'config'])('%s as a pipe', async (name) => {
    const folder = await temporaryProject();
    if (name === 'HEAD') mkdirSync(path.join(folder, '.git'));
    else if (name !== '.git') {
      mkdirSync(path.join(folder, 'own'));
      writeFileSync(path.join(folder, '.git'), 'gitdir: own\n');
    }
    const place = name === '.git' ? name : path.join(name === 'HEAD' ? '.git' : 'own', name);
    execFileSync('mkfifo', [path.join(folder, place)]);
    expect(await runInProcess(['create', 'An item'], { project: folder })).toMatchObject({ code: 0 });
    expect((await runInProcess(['list'], { project: folder })).stdout).toContain('An item');
  });

  it('a branch that is named like a path out of the repository', async () => {
    const folder = await other();
    const commit = 'a'.repeat(40);
    writeFileSync(path.join(folder, 'planted'), `${commit}\n`);
    writeFileSync(path.join(folder, '.git', 'HEAD'), 'ref: refs/heads/../../../planted\n');
    expect((await readHead(folder)).commit).not.toBe(commit);
  });
});
