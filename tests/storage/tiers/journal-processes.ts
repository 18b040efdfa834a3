// Starts journal-child.ts as a process of its own.
import { fileURLToPath } from 'node:url';
import type { JournalName } from '../../../src/storage/contract/journal.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { startProgram, type RunningProgram } from '../../support/child-program.ts';

export interface JournalProcess extends RunningProgram {
  /** What it printed so far after `sign`, line by line; a line that was not finished is left out. */
  lines(sign: '+' | '=' | '!' | '?'): string[];
}

export function startJournalProcess(
  name: JournalName,
  place: string,
  task: 'append' | 'list',
  count = 0,
): JournalProcess {
  const child = fileURLToPath(new URL('journal-child.ts', import.meta.url));
  const program = startProgram([name, place, task, String(count)], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    program: [bundledScript(child)],
  });
  let output = '';
  program.child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const lines = (sign: string) =>
    output
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith(`${sign} `))
      .map((line) => line.slice(2));
  return { ...program, lines };
}
