/** The only way to standard output, and the way to stderr. Everything that passes is harmless to a terminal. */
import { styleText } from 'node:util';
import { ExitCode } from './exit-codes.ts';
import { answerText, describeAnswer } from '../../use-cases/support/described-answer.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { cutLine, plainLine, visible, visibleJson } from './plain-text.ts';

/**
 * Colour travels inside the text as Unicode noncharacters, and becomes escape sequences only here, after
 * everything else that could be one was replaced: a title cannot bring its own.
 */
const STYLES = { bold: '\ufdd0', dim: '\ufdd1', red: '\ufdd2', green: '\ufdd3', yellow: '\ufdd4' } as const;
const END = '\ufddf';
export type Style = keyof typeof STYLES;

export function paint(style: Style, text: string): string {
  return `${STYLES[style]}${text}${END}`;
}

/** Columns of the terminal; endless when the output goes elsewhere, so that nothing is cut from a file. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Infinity;
}

/** Prints text and ends the line. */
export function print(text: string): void {
  const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
  emit(process.stdout, `${coloured(visible(text), colour)}\n`);
}

/** Prints a value as JSON, with every character that is not seen in its spelling. */
export function printJson(value: unknown): void {
  emit(process.stdout, `${visibleJson(JSON.stringify(value, null, 2))}\n`);
}

/** Writes text as it is, which must be harmless by itself; resolves when more may come. False when nobody reads on. */
export async function stream(text: string): Promise<boolean> {
  const { stdout } = process;
  if (emit(stdout, text)) return true;
  if (!stdout.writable) return false;
  return await new Promise((resolve) => {
    const done = () => {
      stdout.off('drain', done).off('close', done).off('error', done);
      resolve(stdout.writable);
    };
    stdout.on('drain', done).on('close', done).on('error', done);
  });
}

/** Tells a person something beside the result, on stderr. */
export function say(message: string): void {
  emit(process.stderr, `${coloured(visible(message), false)}\n`);
}

/** Of a terminal that does not tell its width. */
const COLUMNS_DEFAULT = 80;
let isForNow = false;

/** Shows one line at the terminal until anything else is printed; an empty one takes it away. Nothing elsewhere. */
export function showForNow(line: string): void {
  if (!process.stderr.isTTY || (line === '' && !isForNow)) return;
  const cut = cutLine(visible(line), (Number(process.stderr.columns) || COLUMNS_DEFAULT) - 1);
  isForNow = false;
  emit(process.stderr, `${CLEAR_LINE}${cut}`);
  isForNow = line !== '';
}

/** Prints an answer as JSON in the form of the tools, or as `render` tells it, with its warnings. */
export function printAnswer<T extends object>(
  answer: Answer<T>,
  asJson: true | undefined,
  render: (data: T) => string,
): void {
  if (asJson === true) {
    printJson(describeAnswer(answer));
    return;
  }
  print(answerText(answer, render));
  for (const { message } of answer.warnings) say(`warning: ${plainLine(message)}`);
}

function coloured(text: string, colour: boolean): string {
  return text.replaceAll(
    /([\ufdd0-\ufdd4])([^\ufdd0-\ufddf]*)\ufddf/g,
    (_all, mark: string, inner: string) => {
      const style = Object.entries(STYLES).find(([, candidate]) => candidate === mark)?.[0] as
        Style | undefined;
      return colour && style !== undefined ? styleText(style, inner) : inner;
    },
  );
}

/** To the beginning of the line, and nothing on it. */
const CLEAR_LINE = '\r\u001b[2K';
const watched = new WeakSet<NodeJS.WriteStream>();

/** A reader that has seen enough (`| head`) is no failure: what it does not take is dropped. */
function emit(stream: NodeJS.WriteStream, text: string): boolean {
  if (!watched.has(stream)) {
    watched.add(stream);
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || stream === process.stderr) return;
      process.exitCode = ExitCode.unavailable;
      say(`worktrail: the output could not be written (${error.code ?? 'unknown reason'})`);
    });
  }
  if (isForNow && stream.isTTY) {
    isForNow = false;
    process.stderr.write(CLEAR_LINE);
  }
  return stream.writable && stream.write(text);
}
