/**
 * Git's low-level commands, for what the tracker keeps in the project's repository under `refs/worktrail/`.
 * Whoever writes through this uses commands that touch neither index, work tree, branches nor configuration.
 */
import { spawn, spawnSync } from 'node:child_process';
import os from 'node:os';

const GIT_TIMEOUT_MS = 2_000;
/** Git takes its lock files away when it is asked to end; only one that does not listen is killed. */
const GIT_LAST_WORDS_MS = 500;
const ERROR_OUTPUT_MAX_CHARACTERS = 2_000;

/** Nothing of the user's runs, every byte is on the disk before git reports success, and refs keep no log. */
const SETTINGS = [
  `core.hooksPath=${os.devNull}`,
  'core.fsync=all',
  'core.fsyncMethod=fsync',
  'core.logAllRefUpdates=false',
  'gc.auto=0',
  'maintenance.auto=false',
];

export type PlumbingFailure =
  | 'no-git'
  | 'no-repository'
  | 'timeout'
  /** A lock file is in the way: of a git at work, or left behind by one that was killed. */
  | 'locked'
  /** A compare-and-swap of `update-ref` found another value. */
  | 'moved'
  | 'read-only'
  | 'disk-full'
  | 'other';

export type PlumbingResult =
  | { ok: true; output: Buffer }
  /** `reason` is in our words, to go after "Git:"; what git itself said is in `cause`, for the log. */
  | { ok: false; failure: PlumbingFailure; reason: string; cause: Error };

export interface PlumbingOptions {
  /** Standard input; empty by default. */
  input?: string | Buffer;
  /** Added to the environment after every `GIT_*` variable was removed from it. */
  env?: Record<string, string>;
}

/**
 * Runs git in `folder`. Never throws: a failure is an answer. Ended after 2 seconds.
 * @param args the command and its arguments; values that others chose go in `input`, or are checked first, so
 *   that none can be taken for an option
 */
export function runPlumbing(
  folder: string,
  args: readonly string[],
  options: PlumbingOptions = {},
): Promise<PlumbingResult> {
  return new Promise((resolve) => {
    const child = spawn('git', [...globalArguments(), ...args], {
      cwd: folder,
      env: { ...environment(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const output: Buffer[] = [];
    let errors = '';
    let timedOut = false;
    const timers = [
      setTimeout(() => {
        timedOut = true;
        child.kill('SIGTERM');
      }, GIT_TIMEOUT_MS),
      setTimeout(() => child.kill('SIGKILL'), GIT_TIMEOUT_MS + GIT_LAST_WORDS_MS),
    ];
    const settle = (result: PlumbingResult) => {
      timers.forEach(clearTimeout);
      resolve(result);
    };
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (errors.length < ERROR_OUTPUT_MAX_CHARACTERS) errors += chunk;
    });
    // A git that ends without reading its input says why by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', (cause) => settle(failed('no-git', cause)));
    child.once('close', (code) => {
      if (code === 0) return settle({ ok: true, output: Buffer.concat(output) });
      const cause = new Error(`git ${args[0] ?? ''} ended with ${code ?? 'a signal'}: ${errors.trim()}`);
      settle(failed(timedOut ? 'timeout' : classify(errors), cause));
    });
  });
}

/** The same for where an answer is needed at once, and seldom: it blocks, for up to 2 seconds. */
export function runPlumbingNow(folder: string, args: readonly string[]): PlumbingResult {
  const { status, stdout, stderr, error } = spawnSync('git', [...globalArguments(), ...args], {
    cwd: folder,
    env: environment(),
    timeout: GIT_TIMEOUT_MS,
    windowsHide: true,
  });
  if (error !== undefined) {
    return failed((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no-git' : 'timeout', error);
  }
  if (status === 0) return { ok: true, output: stdout };
  const errors = stderr.toString().slice(0, ERROR_OUTPUT_MAX_CHARACTERS);
  const cause = new Error(`git ${args[0] ?? ''} ended with ${status ?? 'a signal'}: ${errors.trim()}`);
  return failed(classify(errors), cause);
}

function globalArguments(): string[] {
  return ['--no-optional-locks', '--no-replace-objects', ...SETTINGS.flatMap((setting) => ['-c', setting])];
}

/** Variables that would redirect git to another repository are removed; it never asks, translates or fetches. */
function environment(): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^GIT_/i.test(name));
  return {
    ...Object.fromEntries(inherited),
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    LC_ALL: 'C',
  };
}

/** What git says on standard error, in the order of looking: an earlier line is the more telling one. */
const MESSAGES: readonly [pattern: RegExp, failure: PlumbingFailure][] = [
  [/No space left on device|Disk quota exceeded|File too large/i, 'disk-full'],
  [/Read-only file system|Permission denied|insufficient permission/i, 'read-only'],
  [/\.lock': File exists|Another git process seems to be running/i, 'locked'],
  [/but expected|reference already exists|unable to resolve reference/i, 'moved'],
  [/not a git repository|dubious ownership|must be run in a work tree/i, 'no-repository'],
];

const REASONS: Record<PlumbingFailure, string> = {
  'no-git': 'git is not installed, or the project folder is not there',
  'no-repository': 'the project is not in a git repository that this user may use',
  timeout: `git did not finish within ${GIT_TIMEOUT_MS / 1000} seconds`,
  locked: 'another git, or one that was killed, holds a lock file in the repository',
  moved: 'other processes kept changing the same ref',
  'read-only': 'the repository is read-only for this user',
  'disk-full': 'the disk is full',
  other: 'git failed in an unexpected way',
};

function classify(errors: string): PlumbingFailure {
  return MESSAGES.find(([pattern]) => pattern.test(errors))?.[1] ?? 'other';
}

function failed(failure: PlumbingFailure, cause: Error): PlumbingResult {
  return { ok: false, failure, reason: REASONS[failure], cause };
}
