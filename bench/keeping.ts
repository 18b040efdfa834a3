/** What it costs a write that its folder remembers the database and keeps its own writes: beside a store that does not. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createToolCalls } from '../src/mcp/tool-calls.ts';
import type { AnySeen } from '../src/storage/tiers/seen.ts';
import { ms, timeInTurns, type Report } from './figures.ts';
import { openBenchStore, type BenchStore } from './stores.ts';

const SIZE = 1_200;
const RUNS = 1_000;
const WARM_UP = 100;
/** Of the median. */
const RATIO_MAX = 1.05;
const CALLER = { actor: 'bench', person: 'bench', client: 'bench', session: 'bench' };

const REMEMBERS_NOTHING: AnySeen = {
  problem: undefined,
  seen: () => undefined,
  answers: 0,
  answered: () => 0,
  noted: () => undefined,
  isAllIn: () => false,
  saw: () => true,
  settled: () => undefined,
  findVoid: () => undefined,
  isLostSnapshot: () => false,
  close: () => undefined,
};

/** @param databaseUrls two empty databases; none for embedded ones */
export async function benchKeeping(
  report: Report,
  where: string,
  databaseUrls?: readonly [string, string],
): Promise<void> {
  const without = await openBenchStore(SIZE, databaseUrls?.[0], { seen: REMEMBERS_NOTHING });
  const kept = await openBenchStore(SIZE, databaseUrls?.[1]);
  const [a, b] = [writerOf(without), writerOf(kept)];
  for (const tool of ['create_work_item', 'update_work_item'] as const) {
    const figures = await timeInTurns(RUNS, { without: () => a(tool), kept: () => b(tool) }, WARM_UP);
    const ratio = figures.kept.p50 / figures.without.p50;
    const bar = report.bar(`${tool} that is kept, ${where}`, ratio, RATIO_MAX, (value) => value.toFixed(2));
    report.row(where, tool, ms(figures.kept.p50), ms(figures.without.p50), ratio.toFixed(2), bar);
  }
  for (const store of [without, kept]) await store.close();
}

/** Makes one call, and gives the time until its answer. What is done after that is over when it returns. */
function writerOf({ context, filled }: BenchStore) {
  const calls = createToolCalls({ version: 'bench', toolsets: ['all'], log: () => undefined });
  const versions = new Map<string, number>();
  let run = 0;
  return async (name: 'create_work_item' | 'update_work_item'): Promise<number> => {
    const { id, version } = filled.items[(++run * 7919) % filled.items.length] ?? { id: '', version: 1 };
    const at = versions.get(id) ?? version;
    const request =
      name === 'create_work_item'
        ? { name, arguments: { item_type: 'task', title: `New ${run}` } }
        : { name, arguments: { id, version: at, title: `Changed ${run}`, metadata: { note: run } } };
    const start = performance.now();
    const result = await calls.call(
      () => Promise.resolve({ context }),
      request,
      CALLER,
      () => undefined,
    );
    const elapsed = performance.now() - start;
    if (result.isError === true) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
    if (name === 'update_work_item') versions.set(id, at + 1);
    await nextTurn();
    return elapsed;
  };
}
