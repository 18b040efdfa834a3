// The built program in one project, as a person or a script would call it.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import type { ErrorBody } from '../../src/domain/errors.ts';
import type { EnvironmentOverrides } from '../support/environment.ts';
import { runInProcess } from '../support/in-process.ts';
import type { CommandResult } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

export interface CommandLine {
  project: string;
  run(args: readonly string[], env?: EnvironmentOverrides): Promise<CommandResult>;
  /** Runs a command that must succeed; answers what it prints. */
  text(...args: string[]): Promise<string>;
  /** The same with --json. */
  json<T = Record<string, unknown>>(...args: string[]): Promise<T>;
  /** Runs a command that must fail with `code`; answers the JSON error, whose readable form is checked too. */
  failure(code: number, ...args: string[]): Promise<ErrorBody>;
}

export async function commandLine(options: { git?: boolean } = {}): Promise<CommandLine> {
  const project = await temporaryProject(options);
  const run = (args: readonly string[], env?: EnvironmentOverrides) =>
    runInProcess(args, { project, ...(env !== undefined && { env }) });
  const succeed = async (args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(args);
    expect(code, `${args.join(' ')}\n${stderr}`).toBe(0);
    return stdout;
  };
  return {
    project,
    run,
    text: (...args) => succeed(args),
    json: async <T>(...args: string[]) => JSON.parse(await succeed([...args, '--json'])) as T,
    failure: async (code, ...args) => {
      const machine = await run([...args, '--json']);
      expect(machine.code, machine.stderr).toBe(code);
      const body = JSON.parse(machine.stdout) as ErrorBody;
      expect(Object.keys(body)).toEqual(['error', 'message', 'details', 'next']);
      const readable = await run(args);
      expect(readable.code, readable.stderr).toBe(code);
      expect(readable.stdout).toBe('');
      expect(readable.stderr).toContain(body.next);
      return body;
    },
  };
}

/** Every file below a folder with its content, to see that nothing was written. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const contents = await Promise.all(
    files
      .sort()
      .map(async (file) => [path.relative(folder, file), (await readFile(file)).toString('base64')]),
  );
  return Object.fromEntries(contents) as Record<string, string>;
}
