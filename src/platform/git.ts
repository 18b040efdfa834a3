/**
 * The only way to start git. Whatever a repository's own settings say, it runs no program of theirs, asks nobody and
 * fetches nothing (git-environment.ts). Commands are low-level built-ins that touch neither index nor work tree.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { folderWithGit, whyNoGit } from './git-link.ts';
import { GLOBAL_ARGUMENTS, gitEnvironment, gitProgram } from './git-environment.ts';

const GIT_TIMEOUT_MS = 2_000;
/** Git takes its lock files away when it is asked to end; only one that does not listen is killed. */
const GIT_LAST_WORDS_MS = 500;
const OUTPUT_MAX_BYTES = 256 * 1024 * 1024;
const ERROR_OUTPUT_MAX_CHARACTERS = 2_000;

export type GitFailureKind =
  | 'no-git'
  /** This process or the machine has no room for another program. */
  | 'exhausted'
  | 'no-repository'
  | 'timeout'
  /** A lock file is in the way: of a git at work, or left behind by one that was killed. */
  | 'locked'
  /** A compare-and-swap of `update-ref` found another value. */
  | 'moved'
  | 'read-only'
  | 'disk-full'
  | 'other';

export type GitResult =
  | { ok: true; output: Buffer }
  /** `reason` is in our words, to go after "Git:"; what git itself said is in `cause`, for the log. */
  | { ok: false; failure: GitFailureKind; reason: string; cause: Error };

export interface GitOptions {
  /** Standard input; empty by default. */
  input?: string | Buffer;
  /** Added to git's environment. */
  env?: Record<string, string>;
  /** More settings, as `key=value`. */
  settings?: readonly string[];
}

/**
 * Runs git in `folder`. Never throws: a failure is an answer. Ended after 2 seconds. A repository that the folder's
 * `.git` names and that does not know the folder is none (git-link.ts), nor is one with links out (git-folder.ts).
 * @param args the command and its arguments, without settings before it; values that others chose go in `input`, or
 *   are checked first, so that none can be taken for an option
 */
