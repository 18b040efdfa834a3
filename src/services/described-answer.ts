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
 * The answer for people and models: what `render` makes of it. Of a write that could not be checked only what is known
 * is told: the record is not whole.
 */
export function answerText<T extends object>(answer: Answer<T>, render: (data: T) => string): string {
  if (answer.isUnchecked !== true) return render(answer.data);
  const { id, version, title, name, items } = answer.data as Record<string, unknown>;
  const called = title ?? name;
  return [
    'Saved, not checked yet:',
    ...(typeof id === 'string' ? [id] : []),
    ...(typeof version === 'number' ? [`v${String(version)}`] : []),
    ...(typeof called === 'string' ? [called] : []),
    ...(Array.isArray(items) ? [`${String(items.length)} records`] : []),
  ].join(' ');
}
