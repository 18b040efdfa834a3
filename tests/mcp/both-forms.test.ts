// Some clients get the text alone: it says all that the structured content does, but for what is listed here.
import { beforeAll, expect, it } from 'vitest';
import { listConflictsTool } from '../../src/mcp/tools/conflicts.ts';
import { connect, type TestClient } from '../support/mcp-clients.ts';
import { temporaryProject } from '../support/program.ts';
import { rows, type Row } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';

/** What the caller gave or does not go by, what the first words say, and where an answer comes from, which warnings tell. */
const UNSAID = new Set([
  ...['data_source', 'durability', 'dry_run', 'removed', 'applied', 'limit', 'offset', 'path', 'item_id'],
  ...['created_at', 'created_by', 'total_count', 'pending_count'],
  // Vendors are called by name, and what is broken is told again.
  ...['affected_vendors[].id', 'affected_vendors[].status'],
  ...['waiting[].status', 'waiting[].priority', 'waiting[].not_ready.blockers[].status', 'undone[].at'],
]);

const VENDORS = Array.from({ length: 12 }, (_, n) => `vendor_${n}.`);
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

let client: TestClient;

beforeAll(async () => {
  const args = ['serve', '--toolsets', 'all'];
  client = await connect({ generation: 'current', transport: 'stdio', cwd: await temporaryProject(), args });
});

/** Calls a tool and compares. @returns the structured content */
async function told(tool: string, input: Row = {}): Promise<Row> {
  const { text, structured = {}, isError } = await client.callTool(tool, input);
  expect(isError, text).toBe(false);
  const unsaid = valuesOf(structured).filter(([path, value]) => !isSaid(path, value, text));
  expect(unsaid, `${tool}: ${text}`).toEqual([]);
  return structured;
}

type Value = [path: string, value: unknown];

function valuesOf(value: unknown, path = ''): Value[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesOf(one, `${path}[]`));
  if (value === null || typeof value !== 'object') return value === null ? [] : [[path, value]];
  return Object.entries(value).flatMap(([name, below]) =>
    valuesOf(below, path === '' ? name : `${path}.${name}`),
  );
}

/** Ids are cut in texts, and so are milliseconds. */
function isSaid(path: string, value: unknown, text: string): boolean {
  const isUsual = path.endsWith('priority') && value === 3;
  if (UNSAID.has(path) || isUsual) return true;
  if (path === 'repeated') return /\bby an earlier call\b|; repeated true\b/.test(text);
  const told = String(value);
  const cut = /^[0-9a-f]{8}-/.test(told) ? told.slice(0, 8) : told.replace(/\.\d{3}Z$/, '');
  return text.includes(cut);
}

/** The same call again, with its key, says that it was made before. */
async function twice(tool: string, input: Row): Promise<Row> {
  const keyed = { ...input, idempotency_key: `${tool}-1` };
  const first = await told(tool, keyed);
  expect(await told(tool, keyed)).toHaveProperty('repeated', true);
  return first;
}

it('of vendors and deployments', async () => {
  for (const [n, name] of VENDORS.entries())
    await told('register_vendor', { name, metadata: { format_support: { excel: true, pdf: n % 2 === 0 } } });
  await told('list_vendors');
  await told('query_vendor_status', { name: VENDORS[0] });
  // Not all of them are broken: the others are told once.
  for (const name of VENDORS) await told('update_vendor_status', { name, version: 1, status: 'operational' });
  const out = { ...DEPLOYMENT, commit_hash: COMMIT, affected_vendors: VENDORS };
  const { id } = await twice('record_deployment', out);
  await told('list_deployments');
  await told('query_deployment', { id });
});

it('of items, links, notes and claims', async () => {
  const [first, second] = [
    await twice('create_work_item', { item_type: 'task', title: 'First', labels: ['only'], pr_number: 4711 }),
    await told('create_work_item', { item_type: 'task', title: 'Second', labels: ['only'] }),
  ];
  const { id } = first;
  await twice('link_work_items', { source_id: id, target_id: second['id'], dependency_type: 'blocks' });
  await twice('add_note', { id, text: 'Found' });
  for (const tool of ['query_work_item', 'list_notes', 'query_history']) await told(tool, { id });
  await told('list_work_items', { ready: false, explain: true });
  await told('claim_work_item', { label: 'only' });
  expect(await told('claim_work_item', { label: 'only' })).toHaveProperty('nothing_ready');
  await told('update_work_items', { updates: [{ id: second['id'], version: 1, priority: 2 }] });
  await told('query_history', { since: 0 });
  const [newest] = rows((await told('query_history', { limit: 1 }))['items']);
  await twice('undo', { change_id: `#${String(newest?.['seq'])}` });
  await told('search', { query: 'First' });
});

it('of enhancements', async () => {
  const { id } = await twice('create_enhancement', { title: 'Idea', target_quarter: '2026-Q1' });
  await told('list_enhancements');
  await twice('promote_enhancement', { id, version: 1 });
});

it('of a conflict that was settled: how, by whom and when', () => {
  const conflict = {
    ...{ id: '0192f3c1-7b1e', kind: 'update', entity: 'work_item', entity_id: '3f2a9c1b', actor: 'Ana' },
    ...{ made_at: '2026-01-31T09:30:00.000Z', reason: 'others changed it', resolution: 'keep_theirs' },
    ...{ resolved_at: '2026-01-31T10:00:00.000Z', resolved_by: 'Ben' },
  };
  const page = { items: [conflict], total_count: 1, next_cursor: null, pending_count: 0 };
  expect(listConflictsTool.text(page as never)).toContain(
    '; settled with keep_theirs by Ben at 2026-01-31T10:00:00.000Z',
  );
});
