// The three ways in which people and clients run Worktrail: `serve` over stdio, `serve --http`, and
// one command at a time. All of them run dist/cli.js unless a test names another program.
import { createInterface } from 'node:readline';
import type { EnvironmentOverrides } from './environment.ts';
import { type RunningProgram, startProgram } from './child-program.ts';
import { JsonRpcProcess } from './json-rpc-process.ts';

export { git, temporaryProject } from './temporary-project.ts';

export interface RunOptions {
  /** The project folder, also the working directory: see `temporaryProject`. */
  project: string;
  env?: EnvironmentOverrides;
  /** Node's arguments up to and including the script. Default: the built program. */
  program?: readonly string[];
}

export interface ServeOptions extends RunOptions {
  /** More arguments for `serve`. */
  args?: readonly string[];
  /** See ProgramOptions. */
  descriptors?: number;
}

export interface HttpProgram extends RunningProgram {
  /** Without a slash at the end. */
  url: string;
}

export interface CommandResult {
  /** null if a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

const LISTEN_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 150_000;

/** A stdio server that nobody has spoken to yet. */
export function spawnServe({ project, args = [], env, program }: ServeOptions): JsonRpcProcess {
  return new JsonRpcProcess(
    startProgram(['serve', '--project', project, ...args], { cwd: project, env, program }),
  );
}

/** Resolves once the server says on stderr where it listens. */
export async function startHttp({
  project,
  args = [],
  env,
  program,
  descriptors,
}: ServeOptions): Promise<HttpProgram> {
  const command = ['serve', '--http', '--port', '0', '--project', project, ...args];
  const running = startProgram(command, { cwd: project, env, program, descriptors });
  const url = await announcedUrl(running);
  return { ...running, url };
}

/** Runs one command to its end (150 s at most) with the project given by WORKTRAIL_PROJECT. */
export async function runCli(
  args: readonly string[],
  { project, env, program, stdin = '' }: RunOptions & { stdin?: string },
): Promise<CommandResult> {
  const running = startProgram(args, { cwd: project, env: { WORKTRAIL_PROJECT: project, ...env }, program });
  let stdout = '';
  running.child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  running.child.stdin.end(stdin);
  let timedOut = false;
  const impatience = setTimeout(() => {
    timedOut = true;
    running.kill();
  }, COMMAND_TIMEOUT_MS);
  const { code } = await running.exited;
  clearTimeout(impatience);
  if (timedOut) {
    throw new Error(
      `worktrail ${args.join(' ')} ran for over ${COMMAND_TIMEOUT_MS} ms.\n${running.stderr()}`,
    );
  }
  return { code, stdout, stderr: running.stderr() };
}

async function announcedUrl(running: RunningProgram): Promise<string> {
  // stdout is not part of the protocol here, but a full pipe would stop the server.
  running.child.stdout.resume();
  try {
    return await new Promise<string>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`The server ${why}.\n${running.stderr()}`));
      const impatience = setTimeout(fail, LISTEN_TIMEOUT_MS, `did not listen after ${LISTEN_TIMEOUT_MS} ms`);
      createInterface({ input: running.child.stderr }).on('line', (line) => {
        const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
        if (url === undefined) return;
        clearTimeout(impatience);
        resolve(url.replace(/\/$/, ''));
      });
      void running.exited.then(({ code, signal }) => {
        clearTimeout(impatience);
        fail(`ended (${signal ?? code}) before it listened`);
      });
    });
  } catch (error) {
    await running.stop();
    throw error;
  }
}