export async function runGit(
  folder: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<GitResult> {
  const refusal = refusalOf(folder, args);
  if (refusal !== undefined) return refusal;
  if (!MOVES_REFS.has(args[0] ?? '')) return await start(folder, args, gitEnvironment(), options);
  const hooks = await findConfiguredHooks(folder);
  if (!Array.isArray(hooks)) return hooks;
  return await start(folder, args, gitEnvironment(hooks.map((key) => [key, 'false'])), options);
}

/** The same for where an answer is needed at once, and seldom: it blocks. For commands that move no ref. */
export function runGitNow(folder: string, args: readonly string[]): GitResult {
  const refusal = refusalOf(folder, args);
  if (refusal !== undefined) return refusal;
  const { status, stdout, stderr, error } = spawnSync(gitProgram(), [...GLOBAL_ARGUMENTS, ...args], {
    cwd: folder,
    env: gitEnvironment(),
    timeout: GIT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_MAX_BYTES,
    windowsHide: true,
  });
  if (error !== undefined) {
    const isLate = (error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
    return isLate ? failed('timeout', error) : notStarted(error);
  }
  if (status === 0) return { ok: true, output: stdout };
  const errors = stderr.toString('utf8').slice(0, ERROR_OUTPUT_MAX_CHARACTERS);
  return failed(
    classify(errors),
    new Error(`git ${args[0] ?? ''} ended with ${status ?? 'a signal'}: ${errors.trim()}`),
  );
}

/** Without a `.git` git finds nothing: a bare repository is not used. Most commands outside of repositories start none. */
function refusalOf(
  folder: string,
  [command = '', option]: readonly string[],
): (GitResult & { ok: false }) | undefined {
  // They ask no repository.
  if (command === '--version' || (command === 'config' && option === '--global')) return undefined;
  // Git looks from where the folder really is.
  const real = realFolder(folder);
  const isNone = folderWithGit(real) === undefined;
  const reason = isNone ? `there is no .git in ${real} or above it` : whyNoGit(real);
  return reason === undefined ? undefined : failed('no-repository', new Error(reason));
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** Those that run the hook `reference-transaction`. */
const MOVES_REFS = new Set(['update-ref', 'fast-import']);

/**
 * The settings that switch hooks off which are settings themselves: git from 2.54 runs those wherever it is told to
 * look for hooks, and each can be switched off by its own name alone.
 */
async function findConfiguredHooks(folder: string): Promise<string[] | (GitResult & { ok: false })> {
  const args = ['config', '--null', '--name-only', '--get-regexp', '^hook\\.'];
  // One of ours is always there: git ends with an error where it finds none.
  const found = await start(folder, args, gitEnvironment(), { settings: ['hook.none.enabled=false'] });
  if (!found.ok) return found;
  const keys = found.output.toString('utf8').split('\0');
  const names = keys.flatMap((key) => /^hook\.([^]+)\.[^.]+$/.exec(key)?.[1] ?? []);
  return [...new Set(names)].map((name) => `hook.${name}.enabled`);
}

function start(
  folder: string,
  args: readonly string[],
  environment: Record<string, string>,
  { input, env, settings = [] }: GitOptions,
): Promise<GitResult> {
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(gitProgram(), [...GLOBAL_ARGUMENTS, ...settings.flatMap((one) => ['-c', one]), ...args], {
        cwd: folder,
        env: { ...environment, ...env },
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        windowsHide: true,
      });
    } catch (error) {
      return resolve(notStarted(error as NodeJS.ErrnoException));
    }
    const output: Buffer[] = [];
    let bytes = 0;
    let errors = '';
    let timedOut = false;
    const settle = (result: GitResult) => {
      timers.forEach(clearTimeout);
      resolve(result);
    };
    const failedAs = (failure: GitFailureKind, how: string) =>
      settle(failed(failure, new Error(`git ${args[0] ?? ''} ${how}: ${errors.trim()}`)));
    /** Whatever git itself has started may hold its pipes open for longer. */
    const giveUp = (failure: GitFailureKind, how: string) => {
      child.kill('SIGKILL');
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
      failedAs(failure, how);
    };
    const timers = [
      setTimeout(() => {
        timedOut = true;
        child.kill('SIGTERM');
      }, GIT_TIMEOUT_MS),
      setTimeout(() => giveUp('timeout', 'did not end'), GIT_TIMEOUT_MS + GIT_LAST_WORDS_MS),
    ];
    // First of all: where no file can be opened any more there are no pipes, and the error comes later.
    child.once('error', (error) => settle(notStarted(error)));
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_MAX_BYTES) giveUp('other', 'answered too much');
      else output.push(chunk);
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (errors.length < ERROR_OUTPUT_MAX_CHARACTERS) errors += chunk;
    });
    // A git that ends without reading its input says why by its exit code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    child.once('close', (code) => {
      if (code === 0) return settle({ ok: true, output: Buffer.concat(output) });
      failedAs(timedOut ? 'timeout' : classify(errors), `ended with ${code ?? 'a signal'}`);
    });
  });
}

/** What git says on standard error, in the order of looking: an earlier line is the more telling one. */
const MESSAGES: readonly [pattern: RegExp, failure: GitFailureKind][] = [
  [/No space left on device|Disk quota exceeded|File too large/i, 'disk-full'],
  [/Read-only file system|Permission denied|insufficient permission/i, 'read-only'],
  [/\.lock': File exists|Another git process seems to be running/i, 'locked'],
  [/but expected|reference already exists|unable to resolve reference/i, 'moved'],
  [
    /not a git repository|dubious ownership|must be run in a work tree|cannot use bare repository/i,
    'no-repository',
  ],
];

const REASONS: Record<GitFailureKind, string> = {
  'no-git': 'git is not installed, or the project folder is not there',
  exhausted: 'too many files or programs are open to start git',
  'no-repository': 'the project is not in a git repository that this user may use',
  timeout: `git did not finish within ${GIT_TIMEOUT_MS / 1000} seconds`,
  locked: 'another git, or one that was killed, holds a lock file in the repository',
  moved: 'other processes kept changing the same ref',
  'read-only': 'the repository is read-only for this user',
  'disk-full': 'the disk is full',
  other: 'git failed in an unexpected way',
};

const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

function notStarted(cause: NodeJS.ErrnoException): GitResult & { ok: false } {
  return failed(EXHAUSTED.has(cause.code ?? '') ? 'exhausted' : 'no-git', cause);
}

function classify(errors: string): GitFailureKind {
  return MESSAGES.find(([pattern]) => pattern.test(errors))?.[1] ?? 'other';
}

function failed(failure: GitFailureKind, cause: Error): GitResult & { ok: false } {
  return { ok: false, failure, reason: REASONS[failure], cause };
}
