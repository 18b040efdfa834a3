// The journal in git beyond the contract of journals: what it must never touch, and repositories in every state.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GitJournal } from '../../../src/storage/journals/git-journal.ts';
import { runGit } from '../../../src/platform/git.ts';
import { encodeEntry } from '../../../src/storage/journals/entry-codec.ts';
import { JournalUnavailable } from '../../../src/storage/contract/journal.ts';
import { git, temporaryProject } from '../../support/temporary-project.ts';
import { DEVICE, idsOf, makeEntries, makeEntry } from './journal-entries.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryProject({ git: true });
});
afterEach(() => vi.unstubAllEnvs());

const refs = async () =>
  (await git(folder, 'for-each-ref', '--format=%(refname)', 'refs/worktrail/')).split('\n').filter(Boolean);

/** Appends, lists and removes with two instances; leaves one entry behind. */
async function use(at: string): Promise<void> {
  const [journal, other] = [new GitJournal(at, DEVICE), new GitJournal(at, DEVICE)];
  const entries = makeEntries(3);
  for (const entry of entries) await journal.append(entry);
  expect(idsOf(await other.list())).toEqual(idsOf(entries));
  await other.remove(idsOf(entries.slice(0, 2)));
  expect(await journal.list()).toEqual(entries.slice(2));
}

/** Everything of the user's that could be disturbed. */
async function stateOfRepository(at: string): Promise<unknown> {
  const gitDir = path.resolve(at, (await git(at, 'rev-parse', '--git-dir')).trim());
  const common = path.resolve(at, (await git(at, 'rev-parse', '--git-common-dir')).trim());
  const read = async (file: string) => (existsSync(file) ? await readFile(file, 'hex') : null);
  const logs = path.join(common, 'logs');
  const reflogs = existsSync(logs) ? (await readdir(logs, { recursive: true })).sort() : [];
  return {
    index: await read(path.join(gitDir, 'index')),
    head: await read(path.join(gitDir, 'HEAD')),
    config: await read(path.join(common, 'config')),
    status: await git(at, 'status', '--porcelain', '--ignored'),
    refs: await git(at, 'for-each-ref', 'refs/heads', 'refs/tags', 'refs/stash', 'refs/notes'),
    reflogs: await Promise.all(
      reflogs.map(async (name) => [name, await read(path.join(logs, name)).catch(() => 'folder')]),
    ),
    stash: await git(at, 'stash', 'list'),
  };
}

describe('the journal in git leaves alone', () => {
  it('index, work tree, branches, reflogs and settings', async () => {
    await git(folder, 'branch', 'other');
    await writeFile(path.join(folder, 'staged.txt'), 'staged\n');
    await git(folder, 'add', 'staged.txt');
    await writeFile(path.join(folder, 'README.md'), 'altered\n');
    await writeFile(path.join(folder, 'untracked.txt'), 'untracked\n');
    // Also where the user keeps a log of every ref.
    await git(folder, 'config', 'core.logAllRefUpdates', 'always');
    const before = await stateOfRepository(folder);
    await use(folder);
    expect(await stateOfRepository(folder)).toEqual(before);
  });

  it('hooks', async () => {
    const hooks = path.join(folder, '.git', 'hooks');
    await mkdir(hooks, { recursive: true });
    const names = [
      'reference-transaction',
      'post-commit',
      'pre-commit',
      'update',
      'post-rewrite',
      'pre-auto-gc',
    ];
    for (const name of names) {
      await writeFile(path.join(hooks, name), `#!/bin/sh\ntouch "${folder}/ran-${name}"\nexit 1\n`);
      await chmod(path.join(hooks, name), 0o755);
    }
    await use(folder);
    expect((await readdir(folder)).filter((name) => name.startsWith('ran-'))).toEqual([]);
  });

  it('the environment of whoever started the program', async () => {
    const elsewhere = await temporaryProject({ git: true });
    vi.stubEnv('GIT_DIR', path.join(elsewhere, '.git'));
    vi.stubEnv('GIT_WORK_TREE', elsewhere);
    vi.stubEnv('GIT_INDEX_FILE', path.join(elsewhere, 'an-index'));
    vi.stubEnv('GIT_OBJECT_DIRECTORY', path.join(elsewhere, 'objects'));
    vi.stubEnv('GIT_COMMITTER_NAME', '');
    await use(folder);
    expect(await refs()).toHaveLength(1);
    expect(await git(elsewhere, 'for-each-ref', 'refs/worktrail/')).toBe('');
  });
});

