// One command of the built program inside of this process: the same bundle with modules of its own each time, without
// the start of Node.js, which is most of what a command costs. Signals, pipes, terminals and two commands at once need
// a process: `runCli` in program.ts.
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Script } from 'node:vm';
import { defaultProgram } from './child-program.ts';
import { cleanEnvironment } from './environment.ts';
import type { CommandResult, RunOptions } from './program.ts';

type Bundle = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: { ended?: Promise<void> } },
  file: string,
  folder: string,
) => void;

const REST_MAX_MS = 60_000;
const REST_LOOK_MS = 2;

let bundle: { run: Bundle; file: string } | undefined;
let last: Promise<unknown> = Promise.resolve();

/** As `runCli`; one after the other, because a process has one working directory, environment and exit code. */
export async function runInProcess(
  args: readonly string[],
  options: Omit<RunOptions, 'program'> & { stdin?: string },
): Promise<CommandResult> {
  const result = last.then(() => run(args, options));
  last = result.catch(() => undefined);
  return await result;
}

async function run(
  args: readonly string[],
  { project, env, stdin = '' }: Parameters<typeof runInProcess>[1],
): Promise<CommandResult> {
  bundle ??= loadBundle();
  const [stdout, stderr] = [new Collected(), new Collected()];
  const restore = pretend({
    ...{ args, stdout, stderr, stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]) },
    ...{ folder: project, environment: cleanEnvironment({ WORKTRAIL_PROJECT: project, ...env }) },
  });
  try {
    const { file } = bundle;
    const module = { exports: {} as { ended?: Promise<void> } };
    const alive = process.getActiveResourcesInfo();
    bundle.run(module.exports, createRequire(file), module, file, path.dirname(file));
    await module.exports.ended;
    await untilAtRest(alive);
    return { code: Number(process.exitCode ?? 0), stdout: stdout.text, stderr: stderr.text };
  } finally {
    restore();
  }
}

/** A process lives until nothing is under way in it, as a snapshot that is taken after a write. */
async function untilAtRest(alive: readonly string[]): Promise<void> {
  const limit = Date.now() + REST_MAX_MS;
  while (isMoreThan(alive) && Date.now() < limit) await sleep(REST_LOOK_MS);
}

function isMoreThan(alive: readonly string[]): boolean {
  const before = [...alive];
  return process.getActiveResourcesInfo().some((name) => {
    const at = before.indexOf(name);
    if (at !== -1) before.splice(at, 1);
    return at === -1 && name !== 'Immediate';
  });
}

function loadBundle(): NonNullable<typeof bundle> {
  const file = path.join(path.dirname(defaultProgram()[0] ?? ''), 'program.js');
  const script = new Script(Module.wrap(readFileSync(file, 'utf8')), { filename: file });
  return { run: script.runInThisContext() as Bundle, file };
}

class Collected extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

interface Surroundings {
  args: readonly string[];
  folder: string;
  environment: Record<string, string>;
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
}

/** Gives the process what a command finds; the result takes it back. */
function pretend({ args, folder, environment, ...streams }: Surroundings): () => void {
  const { argv, exitCode, env } = process;
  const before = { folder: process.cwd(), environment: { ...env }, console: globalThis.console };
  const listeners = process.listeners('uncaughtException');
  const given = Object.entries(streams).map(([name, value]) => {
    const own = Object.getOwnPropertyDescriptor(process, name) ?? {};
    Object.defineProperty(process, name, { value, configurable: true });
    return [name, own] as const;
  });
  process.argv = [...argv.slice(0, 2), ...args];
  process.exitCode = undefined;
  process.chdir(folder);
  replaceEnvironment(environment);
  return () => {
    for (const [name, own] of given) Object.defineProperty(process, name, own);
    for (const listener of process.listeners('uncaughtException'))
      if (!listeners.includes(listener)) process.off('uncaughtException', listener);
    globalThis.console = before.console;
    process.argv = argv;
    process.exitCode = exitCode;
    process.chdir(before.folder);
    replaceEnvironment(before.environment);
  };
}

/** In place: the operating system's functions read the process's own. */
function replaceEnvironment(variables: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(variables, name)) delete process.env[name];
  Object.assign(process.env, variables);
}
