import type { Answer } from '../storage/store.ts';

/** An answer as clients and `--json` get it: the record's fields at the top level, beside where they came from (T5). */
export function describeAnswer(answer: Answer<object>): Record<string, unknown> {
  const { data, source, as_of, warnings, durability } = answer;
  return {
    ...data,
    data_source: source,
    ...(as_of !== undefined && { as_of }),
    ...(warnings.length > 0 && { warnings }),
    ...(durability !== undefined && { durability }),
  };
}

/**
 * The answer for people and models: what `render` makes of it. Of a write that could not be checked it is told what was
 * kept: the record is not whole.
 */
export function answerText<T extends object>(answer: Answer<T>, render: (data: T) => string): string {
  return answer.unchecked === undefined ? render(answer.data) : `Saved, not checked yet: ${answer.unchecked}`;
}