describe('the journal in git works in', () => {
  it('a repository without commits', async () => {
    folder = await temporaryProject();
    await git(folder, 'init', '--quiet');
    const before = await stateOfRepository(folder);
    await use(folder);
    expect(await stateOfRepository(folder)).toEqual(before);
  });

  it('a repository with a detached head', async () => {
    await git(folder, 'checkout', '--quiet', '--detach');
    const before = await stateOfRepository(folder);
    await use(folder);
    expect(await stateOfRepository(folder)).toEqual(before);
  });

  it('a linked work tree, where it shares the entries of the main one', async () => {
    const linked = path.join(await temporaryProject(), 'linked');
    await git(folder, 'worktree', 'add', '--quiet', linked);
    const before = await stateOfRepository(linked);
    await use(linked);
    expect(await stateOfRepository(linked)).toEqual(before);
    const entries = await new GitJournal(linked, DEVICE).list();
    expect(await new GitJournal(folder, DEVICE).list()).toEqual(entries);
    expect(entries).toHaveLength(1);
  });

  it('a SHA-256 repository', async () => {
    folder = await temporaryProject();
    await git(folder, 'init', '--quiet', '--object-format=sha256');
    await use(folder);
    expect(await git(folder, 'for-each-ref', '--format=%(objectname)')).toMatch(/^[0-9a-f]{64}\n$/);
  });

  it('a repository whose refs and objects were packed', async () => {
    const journal = new GitJournal(folder, DEVICE);
    const entries = makeEntries(4);
    for (const entry of entries.slice(0, 3)) await journal.append(entry);
    await git(folder, 'pack-refs', '--all', '--prune');
    await git(folder, 'gc', '--quiet', '--prune=now');
    await journal.append(entries[3] ?? makeEntry());
    await journal.remove([entries[0]?.id ?? '']);
    expect(idsOf(await new GitJournal(folder, DEVICE).list())).toEqual(idsOf(entries.slice(1)));
  });

  it('a repository with commit signing, odd encodings and its own attributes', async () => {
    for (const [name, value] of [
      ['commit.gpgsign', 'true'],
      ['gpg.program', '/bin/false'],
      ['i18n.commitEncoding', 'latin1'],
      ['core.autocrlf', 'true'],
      ['core.hooksPath', '/nowhere'],
      ['core.precomposeUnicode', 'true'],
    ] as const) {
      await git(folder, 'config', name, value);
    }
    await writeFile(path.join(folder, '.gitattributes'), '* text eol=crlf ident filter=missing\n');
    await use(folder);
    expect(await refs()).toHaveLength(1);
  });
});

describe('the journal in git is unavailable', () => {
  it.each(['append', 'list', 'remove', 'fingerprint'] as const)(
    'for %s outside of a repository',
    async (method) => {
      const outside = await temporaryProject();
      const journal = new GitJournal(outside, DEVICE);
      const call = {
        append: () => journal.append(makeEntry()),
        list: () => journal.list(),
        remove: () => journal.remove(['some-id']),
        fingerprint: () => journal.fingerprint(),
      }[method]();
      await expect(call).rejects.toThrow(JournalUnavailable);
      await expect(call).rejects.toThrow('not in a git repository');
    },
  );

  it('without git', async () => {
    vi.stubEnv('PATH', '/nowhere');
    await expect(new GitJournal(folder, DEVICE).append(makeEntry())).rejects.toThrow('git is not installed');
  });

  it('when the project folder is gone', async () => {
    const journal = new GitJournal(path.join(folder, 'gone'), DEVICE);
    await expect(journal.list()).rejects.toThrow(JournalUnavailable);
  });

  it('to names that git could take for something else', () => {
    for (const name of ['--force', '../../heads', 'a/b', 'a b', '', 'a.lock']) {
      expect(() => new GitJournal(folder, name)).toThrow(TypeError);
      expect(() => new GitJournal(folder, DEVICE, { process: name })).toThrow(TypeError);
    }
  });
});

