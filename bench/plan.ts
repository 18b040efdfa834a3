/** A plan of 200 items with dependencies in one call. */
import { createToolCalls } from '../src/mcp/tool-calls.ts';
import type { Context } from '../src/use-cases/support/context.ts';
import { ms, time, type Report } from './figures.ts';

const ITEMS = 200;
const RUNS = 20;
/** 95th percentile in milliseconds. */
const LIMIT_MS = 500;

export async function benchPlan(report: Report, where: string, context: Context): Promise<void> {
  const calls = createToolCalls({
    version: 'bench',
    toolsets: ['all'],
    log: (message) => report.fail(`${where}: ${message}`),
  });
  const app = () => Promise.resolve({ context });
  const figures = await time(
    RUNS,
    async () => {
      const request = { name: 'apply_plan', arguments: { items: PLAN } };
      const caller = { actor: 'bench', person: 'bench', client: 'bench', session: 'bench' };
      const result = await calls.call(app, request, caller, () => undefined);
      if (result.isError === true) throw new Error(JSON.stringify(result.content));
    },
    3,
  );
  const name = `apply_plan (${ITEMS})`;
  const bar = report.bar(`${name}, ${where}`, figures.p95, LIMIT_MS, ms);
  report.row(where, name, ms(figures.p50), ms(figures.p95), bar, '–', '–');
}

/** Four levels; every item but the first forty waits for the one before it. */
const PLAN = Array.from({ length: ITEMS }, (_, index) => ({
  key: `k${index}`,
  item_type: 'task',
  title: `Step ${index} of a plan with a title of ordinary length`,
  description: 'What has to be done in this step, in a sentence or two.',
  labels: ['plan', `area-${index % 7}`],
  ...(index > 0 && { parent: `k${Math.floor((index - 1) / 6)}` }),
  ...(index > 40 && { depends_on: [`k${index - 1}`] }),
}));
