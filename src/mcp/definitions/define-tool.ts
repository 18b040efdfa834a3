/**
 * A tool is a use case and how a model is told of it: from the two come validation, the JSON Schema that clients see,
 * the contract file and the test of the registry.
 */
import * as z from 'zod';
import { integer, lazily } from '../../domain/fields.ts';
import { oneLine } from '../../domain/others-text.ts';
import { READ_TOKENS_MAX, READ_TOKENS_MIN } from '../../domain/limits.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import type { Toolset } from '../../domain/toolsets.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { Caller, Context } from '../../use-cases/support/context.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { UseCase, UseCaseKind } from '../../use-cases/support/define-use-case.ts';
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

/** A tool is a use case and how a model is told of it. Its schemas are made when somebody lists or calls it. */
export function defineTool<Input extends z.ZodObject, Data extends object>(
  useCase: UseCase<Input, Data>,
  {
    toolset,
    description,
    text,
  }: Pick<Tool, 'toolset' | 'description'> & {
    text(data: Data, maxTokens: number | undefined): string;
  },
): Tool {
  const { name, kind } = useCase;
  const output = lazily(() => answerSchema(useCase.output()));
  const input = lazily(() => (kind === 'read' ? readInput(useCase.input, output()) : useCase.input));
  return {
    name,
    toolset,
    description,
    annotations: ANNOTATIONS[kind],
    get input() {
      return input();
    },
    get output() {
      return output();
    },
    run: (...call) => useCase.run(...call),
    text,
  };
}

function readInput(input: z.ZodObject, output: z.ZodObject): z.ZodObject {
  return input.extend({ ...fieldsInput(output), ...(!('max_tokens' in input.shape) && maxTokens) });
}

const LOCAL = { openWorldHint: false } as const;
const ANNOTATIONS: Readonly<Record<UseCaseKind, Annotations>> = {
  read: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, ...LOCAL },
  add: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, ...LOCAL },
  // Always under a version check, a claim or a preview: the same call twice is refused, not repeated.
  change: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, ...LOCAL },
  settle: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, ...LOCAL },
};

const warning = z.object({ code: z.string(), message: z.string() });

/** What every answer says about itself. */
const selfDescription = {
  data_source: z.string(),
  as_of: z.string().optional(),
  warnings: z.array(warning).optional(),
  durability: z.string().optional(),
};

/** The output schema of a tool: its fields and what every answer says about itself. */
function answerSchema(fields: z.ZodRawShape): z.ZodObject {
  return z.object({ ...fields, ...selfDescription });
}

export function warningLines(warnings: Warning[]): string {
  return warnings.map(({ message }) => `\n! ${oneLine(message)}`).join('');
}
