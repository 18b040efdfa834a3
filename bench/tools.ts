/** The eight tools as a server runs them: arguments in, result out, without the transport. */
import { createToolCalls } from '../src/mcp/tool-calls.ts';
import type { Context } from '../src/use-cases/support/context.ts';
import { readStatus } from '../src/use-cases/status/project-status.ts';
import { renderStatusFile } from '../src/use-cases/status/status-file.ts';
import { VENDORS, vendorName, type Filled } from './fill.ts';
import { ms, time, type Figures, type Report } from './figures.ts';

const RUNS = 300;
const STATUS_RUNS = 30;
const CALLER = { actor: 'bench', person: 'bench', client: 'bench', session: 'bench' };

/** Bars in milliseconds at the 95th percentile; the rest of those with a bar have that of a write. */
const BAR_MS: Record<string, number> = {
  query_vendor_status: 1,
  'full status': 100,
  generate_status_report: 100,
  'generate_status_report (data)': 100,
};
const OTHER_BAR_MS = 10;

export interface Floor {
  /** One row by its key, straight through the driver. */
  read: Figures;
  /** One versioned update, straight through the driver, committed. */
  update: Figures;
}

export async function benchTools(
  report: Report,
  where: string,
  context: Context,
  filled: Filled,
  floor: Floor,
): Promise<void> {
  const calls = createToolCalls({
    version: 'bench',
    toolsets: ['all'],
    log: (message) => report.fail(`${where}: ${message}`),
  });
  const app = () => Promise.resolve({ context });
  const call = async (name: string, input: object): Promise<Record<string, unknown>> => {
    const result = await calls.call(app, { name, arguments: input }, CALLER, () => undefined);
    if (result.isError === true) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
    return result.structuredContent as Record<string, unknown>;
  };
  const item = (run: number) => filled.items[(run * 7919) % filled.items.length] ?? { id: '', version: 1 };
  const root = (run: number) => filled.roots[(run * 31) % filled.roots.length] ?? '';
  const versions = new Map<string, number>();

  const work: Record<string, { floor: Figures; run: (run: number) => Promise<unknown> }> = {
    create_work_item: {
      floor: floor.update,
      run: (run) =>
        call('create_work_item', { item_type: 'task', title: `New ${run}`, parent_id: item(run).id }).catch(
          // A parent at depth 5 takes no children.
          () => call('create_work_item', { item_type: 'task', title: `New ${run}` }),
        ),
    },
    update_work_item: {
      floor: floor.update,
      run: async (run) => {
        const { id, version } = item(run);
        const at = versions.get(id) ?? version;
        await call('update_work_item', { id, version: at, title: `Changed ${run}`, metadata: { note: run } });
        versions.set(id, at + 1);
      },
    },
    query_work_item: { floor: floor.read, run: (run) => call('query_work_item', { id: root(run) }) },
    list_work_items: { floor: floor.read, run: () => call('list_work_items', {}) },
    'list_work_items (status)': {
      floor: floor.read,
      run: () => call('list_work_items', { status: 'active', item_type: 'task' }),
    },
    'list_work_items (ready)': {
      floor: floor.read,
      run: () => call('list_work_items', { ready: true }),
    },
    'list_work_items (not ready, explained)': {
      floor: floor.read,
      run: () => call('list_work_items', { ready: false, explain: true, limit: 20 }),
    },
    'claim_work_item (next)': { floor: floor.update, run: () => call('claim_work_item', {}) },
    'claim_work_item (next, label)': {
      floor: floor.update,
      run: (run) => call('claim_work_item', { label: `area-${run % 40}` }),
    },
    'update_work_item (opens and closes)': {
      floor: floor.update,
      run: async (run) => {
        // Every fourth item blocks another.
        const { id, version } = filled.items[(run * 4 * 101) % filled.items.length] ?? { id: '', version: 1 };
        const at = versions.get(id) ?? version;
        await call('update_work_item', { id, version: at, status: at % 2 === 0 ? 'active' : 'completed' });
        versions.set(id, at + 1);
      },
    },
    record_deployment: {
      floor: floor.update,
      run: (run) =>
        call('record_deployment', {
          deployed_at: '2026-06-01T00:00:00Z',
          commit_hash: run.toString(16).padStart(40, 'a'),
          metadata: { pr_number: 1, pr_title: 'x', test_summary: {}, constitutional_compliance: true },
          affected_vendors: [vendorName(run % VENDORS)],
          related_work_item_ids: [item(run).id],
        }),
    },
    query_vendor_status: {
      floor: floor.read,
      run: (run) => call('query_vendor_status', { name: vendorName(run % VENDORS) }),
    },
    update_vendor_status: {
      floor: floor.update,
      run: async (run) => {
        const name = vendorName(run % VENDORS);
        const version = versions.get(name) ?? 1;
        await call('update_vendor_status', {
          name,
          version,
          metadata: { test_results: { total: run, passing: run } },
        });
        versions.set(name, version + 1);
      },
    },
    get_project_configuration: { floor: floor.read, run: () => call('get_project_configuration', {}) },
    'search (a rare word)': {
      floor: floor.read,
      run: (run) => call('search', { query: String((run * 7919) % filled.items.length) }),
    },
    'search (a word of every item)': { floor: floor.read, run: () => call('search', { query: 'extractor' }) },
    'search (three common words, one kind)': {
      floor: floor.read,
      run: () => call('search', { query: 'every item enough', entities: ['work_item'] }),
    },
    'search (words of one item in 97)': {
      floor: floor.read,
      run: (run) => call('search', { query: `"part ${run % 97}" read` }),
    },
    add_note: {
      floor: floor.update,
      run: (run) => call('add_note', { id: item(run).id, text: `Note ${run} about the extractor` }),
    },
    'full status': {
      floor: floor.read,
      run: async () => renderStatusFile((await readStatus(context)).data),
    },
    generate_status_report: { floor: floor.read, run: () => call('generate_status_report', {}) },
    'generate_status_report (data)': {
      floor: floor.read,
      run: () => call('generate_status_report', { format: 'json', max_tokens: 20_000 }),
    },
  };

  for (const [name, { floor: base, run }] of Object.entries(work)) {
    const figures = await time(BAR_MS[name] === 100 ? STATUS_RUNS : RUNS, run, 10);
    const limit = BAR_MS[name] ?? OTHER_BAR_MS;
    const bar = limitFor(report, `${name}, ${where}`, figures, limit, name);
    report.row(
      where,
      name,
      ms(figures.p50),
      ms(figures.p95),
      bar,
      `${ms(base.p50)} / ${ms(base.p95)}`,
      `${(figures.p50 / base.p50).toFixed(1)}×`,
    );
  }
}

/** These have a bar; the others are printed for comparison. */
const WITH_BAR = new Set([
  'create_work_item',
  'update_work_item',
  'query_work_item',
  'list_work_items (ready)',
  'claim_work_item (next)',
  'claim_work_item (next, label)',
  'update_work_item (opens and closes)',
  'query_vendor_status',
  'update_vendor_status',
  'search (a rare word)',
  'search (a word of every item)',
  'search (three common words, one kind)',
  'search (words of one item in 97)',
  'add_note',
  'full status',
  'generate_status_report',
  'generate_status_report (data)',
]);

function limitFor(report: Report, name: string, figures: Figures, limit: number, tool: string): string {
  return WITH_BAR.has(tool) ? report.bar(name, figures.p95, limit, ms) : '–';
}
