// What the tools say of themselves, held against what they do: annotations and output schemas.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { beforeAll, expect, it } from 'vitest';
import { TOOLS } from '../../src/mcp/registry.ts';
import { packageRoot } from '../../src/platform/package-root.ts';
import { Operations } from '../../src/storage/operations/operations.ts';
import { type Row, refusalOf, short } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';
import { type Surface, describeBothDatabases } from './surfaces.ts';

describeBothDatabases((surface) => {
  let examples: Map<string, Row[]>;
  beforeAll(async () => {
    examples = await richExamples(surface);
  });

  it('has an example of every tool', () => {
    expect([...examples.keys()].sort()).toEqual(TOOLS.map(({ name }) => name).sort());
  });

  it.each(TOOLS.filter(({ annotations }) => annotations.readOnlyHint))(
    '$name changes nothing',
    async ({ name }) => {
      const before = await surface.feedPosition();
      for (const example of examples.get(name) ?? []) await surface.call(name, example);
      expect(await surface.feedPosition()).toBe(before);
    },
  );

  it.each(TOOLS)('$name answers what its contract file promises', async ({ name, annotations }) => {
    const file = path.join(packageRoot(), 'contracts', 'tools', `${name}.json`);
    const { outputSchema } = JSON.parse(readFileSync(file, 'utf8')) as { outputSchema: Row };
    const validate = new AjvJsonSchemaValidator().getValidator(outputSchema);
    const known = Object.keys(outputSchema['properties'] as Row);
    for (const example of examples.get(name) ?? []) {
      const again = annotations.readOnlyHint ? example : await refreshed(surface, example);
      const answer = await surface.call(name, again);
      const { valid, errorMessage } = validate(answer);
      expect(valid, errorMessage).toBe(true);
      expect(Object.keys(answer).filter((field) => !known.includes(field))).toEqual([]);
    }
  });

  it.each(TOOLS.filter(({ annotations }) => !annotations.readOnlyHint && !annotations.destructiveHint))(
    '$name only adds: what was there stays as it was',
    async ({ name }) => {
      const [example = {}] = examples.get(name) ?? [];
      const records = async (): Promise<unknown> => ({
        items: (await surface.call('list_work_items', { ...WHOLE, include_deleted: true, sort: 'created' }))[
          'items'
        ],
        vendors: (await surface.call('list_vendors', WHOLE))['items'],
        deployments: (await surface.call('list_deployments', WHOLE))['items'],
      });
      const before = await records();
      const position = await surface.feedPosition();
      const { id, ids = {} } = await surface.call(name, await refreshed(surface, example));
      const added = new Set([...(id === undefined ? [] : [id]), ...Object.values(ids as Row)].map(short));
      expect(await surface.feedPosition()).toBeGreaterThan(position);
      const after = JSON.parse(
        JSON.stringify(await records(), (_key, value: unknown) =>
          Array.isArray(value)
            ? value.filter((entry: unknown) => !added.has(String((entry as Row | null)?.['id']).slice(0, 8)))
            : value,
        ),
      ) as unknown;
      expect(after).toEqual(before);
    },
  );

  it.each(TOOLS.filter(({ annotations }) => annotations.destructiveHint))(
    '$name, called twice, does what idempotentHint says',
    async ({ name, annotations }) => {
      const [example = {}] = examples.get(name) ?? [];
      const call = await refreshed(surface, example);
      await surface.call(name, call);
      const position = await surface.feedPosition();
      const second = await surface.client().callTool(name, call);
      if (annotations.idempotentHint) expect(second.isError).toBe(false);
      else expect(refusalOf(second).error).toBe(REFUSED_TWICE[name] ?? 'VersionConflictError');
      expect(await surface.feedPosition()).toBe(position);
    },
  );
});

/** Settled is settled, promoted is promoted, and claimed is claimed: none has a version to be behind. */
const REFUSED_TWICE: Readonly<Record<string, string>> = {
  resolve_conflict: 'ValidationError',
  undo: 'ValidationError',
  promote_enhancement: 'ValidationError',
  claim_work_item: 'ClaimError',
};

