/** A prompt is one declaration: what clients see, its arguments and their completion, and the text it gives. */
import type * as z from 'zod';
import type { Suggestion } from '../../use-cases/records/completion.ts';
import type { Caller, Context } from '../../use-cases/support/context.ts';

/** What a prompt may build on beside the tracker. */
export interface PromptScene {
  context: Context;
  caller: Caller;
  /** Whether this server offers a tool: a prompt names no other. */
  offers: (tool: string) => boolean;
}

export interface Prompt {
  name: string;
  title: string;
  description: string;
  /** The arguments, each described; all arrive as text. */
  input: z.ZodObject<Record<string, z.ZodType>>;
  /** Values for arguments, by name. */
  suggest: Readonly<Record<string, (context: Context, typed: string) => Promise<Suggestion[]>>>;
  /** The one message that the prompt is, as from the user. */
  text(scene: PromptScene, input: never): Promise<string>;
}

/** Ties the types of one declaration together. */
export function definePrompt<Input extends z.ZodObject>(prompt: {
  name: string;
  title: string;
  description: string;
  input: Input;
  suggest?: Prompt['suggest'];
  text(scene: PromptScene, input: z.output<Input>): Promise<string>;
}): Prompt {
  return { suggest: {}, ...prompt };
}

/** Numbered steps without those that do not apply. */
export function steps(...lines: (string | false | undefined)[]): string {
  return lines
    .filter((line) => typeof line === 'string')
    .map((line, index) => `${index + 1}. ${line}`)
    .join('\n');
}
