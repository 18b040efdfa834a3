/**
 * A use case is one declaration: what it is called, takes and answers, and what it does. A tool adds how a model is told of
 * it, a command how options become its input; whatever else shows it adds no more than that.
 */
import type * as z from 'zod';
import type { Phases, ReportProgress } from '../../domain/progress.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { Caller, Context } from './context.ts';

/**
 * What a call does to what is there. `read`: nothing. `add`: makes something and takes nothing away; each call makes
 * another. `change`: alters or may delete, and a second same call is refused. `settle`: adds or removes until it is as asked;
 * a second same call changes nothing more.
 */
export type UseCaseKind = 'read' | 'add' | 'change' | 'settle';

export interface UseCase<Input extends z.ZodObject = z.ZodObject, Data extends object = object> {
  /** As tools and errors call it: `create_enhancement`. */
  name: string;
  kind: UseCaseKind;
  input: Input;
  /** The fields that every good answer has; answers may carry more. */
  output: () => z.ZodRawShape;
  /** Of work that may take long, where they are known before it begins: what `onProgress` is told of. */
  phases?: Phases;
  /**
   * @param input as `input` parsed it
   * @param onProgress told how far long work is
   */
  run(
    context: Context,
    caller: Caller,
    input: z.output<Input>,
    onProgress?: ReportProgress,
  ): Promise<Answer<Data>>;
}

/** Ties the types of one declaration together. */
export function defineUseCase<Input extends z.ZodObject, Data extends object>(
  useCase: UseCase<Input, Data>,
): UseCase<Input, Data> {
  return useCase;
}