const WHOLE = { fields: ['all'], limit: 100, max_tokens: 20_000 };

/** A job of this process in the record that all processes of the folder share. */
async function finishedJob(surface: Surface): Promise<Row> {
  const jobs = new Operations(path.join(surface.project(), '.worktrail'));
  const id = await jobs.run('backup', (job) => {
    job.report({ phase: 'copy', done: 1, total: 2 });
    job.counts({ items: 2 });
    job.snapshot({ kind: 'backup', reference: 'somewhere', bytes: 1 });
    return Promise.resolve(job.id);
  });
  jobs.close();
  return { id };
}

/** Calls of every tool on a store in which every field is filled somewhere. */
async function richExamples(surface: Surface): Promise<Map<string, Row[]>> {
  const project = await surface.item({
    item_type: 'project',
    metadata: { target_quarter: '2026-Q1', mine: null },
  });
  const task = await surface.item({
    ...{ parent_id: project['id'], description: 'Long', labels: ['a'], assignee: 'Ada', pr_number: 1 },
    metadata: { acceptance_criteria: [{ text: 'Works', done: false }], unknown_key: [1, { a: null }] },
  });
  const session = await surface.item({ item_type: 'session', parent_id: task['id'] });
  const vendor = await surface.vendor({ status: 'operational', extractor_version: '1.0' });
  const link = { source_id: session['id'], target_id: project['id'], dependency_type: 'relates_to' };
  await surface.call('link_work_items', link);
  const links = { affected_vendors: [vendor['name']], related_work_item_ids: [task['id']] };
  const closed = await surface.item({ status: 'completed', parent_id: project['id'] });
  const enhancement = await surface.call('create_enhancement', {
    ...{ title: 'Read scans', description: 'Long', target_quarter: '2026-Q2' },
    requires_constitutional_principles: ['Evidence first'],
  });
  const contested = await surface.contested();
  mkdirSync(path.join(surface.project(), 'legacy', 'prompts'), { recursive: true });
  writeFileSync(path.join(surface.project(), 'legacy', 'status.md'), '## Vendors (1)\n- legacy: broken\n');
  writeFileSync(path.join(surface.project(), 'legacy', 'prompts', 'one.md'), '# One\n');
  const job = await finishedJob(surface);
  const deployment = await surface.call('record_deployment', { ...DEPLOYMENT, ...links });
  return new Map<string, Row[]>([
    [
      'create_work_item',
      [
        { item_type: 'task', title: 'New' },
        { item_type: 'session', title: 'New' },
      ],
    ],
    ['update_work_item', [{ id: session['id'], status: 'completed', metadata: { unknown: 1 } }]],
    [
      'query_work_item',
      [
        { id: project['id'] },
        { id: session['id'], include_children: false },
        { id: task['id'], max_depth: 0 },
      ],
    ],
    ['list_work_items', [{}, { limit: 1 }, { ready: true }, { explain: true }, { label: 'nobody has this' }]],
    ['link_work_items', [{ ...link, dependency_type: 'discovered_from' }]],
    ['claim_work_item', [{ lease_minutes: 5 }, { label: 'nobody has this' }]],
    ['record_deployment', [DEPLOYMENT, { ...DEPLOYMENT, ...links }]],
    ['list_deployments', [{}, { limit: 1 }, { vendor: vendor['name'], compliant: true }]],
    ['query_deployment', [{ id: deployment['id'] }]],
    ['list_jobs', [{}, { kind: 'import' }, { state: 'failed', limit: 1 }]],
    ['get_job', [{ id: job['id'] }]],
    ['query_vendor_status', [{ name: vendor['name'] }]],
    ['update_vendor_status', [{ name: vendor['name'], status: 'broken' }]],
    ['register_vendor', [{ name: 'vendor' }]],
    ['list_vendors', [{}, { status: 'operational' }]],
    ['get_project_configuration', [{}]],
    ['update_project_configuration', [{ current_session_id: session['id'] }]],
    ['list_conflicts', [{}, { id: contested.item['id'] }, { entity: 'vendor', resolved: true }]],
    ['resolve_conflict', [{ id: contested.conflict_id, resolution: 'reapply' }]],
    ['get_brief', [{}, { max_tokens: 300 }, { since: 0 }]],
    ['add_note', [{ id: task['id'], text: 'A comment' }]],
    ['list_notes', [{ id: session['id'] }, { id: task['id'], limit: 1 }]],
    ['search', [{ query: 'task' }, { query: 'Long', entities: ['work_item'], limit: 1 }, { query: '"' }]],
    ['generate_status_report', [{}, { format: 'json' }]],
    [
      'archive_work_items',
      [{ ids: [closed['id']] }, { dry_run: true }, { ids: [closed['id']], restore: true }],
    ],
    ['create_enhancement', [{ title: 'Sync clients', depends_on: [enhancement['id']] }]],
    ['update_enhancement', [{ id: enhancement['id'], target_quarter: 'Q3 2026' }]],
    ['list_enhancements', [{}, { id: enhancement['id'] }, { status: 'completed' }]],
    ['promote_enhancement', [{ id: enhancement['id'], item_type: 'task' }]],
    ['import_status_file', [{ path: 'legacy/status.md', dry_run: false }, { path: 'legacy/status.md' }]],
    ['import_session_prompts', [{ path: 'legacy/prompts', dry_run: false }, { path: 'legacy/prompts' }]],
    [
      'query_history',
      [
        {},
        { id: task['id'] },
        { since: 0, limit: 5 },
        { id: session['id'], as_of: new Date().toISOString() },
        { vendor: vendor['name'], as_of: new Date().toISOString() },
      ],
    ],
    [
      'undo',
      [
        { change_id: '' },
        { actor: 'somebody', since: '2026-01-01T00:00:00Z' },
        { actor: surface.clientName, since: new Date(Date.now() + 60_000).toISOString(), apply: false },
      ],
    ],
    [
      'apply_plan',
      [
        {
          items: [
            { key: 'a', item_type: 'task', title: 'A' },
            { key: 'b', item_type: 'task', title: 'B', depends_on: ['a'] },
          ],
        },
        { items: [{ key: 'a', item_type: 'task', title: 'A', parent: project['id'] }], dry_run: true },
      ],
    ],
    [
      'update_work_items',
      [
        {
          updates: [
            { id: session['id'], title: 'Renamed' },
            { id: task['id'], priority: 1 },
          ],
        },
      ],
    ],
  ]);
}

