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