describe('a git that was killed', () => {
  const lockOf = (ref: string) => path.join(folder, '.git', `${ref}.lock`);

  it('may leave a lock behind: later appends go to another ref', async () => {
    const journal = new GitJournal(folder, DEVICE);
    const entries = makeEntries(3);
    await journal.append(entries[0] ?? makeEntry());
    const [ref = ''] = await refs();
    await writeFile(lockOf(ref), '');
    await journal.append(entries[1] ?? makeEntry());
    await journal.append(entries[2] ?? makeEntry());
    expect(await refs()).toHaveLength(2);
    expect(idsOf(await journal.list())).toEqual(idsOf(entries));
    expect(await readFile(lockOf(ref), 'utf8')).toBe('');
  });

  it('may leave a lock behind: removing waits until nobody can be holding it', async () => {
    const journal = new GitJournal(folder, DEVICE);
    const entry = makeEntry();
    await journal.append(entry);
    const [ref = ''] = await refs();
    await writeFile(lockOf(ref), '');
    await expect(journal.remove([entry.id])).rejects.toThrow('lock file');
    expect(await journal.list()).toEqual([entry]);
    const longAgo = new Date(Date.now() - 60 * 60_000);
    await utimes(lockOf(ref), longAgo, longAgo);
    await journal.remove([entry.id]);
    expect(await journal.list()).toEqual([]);
  });

  it('or one that hangs, is ended after two seconds', async () => {
    const fake = path.join(folder, 'bin');
    await mkdir(fake);
    await writeFile(path.join(fake, 'git'), '#!/bin/sh\nexec sleep 60\n');
    await chmod(path.join(fake, 'git'), 0o755);
    vi.stubEnv('PATH', `${fake}${path.delimiter}${process.env['PATH'] ?? ''}`);
    const started = Date.now();
    const result = await runGit(folder, ['for-each-ref']);
    expect(result).toMatchObject({ ok: false, failure: 'timeout' });
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});

describe('a damaged object', () => {
  let journal: GitJournal;
  const fileOf = (id: string) => path.join(folder, '.git', 'objects', id.slice(0, 2), id.slice(2));
  beforeEach(() => {
    journal = new GitJournal(folder, DEVICE);
  });

  it.each(['missing', 'garbage', 'replaced by an altered entry'])(
    'is reported and left where it is: an entry that is %s',
    async (how) => {
      const [bad, good, later] = [makeEntry(), makeEntry(), makeEntry()];
      for (const entry of [bad, good]) await journal.append(entry);
      const [ref = ''] = await refs();
      const blob = (await git(folder, 'rev-parse', `${ref}:${bad.id}.json`)).trim();
      if (how === 'replaced by an altered entry') {
        const altered = encodeEntry(bad).replace('Write it down', 'Write it here');
        await writeFile(path.join(folder, 'altered'), altered);
        const other = (await git(folder, 'hash-object', '-w', 'altered')).trim();
        await chmod(fileOf(blob), 0o644);
        await writeFile(fileOf(blob), await readFile(fileOf(other)));
      } else {
        await chmod(fileOf(blob), 0o644);
        await (how === 'missing' ? rm(fileOf(blob)) : writeFile(fileOf(blob), 'garbage'));
      }
      const reader = new GitJournal(folder, DEVICE);
      expect(await reader.list()).toEqual([good]);
      expect(reader.damage()).toHaveLength(1);
      expect(reader.damage()[0]).toContain(bad.id);
      await journal.append(later);
      await journal.remove([good.id]);
      expect(await journal.list()).toEqual([later]);
      expect(await git(folder, 'ls-tree', '--name-only', ref)).toContain(bad.id);
      await journal.remove([bad.id, later.id]);
      expect(await journal.list()).toEqual([]);
      expect(journal.damage()).toEqual([]);
    },
  );

  it.each(['^{commit}', '^{tree}'])('is reported and left where it is: the %s of a ref', async (kind) => {
    const [bad, good, later] = [makeEntry(), makeEntry(), makeEntry()];
    await journal.append(bad);
    const [ref = ''] = await refs();
    const object = (await git(folder, 'rev-parse', `${ref}${kind}`)).trim();
    await rm(fileOf(object));
    const other = new GitJournal(folder, DEVICE);
    await other.append(good);
    expect(await other.list()).toEqual([good]);
    expect(other.damage().join(' ')).toContain(ref);
    // The process that wrote it may know still what was there.
    await journal.append(later);
    expect(idsOf(await other.list())).toEqual(expect.arrayContaining(idsOf([good, later])));
    await other.remove([good.id]);
    expect(idsOf(await other.list())).not.toContain(good.id);
  });
});

it('lets go of removed entries: nothing leads to their objects any more', async () => {
  const journal = new GitJournal(folder, DEVICE);
  const entries = makeEntries(3);
  for (const entry of entries) await journal.append(entry);
  await journal.remove(idsOf(entries.slice(0, 2)));
  const [ref = ''] = await refs();
  expect((await git(folder, 'rev-list', '--count', ref)).trim()).toBe('1');
  await git(folder, 'gc', '--quiet', '--prune=now');
  expect(await journal.list()).toEqual(entries.slice(2));
  await journal.remove(idsOf(entries));
  expect(await refs()).toEqual([]);
});

describe('its fingerprint', () => {
  it('is another one as soon as anybody changed the journal, packed its refs or emptied it', async () => {
    const linked = path.join(await temporaryProject(), 'linked');
    await git(folder, 'worktree', 'add', '--quiet', linked);
    const [journal, other] = [new GitJournal(linked, DEVICE), new GitJournal(folder, DEVICE)];
    expect(await journal.fingerprint()).toBe('');
    const seen = new Set(['']);
    const entries = makeEntries(3);
    for (const entry of entries) {
      await other.append(entry);
      seen.add(await journal.fingerprint());
    }
    expect(seen.size).toBe(4);
    const before = await journal.fingerprint();
    await git(folder, 'pack-refs', '--all');
    expect(await journal.fingerprint()).toBe(before);
    await other.remove(idsOf(entries));
    expect(await journal.fingerprint()).toBe('');
  });

  describe('is of the repository that git uses', () => {
    const isNoticedIn = async (at: string, meanwhile: () => Promise<unknown> = () => Promise.resolve()) => {
      const [journal, other] = [new GitJournal(at, DEVICE), new GitJournal(at, DEVICE)];
      const before = await journal.fingerprint();
      await meanwhile();
      await journal.fingerprint();
      await other.append(makeEntry());
      expect(await journal.fingerprint()).not.toBe(before);
    };

    it('where the way to the project leads through a link in another one', async () => {
      const inside = path.join(folder, 'inside');
      await mkdir(inside);
      const link = path.join(await temporaryProject({ git: true }), 'link');
      await symlink(inside, link);
      await isNoticedIn(link);
    });

    it('where a folder named .git is none', async () => {
      const inside = path.join(folder, 'inside');
      await mkdir(path.join(inside, '.git'), { recursive: true });
      await isNoticedIn(inside);
    });

    it('where a nearer one is made meanwhile', async () => {
      const inside = path.join(folder, 'inside');
      await mkdir(inside);
      await isNoticedIn(inside, () => git(inside, 'init', '--quiet'));
    });
  });

  it('starts no git while nothing has changed', async () => {
    const journal = new GitJournal(folder, DEVICE);
    await journal.append(makeEntry());
    const before = await journal.fingerprint();
    vi.stubEnv('PATH', '');
    expect(await journal.fingerprint()).toBe(before);
    await expect(new GitJournal(folder, DEVICE).fingerprint()).rejects.toThrow();
  });
});
