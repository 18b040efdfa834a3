/**
 * `npm run bench`: every figure beside its bar and beside the floor measured in the same run. `npm run bench -- long-calls`
 * and `npm run bench -- hooks` are its last parts alone.
 */
import { rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { toolsOf } from '../src/mcp/registry.ts';
import { listTool } from '../src/mcp/tool-calls.ts';
import { startPostgres } from '../tests/support/postgres.ts';
import { vendorName } from './fill.ts';
import { Report } from './figures.ts';
import { HOOK_COLUMNS, benchHooks } from './hooks.ts';
import { benchKeeping } from './keeping.ts';
import { COLUMNS, benchLongCalls } from './long-calls.ts';
import { benchPlan } from './plan.ts';
import { checkPlans } from './plans.ts';
import { benchRoundTrip, benchSpawn, bundleEmptyServer } from './stdio.ts';
import { openBenchStore, type BenchStore } from './stores.ts';
import { benchTools } from './tools.ts';

const SIZES = [1_200, 100_000];
const HOOK_ITEMS = 1_200;
/** How many times the round trip of an empty tool. */
const STDIO_LIMIT = { sqlite: 1.5, postgres: 2.5 };
/** Tokens of tools/list by the o200k tokenizer. */
const TOKEN_LIMIT = { core: 4_500, all: 12_000 };

const report = new Report();
console.log(
  `# Benchmarks\n\nNode ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}`,
);

const server = await startPostgres({ durable: true });
const LAST_PARTS: Record<string, () => Promise<void>> = { 'long-calls': longCalls, hooks };
const only = LAST_PARTS[process.argv[2] ?? ''];
if (only !== undefined) {
  await only();
  await server.stop();
  process.exit(report.finish());
}

const stores: { where: string; kind: 'sqlite' | 'postgres'; url: string | undefined; store: BenchStore }[] =
  [];
for (const size of SIZES) {
  for (const kind of ['sqlite', 'postgres'] as const) {
    const url = kind === 'postgres' ? await server.createDatabase() : undefined;
    stores.push({ where: `${kind}, ${size} items`, kind, url, store: await openBenchStore(size, url) });
  }
}

report.section('Server-side time of the tools (bars are for the 95th percentile)', [
  'store',
  'tool',
  'p50',
  'p95',
  'bar (p95)',
  'floor: driver alone, p50 / p95',
  'p50 / floor',
]);
for (const { where, store } of stores) {
  await benchTools(report, where, store.context, store.filled, store.floor);
  await benchPlan(report, where, store.context);
}

report.section('Plans of the statements sent above (no sequential scan of a growing table)', [
  'store',
  'statements',
  'sequential scans',
]);
for (const { where, store } of stores.slice(-2)) {
  await checkPlans(report, where, store.statements, (statement) => store.explain(statement));
}

// Their background work would take its turns between the calls of the servers that are spawned now.
for (const { store } of stores) await store.close();

report.section('Writes whose folder keeps them and remembers the database, beside one that does neither', [
  'store',
  'tool',
  'p50',
  'p50 without',
  'ratio',
  'bar',
]);
await benchKeeping(report, 'sqlite');
await benchKeeping(report, 'postgres', [await server.createDatabase(), await server.createDatabase()]);

const emptyServer = await bundleEmptyServer();
report.section('Round trip over stdio beside an empty tool with a result of the same size', [
  'store',
  'tool',
  'result',
  'ours p50 / p95',
  'empty p50 / p95',
  'ratio',
  'bar',
]);
for (const { where, kind, url, store } of stores) {
  const place = { projectDir: store.projectDir, databaseUrl: url, limit: STDIO_LIMIT[kind] };
  for (const tool of [
    { name: 'query_vendor_status', arguments: { name: vendorName(1) } },
    { name: 'query_work_item', arguments: { id: store.filled.roots[0] } },
  ]) {
    await benchRoundTrip(report, where, place, tool, emptyServer);
  }
}

report.section('Spawn to first answer beside a bare, bundled SDK server', [
  'until',
  'ours',
  'bare',
  'ratio',
  'bar',
]);
const [first] = stores;
if (first !== undefined) await benchSpawn(report, first.store.projectDir, emptyServer);

report.section('Tokens of tools/list', ['toolset', 'tools', 'tokens', 'bar']);
for (const toolset of ['core', 'all'] as const) {
  const tools = toolsOf([toolset]).map(listTool);
  const tokens = encode(JSON.stringify(tools)).length;
  report.row(
    toolset,
    String(tools.length),
    String(tokens),
    report.bar(`tools/list ${toolset}`, tokens, TOKEN_LIMIT[toolset], String),
  );
}

await longCalls();
await hooks();

for (const { store } of stores) {
  rmSync(store.projectDir, { recursive: true, force: true });
}
await server.stop();
process.exit(report.finish());

async function longCalls(): Promise<void> {
  report.section('What a client meets while a long call runs', COLUMNS);
  await benchLongCalls(report, 'sqlite');
  await benchLongCalls(report, 'postgres', await server.createDatabase());
}

async function hooks(): Promise<void> {
  report.section('What a hook adds to a session, beside a bare start of Node.js', HOOK_COLUMNS);
  for (const url of [undefined, await server.createDatabase()]) {
    const { projectDir, close } = await openBenchStore(HOOK_ITEMS, url);
    await close();
    await benchHooks(report, url === undefined ? 'sqlite' : 'postgres', projectDir, url);
    rmSync(projectDir, { recursive: true, force: true });
  }
}
