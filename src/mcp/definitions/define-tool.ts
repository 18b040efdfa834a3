/**
 * A tool is one declaration: from it come validation, the JSON Schema that clients see, the contract file and
 * the test of the registry.
 */
import * as z from 'zod';
import { integer } from '../../domain/fields.ts';
import { oneLine } from '../../domain/others-text.ts';
import { READ_TOKENS_MAX, READ_TOKENS_MIN } from '../../domain/limits.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Toolset } from '../../domain/toolsets.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { Caller, Context } from '../../use-cases/support/context.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { fieldsInput } from './list-fields.ts';

export interface Annotations {
  /** The tool changes nothing. */
  readOnlyHint: boolean;
  /** The tool may take away something that was there. */
  destructiveHint: boolean;
  /** Repeating the very same call changes nothing more. */
  idempotentHint: boolean;
  /** The tool reaches beyond the tracker. */
  openWorldHint: boolean;
}

export interface Tool {
  name: string;
  toolset: Exclude<Toolset, 'all'>;
  description: string;
  input: z.ZodObject;
  /** The fields that every good answer has; answers may carry more. */
  output: z.ZodObject;
  annotations: Annotations;
  /** @param onProgress takes how far the work is to the client, where that asked for it */
  run(context: Context, caller: Caller, input: never, onProgress: ReportProgress): Promise<Answer<object>>;
  /**
   * The answer in few words, for clients that show text only.
   * @param maxTokens what the caller asked for; undefined: as much as is useful by default
   */
  text(data: never, maxTokens: number | undefined): string;
}

/** Every tool that only reads takes it. */
const maxTokens = { max_tokens: integer(READ_TOKENS_MIN, READ_TOKENS_MAX).optional() };

/** Ties the types of one declaration together. */
export function defineTool<Input extends z.ZodObject, Data extends object>(tool: {
  name: string;
  toolset: Tool['toolset'];
  description: string;
  input: Input;
  output: z.ZodObject;
  annotations: Annotations;
  run(
    context: Context,
    caller: Caller,
    input: z.output<Input>,
    onProgress: ReportProgress,
  ): Promise<Answer<Data>>;
  text(data: Data, maxTokens: number | undefined): string;
}): Tool {
  if (!tool.annotations.readOnlyHint) return tool;
  const further = { ...fieldsInput(tool.output), ...(!('max_tokens' in tool.input.shape) && maxTokens) };
  return { ...tool, input: tool.input.extend(further) };
}

const LOCAL = { openWorldHint: false } as const;
/** Reads only. */
export const READS: Annotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  ...LOCAL,
};
/** Adds records and takes nothing away; each call adds another. */
export const ADDS: Annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  ...LOCAL,
};
/** Overwrites fields or may delete, always under a version check: the same call twice is refused, not repeated. */
export const CHANGES: Annotations = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  ...LOCAL,
};
/** Adds or removes a link; the same call twice leaves the same links. */
export const LINKS: Annotations = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: true,
  ...LOCAL,
};

/** Takes, keeps or gives up a claim: a second take is refused, not repeated. */
export const CLAIMS: Annotations = CHANGES;

const warning = z.object({ code: z.string(), message: z.string() });

/** What every answer says about itself. */
const selfDescription = {
  data_source: z.string(),
  as_of: z.string().optional(),
  warnings: z.array(warning).optional(),
  durability: z.string().optional(),
};

/** The output schema of a tool: its fields and what every answer says about itself. */
export function answerSchema(fields: z.ZodRawShape): z.ZodObject {
  return z.object({ ...fields, ...selfDescription });
}

export function warningLines(warnings: Warning[]): string {
  return warnings.map(({ message }) => `\n! ${oneLine(message)}`).join('');
}
