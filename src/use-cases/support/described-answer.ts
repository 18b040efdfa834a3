import type { Answer } from '../../storage/contract/store.ts';
import { unknownLine, withQuestionMarks, withoutUnknown } from './unknown-fields.ts';

/** An answer as clients and `--json` get it: the record's fields at the top level, beside where they came from. */
export function describeAnswer(answer: Answer<object>): Record<string, unknown> {
  const { data } = answer;
  return { ...(mayLackFields(answer) ? withoutUnknown(data) : data), ...aboutAnswer(answer) };
}

/** What an answer says about itself. */
export function aboutAnswer({
  source,
  as_of,
  warnings,
  durability,
}: Answer<unknown>): Record<string, unknown> {
  return {
    data_source: source,
    ...(as_of !== undefined && { as_of }),
    ...(warnings.length > 0 && { warnings }),
    ...(durability !== undefined && { durability }),
  };
}

/** What comes from a layer without all fields says so; only then it is worth looking for them. */
export function mayLackFields({ data, warnings }: Answer<object>): boolean {
  return 'unknown_fields' in data || warnings.some(({ code }) => code === 'incomplete' || code === 'partial');
}

/**
 * The answer for people and models: what `render` makes of it. Of a write that could not be checked it is told what was
 * kept: the record is not whole.
 */
export function answerText<T extends object>(answer: Answer<T>, render: (data: T) => string): string {
  return answer.unchecked === undefined
    ? textOf(answer, render)
    : `Saved, not checked yet: ${answer.unchecked}`;
}

function textOf<T extends object>(answer: Answer<T>, render: (data: T) => string): string {
  if (!mayLackFields(answer)) return render(answer.data);
  return `${render(withQuestionMarks(answer.data))}${unknownLine(answer.data)}`;
}
