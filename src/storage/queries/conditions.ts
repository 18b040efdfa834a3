import type { SQL } from 'drizzle-orm';

/** A condition that only exists when its filter was given. */
export function given<T>(value: T | undefined, condition: (value: T) => SQL | undefined): SQL | undefined {
  return value === undefined ? undefined : condition(value);
}

export function present(...conditions: (SQL | undefined)[]): SQL[] {
  return conditions.filter((condition) => condition !== undefined);
}