/** The same call, based on the current version of its record, and with a name that is free. */
async function refreshed(surface: Surface, call: Row): Promise<Row> {
  if ('change_id' in call) {
    const item = await surface.item();
    await surface.call('update_work_item', { id: item['id'], version: 1, title: 'Changed' });
    return { ...call, change_id: `#${await surface.feedPosition()}` };
  }
  if ('updates' in call) {
    const updates = call['updates'] as Row[];
    const versions = await Promise.all(
      updates.map(async ({ id }) => (await surface.call('query_work_item', { id }))['version']),
    );
    return { ...call, updates: updates.map((update, at) => ({ ...update, version: versions[at] })) };
  }
  if ('resolution' in call) return { ...call, id: (await surface.contested()).conflict_id };
  if ('lease_minutes' in call) return { ...call, id: (await surface.item())['id'] };
  if ('item_type' in call && 'id' in call) {
    const { id, version } = await surface.call('create_enhancement', { title: 'To promote' });
    return { ...call, id, version };
  }
  if ('target_quarter' in call && 'id' in call) {
    const { items } = await surface.call('list_enhancements', { id: call['id'] });
    return { ...call, version: (items as Row[])[0]?.['version'] };
  }
  if ('status' in call && 'id' in call) {
    return { ...call, version: (await surface.call('query_work_item', { id: call['id'] }))['version'] };
  }
  if ('status' in call && 'name' in call) {
    return {
      ...call,
      version: (await surface.call('query_vendor_status', { name: call['name'] }))['version'],
    };
  }
  if ('current_session_id' in call) {
    return { ...call, version: (await surface.call('get_project_configuration'))['version'] };
  }
  return 'name' in call ? { ...call, name: surface.unique('fresh vendor') } : call;
}
