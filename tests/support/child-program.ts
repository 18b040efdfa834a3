// The real program as a child process: started with a clean environment, always ended.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cleanUpLater } from './cleanup.ts';
import { type EnvironmentOverrides, cleanEnvironment } from './environment.ts';

export const builtProgram = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const STOP_PATIENCE_MS = 5_000;

export interface ProgramOptions {
  /** Working directory. Required where the program would otherwise write into the checkout. */
  cwd: string;
  env?: EnvironmentOverrides | undefined;
  /** Node's arguments up to and including the script. Default: the built program. */
  program?: readonly string[] | undefined;
  /** How many files, sockets and pipes it may have open (`ulimit -n`). Default: as many as this process. */
  descriptors?: number | undefined;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningProgram {
  readonly pid: number;
  readonly child: ChildProcessWithoutNullStreams;
  /** Settles when the process ended and its output was read. */
  readonly exited: Promise<Exit>;
  /** Everything written to stderr so far. */
  stderr(): string;
  /** Sends a signal, default SIGKILL; nothing if the process ended already. */
  kill(signal?: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if that has not worked after 5 s. May be called more than once. */
  stop(): Promise<Exit>;
}

/** `dist/cli.js` as arguments for node; fails if it was not built. */
export function defaultProgram(): readonly string[] {
  if (!existsSync(builtProgram)) throw new Error(`${builtProgram} is missing: run npm run build.`);
  return [builtProgram];
}

/** Ended at the end of the test (or file) that started it, if it is still running then. */
export function startProgram(args: readonly string[], options: ProgramOptions): RunningProgram {
  const { descriptors } = options;
  const limited = descriptors === undefined ? [] : ['bash', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`];
  const [command = '', ...line] = [
    ...limited,
    process.execPath,
    ...(options.program ?? defaultProgram()),
    ...args,
  ];
  const child = spawn(command, line, {
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    stdio: 'pipe',
  });
  const { pid } = child;
  if (pid === undefined) {
    child.once('error', () => undefined);
    throw new Error(`The program could not be started in ${options.cwd}.`);
  }

  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  // A program that ends while it is written to is an outcome, which `exited` reports.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  // Node knows the exit and forgets the pid then: this never signals a stranger.
  const kill = (signal: NodeJS.Signals = 'SIGKILL'): void => void child.kill(signal);
  const stop = async (): Promise<Exit> => {
    const impatience = setTimeout(kill, STOP_PATIENCE_MS);
    kill('SIGTERM');
    const exit = await exited;
    clearTimeout(impatience);
    return exit;
  };
  cleanUpLater(async () => void (await stop()));
  return { pid, child, exited, stderr: () => errors, kill, stop };
}
