/** Asks a person at a terminal for a yes; the question goes to stderr, beside the result. */
import { createInterface } from 'node:readline/promises';

export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** False for anything but a yes, also where the person leaves without an answer (Ctrl+C, Ctrl+D). */
export async function isConfirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const left = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    return /^\s*y(es)?\s*$/i.test(await Promise.race([terminal.question(`${question} [y/N] `), left]));
  } finally {
    terminal.close();
  }
}
