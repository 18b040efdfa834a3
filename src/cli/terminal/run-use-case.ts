/** A use case around one command: options in, an answer out. Wrong input is refused before anything is opened. */
import type * as z from 'zod';
import type { Answer } from '../../storage/contract/store.ts';
import type { Context } from '../../use-cases/support/context.ts';
import type { UseCase } from '../../use-cases/support/define-use-case.ts';
import type { GlobalOptions } from './global-options.ts';
import { printAnswer } from './output.ts';
import { commandLineCaller, withApp } from './with-app.ts';

/** Imports a use case: a command that only prints its help loads none. */
type Load<Input extends z.ZodObject, Data extends object> = () => Promise<UseCase<Input, Data>>;

/**
 * Runs a use case once and prints its answer.
 * @param fields the arguments, under the names of the input
 * @param render the answer for a person
 */
export async function runUseCase<Input extends z.ZodObject, Data extends object>(
  options: GlobalOptions,
  load: Load<Input, Data>,
  fields: Record<string, unknown>,
  render: (data: Data) => string,
): Promise<void> {
  await withAnswer(options, load, fields, (answer) => printAnswer(answer, options.json, render));
}

/** The same for what is told with more than the answer: `work` prints it, while the tracker is open. */
export async function withAnswer<Input extends z.ZodObject, Data extends object>(
  options: GlobalOptions,
  load: Load<Input, Data>,
  fields: Record<string, unknown>,
  work: (answer: Answer<Data>, context: Context) => Promise<void> | void,
): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const useCase = await load();
  const input = parseInput(useCase.input, fields);
  await withApp(options, async ({ context }) => {
    await work(await useCase.run(context, commandLineCaller(), input), context);
  });
}

/**
 * Runs a use case that is based on a version of a record: the one that was given, or the one at this moment.
 * @param findVersion reads the record; where nothing can be read, the error is that of the use case
 */
export async function runVersioned<Input extends z.ZodObject, Data extends object>(
  options: GlobalOptions & { ifVersion?: number | string | undefined },
  load: Load<Input, Data>,
  fields: Record<string, unknown>,
  findVersion: (context: Context) => Promise<number>,
  render: (data: Data) => string,
): Promise<void> {
  const { parseInput } = await import('../../domain/validate.ts');
  const useCase = await load();
  // The version may only be known when the tracker is open.
  parseInput(useCase.input, { ...fields, version: options.ifVersion ?? 1 });
  await withApp(options, async ({ context }) => {
    const { withoutLookUp } = await import('../../use-cases/support/look-up.ts');
    const asked = { call: useCase.name, arguments: fields };
    const version = options.ifVersion ?? (await findVersion(context).catch(withoutLookUp(asked)));
    const input = parseInput(useCase.input, { ...fields, version });
    printAnswer(await useCase.run(context, commandLineCaller(), input), options.json, render);
  });
}
