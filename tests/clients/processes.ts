// Programs that are started with an environment of their own and ended with all that they started, also when the run is stopped.
import { spawn, type ChildProcess } from 'node:child_process';

export interface Ended {
  /** Null where a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
  isLate: boolean;
}

export interface Place {
  cwd: string;
  env: Record<string, string>;
}

const running = new Set<ChildProcess>();

/** Starts a program as the first of a group, so that the group can be ended. */
export function start(command: string, args: readonly string[], { cwd, env }: Place): ChildProcess {
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('error', () => running.delete(child));
  child.once('exit', () => {
    endGroup(child);
    running.delete(child);
  });
  return child;
}

/** Runs a program to its end, or ends it. */
export async function run(
  command: string,
  args: readonly string[],
  place: Place,
  timeoutMs: number,
): Promise<Ended> {
  const child = start(command, args, place);
  let stdout = '';
  let stderr = '';
  let isLate = false;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const impatience = setTimeout(() => {
    isLate = true;
    endGroup(child);
  }, timeoutMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { code, stdout, stderr, isLate };
  } finally {
    clearTimeout(impatience);
  }
}

/** Ends all that is still running. */
export function endAll(): void {
  for (const child of running) endGroup(child);
}

/** The process and those that it started. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}
