// The tools beyond the contract's eight: one scenario each over stdio on both databases, and their schemas.
import { expect, it } from 'vitest';
import { TOOLS } from '../../src/mcp/registry.ts';
import { type Row, rows, short, text } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';
import { describeBothDatabases } from './surfaces.ts';

const ARGUMENTS: Record<string, { required: string[]; optional: string[] }> = {
  register_vendor: {
    required: ['name'],
    optional: ['status', 'extractor_version', 'metadata', 'created_by', 'idempotency_key'],
  },
  list_vendors: { required: [], optional: ['status', 'format', 'text', 'limit', 'offset', 'cursor'] },
  list_deployments: {
    required: [],
    optional: ['from', 'to', 'vendor', 'work_item_id', 'compliant', 'limit', 'offset', 'cursor'],
  },
  query_deployment: { required: ['id'], optional: [] },
  update_project_configuration: {
    required: ['version'],
    optional: [
      ...['active_context_type', 'current_session_id', 'default_token_budget', 'archive_after_days'],
      ...['updated_by', 'on_conflict', 'idempotency_key', 'clear'],
    ],
  },
  link_work_items: {
    required: ['source_id', 'target_id', 'dependency_type'],
    optional: ['remove', 'claim_token', 'created_by', 'idempotency_key'],
  },
  claim_work_item: {
    required: [],
    optional: [
      ...['id', 'action', 'claim_token', 'lease_minutes', 'to', 'label', 'item_type', 'parent_id'],
      ...['claimed_by', 'idempotency_key'],
    ],
  },
  get_brief: { required: [], optional: ['max_tokens', 'since'] },
  query_history: {
    required: [],
    optional: [
      'id',
      'vendor',
      'entity',
      'actor',
      'from',
      'to',
      'since',
      'as_of',
      'limit',
      'offset',
      'cursor',
    ],
  },
  undo: {
    required: [],
    optional: ['change_id', 'actor', 'since', 'apply', 'partial', 'updated_by', 'idempotency_key'],
  },
  apply_plan: { required: ['items'], optional: ['dry_run', 'created_by', 'idempotency_key'] },
  update_work_items: { required: ['updates'], optional: ['updated_by', 'idempotency_key'] },
};

