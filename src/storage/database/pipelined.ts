/**
 * Statements that do not wait for each other's results, sent one behind the other: on PostgreSQL they share the way
 * to the server and back. All are waited for, also when one fails, because none may run after its transaction ended.
 * @throws what failed first: in a transaction, the others only fail after it
 */
export async function pipelined<Work extends readonly Promise<unknown>[]>(
  ...work: Work
): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  const failures: unknown[] = [];
  for (const one of work) one.catch((error: unknown) => failures.push(error));
  await Promise.allSettled(work);
  if (failures.length > 0) throw failures[0];
  return (await Promise.all(work)) as { -readonly [Index in keyof Work]: Awaited<Work[Index]> };
}
