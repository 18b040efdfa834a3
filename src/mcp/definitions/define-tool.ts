/**
 * A tool is a use case and how a model is told of it: from the two come validation, the JSON Schema that clients see,
 * the contract file and the test of the registry.
 */
import * as z from 'zod';
import { integer, lazily } from '../../domain/fields.ts';
import { oneLine } from '../../domain/others-text.ts';
import type { Part } from '../../domain/budget.ts';
import {
  READ_TOKENS_DEFAULT,
  READ_TOKENS_MAX,
  READ_TOKENS_MIN,
  WRITE_TOKENS_MAX,
} from '../../domain/limits.ts';
import type { Phases, ReportProgress } from '../../domain/progress.ts';
import type { Toolset } from '../../domain/toolsets.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { Caller, Context } from '../../use-cases/support/context.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { UseCase, UseCaseKind } from '../../use-cases/support/define-use-case.ts';
import { fieldsInput } from './list-fields.ts';
import { withoutEmpty } from './shown.ts';

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
  /** Also one of `core`, which runs the whole loop. */
  inCore: boolean;
  /** For lists that people see. */
  title: string;
  /** Words by which a model that sees only names looks for it, where its description does not have them. */
  hint?: string;
  /** Among the tools that a client which loads most of them on demand should load at once. */
  isLoadedFirst: boolean;
  description: string;
  /** What each argument is, by its name; there may be more than the tool takes. */
  parameters: Readonly<Record<string, string>>;
  input: z.ZodObject;
  /** The fields that good answers may have; answers may carry more. */
  output: z.ZodObject;
  annotations: Annotations;
  /** Tokens of an answer where the caller asks for no other number, in either of its forms. */
  budget: number;
  /** Of work that may take long: what `onProgress` is told of. */
  phases?: Phases;
  /** @param onProgress takes how far the work is to the client, where that asked for it */
  run(context: Context, caller: Caller, input: never, onProgress: ReportProgress): Promise<Answer<object>>;
  /** What is shown of an answer, as data, before it is cut. */
  show(data: never, input: never): object;
  /** What gives way when that is more than the budget. */
  parts: readonly Part[];
  /** What else of a page says how to go on, where rows of it were cut. */
  goesOn?(shown: never): object;
  /** What is shown, in few words: as complete as the data. */
  text(shown: never): string;
}

/** What many tools take, in words that stand on their own: clients drop limits, patterns and defaults. */
const COMMON = {
  version: 'The version you read',
  idempotency_key: 'The same key again answers the first result',
  created_by: 'Who it is by, if not you',
  updated_by: 'Who it is by, if not you',
  on_conflict: 'merge: apply it where others changed other fields only; default reject',
  claim_token: 'That of your claim on the item',
  limit: 'Rows at most; default 50, at most 100',
  offset: 'Rows to skip; cursor is safer',
  cursor: 'next_cursor of the page before',
  fields: 'Other fields of each row than the short set; ["all"]: whole records',
  max_tokens: 'Tokens the answer may cost, 300 to 20000',
} as const;

/** A few words on each argument that only this tool takes, or takes in its own way. */
export type Parameters<Input extends z.ZodObject> = {
  readonly [Name in Exclude<keyof z.input<Input>, keyof typeof COMMON>]: string;
} & { readonly [Name in keyof typeof COMMON & keyof z.input<Input>]?: string };

/** How a model is told of a use case and of its answers. */
interface Telling<Input extends z.ZodObject, Data extends object, View extends object> extends Pick<
  Tool,
  'toolset' | 'title' | 'description'
> {
  parameters: Parameters<Input>;
  inCore?: true;
  hint?: string;
  isLoadedFirst?: true;
  /** It adds or takes, and what was there before stays. */
  destroysNothing?: true;
  budget?: number;
  /** By default the whole answer, without fields that are empty. */
  show?: (data: Data, input: Record<string, unknown>) => View;
  parts?: readonly Part[];
  goesOn?: (shown: View) => object;
  text: (shown: View) => string;
  /** Fields that only what is shown has, for the contract file. */
  more?: () => z.ZodRawShape;
}

/** Every tool that only reads takes it. */
const maxTokens = { max_tokens: integer(READ_TOKENS_MIN, READ_TOKENS_MAX).optional() };

/** A tool is a use case and how a model is told of it. Its schemas are made when somebody lists or calls it. */
export function defineTool<Input extends z.ZodObject, Data extends object, View extends object = Data>(
  useCase: UseCase<Input, Data>,
  telling: Telling<Input, Data, View>,
): Tool {
  const { budget, show, parts = [], goesOn, text, parameters, more, destroysNothing, ...told } = telling;
  const { name, kind, phases } = useCase;
  const output = lazily(() => answerSchema({ ...useCase.output(), ...more?.() }));
  const input = lazily(() => (kind === 'read' ? readInput(useCase.input, output()) : useCase.input));
  return {
    name,
    inCore: told.toolset === 'core',
    isLoadedFirst: false,
    ...told,
    parameters: { ...COMMON, ...parameters },
    annotations: { ...ANNOTATIONS[kind], ...(destroysNothing === true && { destructiveHint: false }) },
    budget: budget ?? (kind === 'read' ? READ_TOKENS_DEFAULT : WRITE_TOKENS_MAX),
    get input() {
      return input();
    },
    get output() {
      return output();
    },
    ...(phases !== undefined && { phases }),
    run: (...call) => useCase.run(...call),
    show: show ?? ((data: Data) => withoutEmpty(data)),
    parts,
    ...(goesOn !== undefined && { goesOn }),
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
const cut = z.object({ field: z.string(), left: z.int(), next: z.string() });

/** What every answer says about itself. */
const selfDescription = {
  data_source: z.string(),
  as_of: z.string().optional(),
  warnings: z.array(warning).optional(),
  /** What was left out of a read for its budget. */
  cut: z.array(cut).optional(),
  /** Characters of what a write saved and does not send back. */
  saved: z.record(z.string(), z.int()).optional(),
  durability: z.string().optional(),
  /** One line of what others did meanwhile to what the session goes by: told once. */
  news: z.string().optional(),
};

/** The output schema of a tool: its fields and what every answer says about itself. */
function answerSchema(fields: z.ZodRawShape): z.ZodObject {
  return z.object({ ...fields, ...selfDescription });
}

export function warningLines(warnings: Warning[]): string {
  return warnings.map(({ message }) => `\n! ${oneLine(message)}`).join('');
}