describeBothDatabases((surface) => {
  it.each(Object.keys(ARGUMENTS))('lists %s with its arguments, flat', async (name) => {
    const tool = (await surface.client().listTools()).find((candidate) => candidate.name === name);
    const { required = [], optional = [] } = ARGUMENTS[name] ?? {};
    expect(tool?.inputSchema).toMatchObject({ type: 'object' });
    expect(tool?.inputSchema.required ?? []).toEqual(required);
    // What every tool has that only reads, and every list.
    const reads = tool?.annotations?.readOnlyHint === true;
    const output = TOOLS.find((candidate) => candidate.name === name)?.output.shape ?? {};
    const lists = reads && 'items' in output;
    const reading = [...(reads ? ['max_tokens'] : []), ...(lists ? ['fields'] : [])];
    expect(Object.keys(tool?.inputSchema.properties ?? {}).sort()).toEqual(
      [...new Set([...required, ...optional, ...reading])].sort(),
    );
  });

  it('register_vendor starts a vendor with everything unproven, under a name that is free in any case', async () => {
    const name = surface.unique('Vendor');
    const vendor = await surface.write('register_vendor', { name: ` ${name} ` });
    expect(vendor).toMatchObject({
      ...{ name, version: 1, status: 'broken', extractor_version: '0.0.0', created_by: surface.clientName },
      metadata: {
        format_support: { excel: false, csv: false, pdf: false, ocr: false },
        test_results: { passing: 0, total: 0, skipped: 0 },
        manifest_compliant: false,
      },
    });
    const before = await surface.feedPosition();
    const constraint = await surface.refuseField('name', 'register_vendor', { name: name.toUpperCase() });
    expect(constraint).toContain(`"${name}" exists`);
    expect(await surface.feedPosition()).toBe(before);

    const again = { name: surface.unique('Vendor'), idempotency_key: surface.unique('key') };
    const first = await surface.call('register_vendor', again);
    expect(await surface.call('register_vendor', again)).toEqual({ ...first, repeated: true });
  });

  it('list_vendors filters, counts by status and pages by name', async () => {
    const stem = surface.unique('listed');
    const register = (n: number, fields: Row): Promise<Row> =>
      surface.call('register_vendor', { name: `${stem} ${n}`, ...fields });
    await register(2, { status: 'operational', metadata: { format_support: { pdf: true } } });
    await register(1, {});
    await register(3, { metadata: { format_support: { pdf: true, csv: true } } });
    const names = async (filter: Row): Promise<unknown[]> => {
      const page = await surface.call('list_vendors', { text: stem, ...filter });
      return rows(page['items']).map(({ name }) => text(name).slice(-1));
    };
    expect(await names({})).toEqual(['1', '2', '3']);
    expect(await names({ status: 'operational' })).toEqual(['2']);
    expect(await names({ format: 'pdf' })).toEqual(['2', '3']);
    expect(await names({ format: 'csv', status: 'operational' })).toEqual([]);
    const page = await surface.call('list_vendors', { text: stem, limit: 2 });
    expect(page).toMatchObject({ total_count: 3, next_cursor: expect.any(String) as string });
    expect(await names({ limit: 2, cursor: page['next_cursor'] })).toEqual(['3']);
    const summary = page['summary'] as { operational: number; broken: number };
    expect(summary.operational + summary.broken).toBeGreaterThanOrEqual(3);
    await surface.refuseField('format', 'list_vendors', { format: 'xml' });
  });

  it('list_deployments gives the timeline by date, vendor, work item and compliance', async () => {
    const vendor = await surface.vendor();
    const item = await surface.item();
    const record = (day: number, links: Row, compliant = true): Promise<Row> =>
      surface.call('record_deployment', {
        ...DEPLOYMENT,
        deployed_at: `2031-01-0${day}T12:00:00Z`,
        metadata: { ...DEPLOYMENT.metadata, pr_number: day, constitutional_compliance: compliant },
        ...links,
      });
    await record(2, { affected_vendors: [vendor['name']] });
    await record(3, { affected_vendors: [vendor['name']], related_work_item_ids: [item['id']] }, false);
    await record(1, { related_work_item_ids: [item['id']] });
    const days = async (filter: Row): Promise<unknown[]> => {
      const page = await surface.call('list_deployments', { from: '2031-01-01T00:00:00Z', ...filter });
      return rows(page['items']).map(({ pr_number }) => pr_number);
    };
    expect(await days({})).toEqual([3, 2, 1]);
    expect(await days({ vendor: text(vendor['name']).toUpperCase() })).toEqual([3, 2]);
    expect(await days({ work_item_id: text(item['id']).slice(0, 8) })).toEqual([3, 1]);
    expect(await days({ compliant: true })).toEqual([2, 1]);
    expect(await days({ from: '2031-01-02T12:00:00Z', to: '2031-01-02T14:00:00+02:00' })).toEqual([2]);
    await surface.refuse('NotFoundError', 'list_deployments', { vendor: 'nobody' });
  });

  it('query_deployment tells what a deployment touched and what that holds up', async () => {
    const vendor = await surface.vendor();
    const item = await surface.item({ title: 'Related' });
    const downstream = await surface.item({ title: 'Downstream' });
    await surface.call('link_work_items', {
      ...{ source_id: item['id'], target_id: downstream['id'], dependency_type: 'blocks' },
    });
    const deployment = await surface.call('record_deployment', {
      ...{ ...DEPLOYMENT, affected_vendors: [vendor['name']], related_work_item_ids: [item['id']] },
    });
    const view = await surface.call('query_deployment', { id: text(deployment['id']).slice(0, 10) });
    expect(view).toMatchObject({
      ...{ id: deployment['id'], version: 1, commit_hash: DEPLOYMENT.commit_hash },
      metadata: DEPLOYMENT.metadata,
      affected_vendors: [{ id: vendor['id'], name: vendor['name'], status: 'broken' }],
      related_work_items: [{ id: item['id'], title: 'Related' }],
      impact: {
        ...{ vendors_affected: 1, vendors_broken: [vendor['name']] },
        ...{
          work_items_related: 1,
          work_items_open: [{ id: item['id'], title: 'Related', status: 'active' }],
        },
        work_items_downstream: [{ id: downstream['id'], title: 'Downstream', status: 'active' }],
      },
    });
    const id = '00000000-0000-4000-8000-000000000000';
    const { details } = await surface.refuse('NotFoundError', 'query_deployment', { id });
    expect(details).toMatchObject({ entity: 'deployment', id });
  });

  it('update_project_configuration changes the settings under their version', async () => {
    const before = await surface.call('get_project_configuration');
    const session = await surface.item({ item_type: 'session' });
    const version = before['version'];
    await surface.call('update_project_configuration', {
      ...{ version, active_context_type: 'maintenance', current_session_id: text(session['id']).slice(0, 8) },
      ...{ default_token_budget: 50_000, archive_after_days: 30 },
    });
    const changed = await surface.call('get_project_configuration');
    expect(changed).toMatchObject({
      ...{
        version: Number(version) + 1,
        active_context_type: 'maintenance',
        current_session_id: session['id'],
      },
      ...{ default_token_budget: 50_000, archive_after_days: 30, updated_by: surface.clientName },
    });
    expect(await surface.item({ item_type: 'session' })).toMatchObject({
      metadata: { token_budget: 50_000 },
    });
    const stale = await surface.refuse('VersionConflictError', 'update_project_configuration', {
      ...{ version, active_context_type: 'research' },
    });
    expect(stale.details).toMatchObject({
      current_version: changed['version'],
      overlap: ['active_context_type'],
    });
    const ended = { version: changed['version'], current_session_id: null };
    expect(await surface.call('update_project_configuration', ended)).toMatchObject({
      current_session_id: null,
    });
    expect(await surface.call('get_project_configuration')).not.toHaveProperty('current_session_id');
  });

  it('link_work_items adds, repeats harmlessly, refuses what would hold up for ever, and removes', async () => {
    const [a, b] = [await surface.item({ title: 'A' }), await surface.item({ title: 'B' })];
    const blocks = { source_id: a['id'], target_id: b['id'], dependency_type: 'blocks' };
    const same = { source_id: b['id'], target_id: a['id'], dependency_type: 'depends_on' };
    const link = await surface.call('link_work_items', blocks);
    expect(link).toMatchObject({ ...blocks, created_by: surface.clientName, removed: false });

    const position = await surface.feedPosition();
    expect(await surface.call('link_work_items', same)).toMatchObject({
      ...blocks,
      warnings: [{ code: 'already_linked' }],
    });
    const { details } = await surface.refuse('ValidationError', 'link_work_items', {
      ...blocks,
      source_id: b['id'],
      target_id: a['id'],
    });
    expect(rows(details['cycle']).map(({ title }) => title)).toHaveLength(3);
    await surface.refuseField('target_id', 'link_work_items', { ...blocks, target_id: a['id'] });
    expect(await surface.feedPosition()).toBe(position);

    expect(await surface.call('link_work_items', { ...same, remove: true })).toMatchObject({ removed: true });
    expect(await surface.call('query_work_item', { id: a['id'] })).not.toHaveProperty('dependencies');
    await surface.refuse('NotFoundError', 'link_work_items', { ...blocks, remove: true });
  });

  it('claim_work_item takes, keeps, fences, hands over and gives back', async () => {
    const label = surface.unique('label');
    const [first, second] = [
      await surface.item({ title: 'First', labels: [label], priority: 1 }),
      await surface.item({ title: 'Second', labels: [label] }),
    ];
    await surface.call('link_work_items', {
      ...{ source_id: first['id'], target_id: second['id'], dependency_type: 'blocks' },
    });
    const claimed = await surface.call('claim_work_item', { label });
    expect(claimed).toMatchObject({
      ...{ id: first['id'], version: 1, claimed_by: surface.clientName },
    });
    const { claim_token } = claimed;
    const none = await surface.call('claim_work_item', { label });
    expect(none).toMatchObject({ claim_token: null, waiting_count: 2 });
    expect(none['nothing_ready']).toContain(`"Second" (${short(second['id'])}) waits for "First"`);

    const { id } = first;
    const held = await surface.refuse('ClaimError', 'claim_work_item', { id });
    expect(held.details).toEqual({
      ...{ claimed_by: surface.clientName, claim_expires_at: claimed['claim_expires_at'] },
      claim_token,
    });
    const handed = await surface.call('claim_work_item', {
      ...{ id, action: 'hand_over', claim_token, to: 'Ada' },
    });
    await surface.refuse('ClaimError', 'update_work_item', { id, version: 1, title: 'X', claim_token });
    await surface.refuse('ClaimError', 'link_work_items', {
      ...{ source_id: id, target_id: second['id'], dependency_type: 'blocks', remove: true, claim_token },
    });
    const taken = await surface.call('claim_work_item', { id, claimed_by: 'Ada' });
    expect(Number(taken['claim_token'])).toBeGreaterThan(Number(handed['claim_token']));
    const token = { claim_token: taken['claim_token'] };
    const without = await surface.call('update_work_item', { id, version: 1, title: 'Without' });
    expect(without).not.toHaveProperty('warnings');
    expect(await surface.call('claim_work_item', { id, action: 'renew', lease_minutes: 60 })).toMatchObject(
      token,
    );
    await surface.call('update_work_item', { id, version: 2, status: 'completed', ...token });
    expect(await surface.call('claim_work_item', { label })).toMatchObject({ id: second['id'] });
    await surface.refuseField('to', 'claim_work_item', { id, action: 'hand_over', claim_token: 2 });
  });

  it('list_work_items explains why items are not ready', async () => {
    const label = surface.unique('label');
    const blocker = await surface.item({ title: 'Blocker', status: 'blocked', labels: [label] });
    const waiting = await surface.item({ title: 'Waiting', labels: [label] });
    await surface.item({ title: 'Ready', labels: [label] });
    await surface.call('link_work_items', {
      ...{ source_id: waiting['id'], target_id: blocker['id'], dependency_type: 'depends_on' },
    });
    const list = await surface.client().callTool('list_work_items', { label, explain: true, sort: 'title' });
    expect(rows(list.structured?.['items'])).toMatchObject([
      { title: 'Blocker', not_ready: 'is blocked' },
      { title: 'Ready' },
      { title: 'Waiting', not_ready: `waits for "Blocker" (${short(blocker['id'])})` },
    ]);
    expect(rows(list.structured?.['items'])[1]).not.toHaveProperty('not_ready');
    expect(list.text).toContain(`; not ready: waits for "Blocker" (${short(blocker['id'])})`);
  });

  it('query_history tells who changed what, of one record or since a position', async () => {
    const start = await surface.feedPosition();
    const item = await surface.item({ title: 'Before' });
    await surface.call('update_work_item', {
      id: item['id'],
      version: 1,
      title: 'After',
      metadata: { actual_hours: 1 },
      updated_by: 'Ada',
    });
    const vendor = await surface.vendor();
    const ofItem = await surface.call('query_history', { id: text(item['id']).slice(0, 8) });
    expect(ofItem).toMatchObject({ total_count: 2, next_cursor: null, latest_seq: start + 3 });
    expect(rows(ofItem['items'])).toMatchObject([
      {
        ...{
          seq: start + 2,
          actor: 'Ada',
          client: 'tester/1.0.0',
          kind: 'update',
          version: 2,
        },
        fields: [
          { field: 'title', from: 'Before', to: 'After' },
          { field: 'metadata.actual_hours', from: null, to: 1 },
        ],
      },
      { seq: start + 1, entity: 'work_item', entity_id: short(item['id']), kind: 'create', version: 1 },
    ]);
    const sequence = async (filter: Row): Promise<unknown[]> =>
      rows((await surface.call('query_history', filter))['items']).map(({ seq }) => Number(seq) - start);
    expect(await sequence({ since: start })).toEqual([1, 2, 3]);
    expect(await sequence({ since: start, limit: 2 })).toEqual([1, 2]);
    expect(await sequence({ since: start + 3 })).toEqual([]);
    expect(await sequence({ vendor: vendor['name'] })).toEqual([3]);
    expect(await sequence({ since: start, entity: 'work_item', actor: 'Ada' })).toEqual([2]);
    await surface.refuse('NotFoundError', 'query_history', { id: 'ffffff00' });
  });
});
