// What holds for all of the eight contract tools alike: schemas, strictness, who wrote, retries, JSON text.
import { describe, expect, it } from 'vitest';
import { type Row, refusalOf, rows } from './calls.ts';
import { CONTRACT_TOOLS, DEPLOYMENT } from './contract-tools.ts';
import { schemaKeywords } from './json-schemas.ts';
import { describeEverySurface } from './surfaces.ts';

describeEverySurface((surface) => {
  it('lists the tools with the arguments of the contract, flat', async () => {
    const listed = new Map((await surface.client().listTools()).map((tool) => [tool.name, tool]));
    for (const { name, required, optional, added, readOnly } of CONTRACT_TOOLS) {
      const tool = listed.get(name);
      const schema = tool?.inputSchema as Row;
      expect(schema['type'], name).toBe('object');
      expect(schema['required'] ?? [], name).toEqual(required);
      expect(Object.keys((schema['properties'] ?? {}) as Row).sort(), name).toEqual(
        [...required, ...optional, ...added].sort(),
      );
      const keywords = schemaKeywords(schema);
      for (const union of ['oneOf', 'anyOf', 'allOf', 'not', 'if', '$ref']) {
        expect(keywords, name).not.toContain(union);
      }
      expect(tool?.annotations?.readOnlyHint ?? false, name).toBe(readOnly);
    }
  });

  it('says what the defaults and limits are, where every client shows it', async () => {
    const schemas = new Map(
      (await surface.client().listTools()).map((tool) => [tool.name, tool.inputSchema]),
    );
    const told = (words: RegExp) => ({ description: expect.stringMatching(words) as unknown });
    expect(schemas.get('create_work_item')?.properties).toMatchObject({
      item_type: { enum: ['project', 'session', 'task', 'research'] },
      title: { type: 'string', ...told(/at most 200 characters/) },
      status: {
        enum: ['planned', 'active', 'blocked', 'completed', 'cancelled'],
        ...told(/Default active/),
      },
      priority: { type: 'integer', ...told(/1 \(highest\) to 5; default 3/) },
      labels: { type: 'array', ...told(/At most 32/) },
      parent_id: { type: 'string' },
      metadata: { type: 'object' },
    });
    expect(schemas.get('query_work_item')?.properties).toMatchObject({
      include_children: { type: 'boolean', ...told(/default true/) },
      include_dependencies: { type: 'boolean', ...told(/default true/) },
      max_depth: { type: 'integer', ...told(/at most 5/) },
    });
    expect(schemas.get('list_work_items')?.properties).toMatchObject({
      limit: { type: 'integer', ...told(/default 50, at most 100/) },
    });
    expect(schemas.get('update_work_item')?.properties).toMatchObject({
      on_conflict: { enum: ['reject', 'merge'], ...told(/default reject/) },
    });
  });

  it('has output schemas that hold for answers and for errors', async () => {
    for (const { name, outputSchema } of await surface.client().listTools())
      expect(outputSchema, name).toEqual({ type: 'object' });
    for (const tool of CONTRACT_TOOLS) await surface.call(tool.name, await tool.valid(surface));
  });

  describe.each(CONTRACT_TOOLS)('$name', ({ name, required, optional, added, valid }) => {
    it('refuses an argument it does not know, naming the nearest', async () => {
      const given = await valid(surface);
      const before = await surface.feedPosition();
      const nearest = [...required, ...optional].at(-1) ?? added.at(-1) ?? '';
      const misspelt = `${nearest}x`;
      const constraint = await surface.refuseField(misspelt, name, { ...given, [misspelt]: 1 });
      expect(constraint).toBe(`is not an argument here; it is called "${nearest}"`);
      expect(await surface.feedPosition()).toBe(before);
    });

    it('names every required argument that is missing', async () => {
      const result = await surface.client().callTool(name, {});
      if (required.length === 0) return expect(result.isError).toBe(false);
      const { error, next, details } = refusalOf(result);
      expect(error).toBe('ValidationError');
      expect(next).toContain('nothing was changed');
      expect(details.problems?.map(({ field }) => field)).toEqual(required);
      for (const { constraint } of details.problems ?? [])
        expect(constraint).toMatch(/^(is required|must be one of)/);
    });
  });

  it('takes the name of the client for the author unless one is given', async () => {
    const vendor = await surface.vendor();
    const item = await surface.item();
    const { clientName } = surface;
    expect(vendor).toMatchObject({ created_by: clientName, updated_by: clientName });
    expect(item).toMatchObject({ created_by: clientName, updated_by: clientName });
    expect(await surface.write('record_deployment', DEPLOYMENT)).toMatchObject({ created_by: clientName });
    const edit = { id: item['id'], status: 'blocked' };
    expect(await surface.write('update_work_item', { ...edit, version: 1 })).toMatchObject({
      updated_by: clientName,
    });
    const named = { name: vendor['name'], status: 'operational' };
    expect(await surface.write('update_vendor_status', { ...named, version: 1 })).toMatchObject({
      updated_by: clientName,
    });

    expect(await surface.item({ created_by: 'Ada' })).toMatchObject({ created_by: 'Ada', updated_by: 'Ada' });
    expect(await surface.write('record_deployment', { ...DEPLOYMENT, created_by: 'Ada' })).toMatchObject({
      created_by: 'Ada',
    });
    expect(await surface.write('update_work_item', { ...edit, version: 2, updated_by: 'Ada' })).toMatchObject(
      {
        created_by: clientName,
        updated_by: 'Ada',
      },
    );
    expect(
      await surface.write('update_vendor_status', { ...named, version: 2, updated_by: 'Ada' }),
    ).toMatchObject({
      updated_by: 'Ada',
    });
    const history = await surface.call('query_history', { id: item['id'] });
    expect(rows(history['items'])).toMatchObject([
      { actor: 'Ada', client: `${clientName}/1.0.0` },
      { actor: clientName, client: `${clientName}/1.0.0` },
      { actor: clientName, client: `${clientName}/1.0.0`, kind: 'create' },
    ]);
  });

  it.each(CONTRACT_TOOLS.filter(({ readOnly }) => !readOnly))(
    'answers a retried $name with its first result and changes nothing',
    async ({ name, valid, other }) => {
      const given = { ...(await valid(surface)), idempotency_key: surface.unique('retry') };
      const first = await surface.call(name, given);
      const before = await surface.feedPosition();
      expect(first).not.toHaveProperty('repeated');
      expect(await surface.call(name, given)).toEqual({ ...first, repeated: true });
      const constraint = await surface.refuseField('idempotency_key', name, { ...given, ...other });
      expect(constraint).toBe('was used before for another operation');
      expect(await surface.feedPosition()).toBe(before);
    },
  );

  it('takes objects and arrays as JSON text, and other text as what it is', async () => {
    const item = await surface.item({
      metadata: '{"estimated_hours": 2}',
      labels: '["ui", "login"]',
      description: '{"not": "decoded"}',
    });
    expect(item).toMatchObject({
      metadata: { estimated_hours: 2 },
      labels: ['ui', 'login'],
      description: '{"not": "decoded"}',
    });
    const update = { id: item['id'], version: 1, metadata: '{"estimated_hours": null}', labels: 'null' };
    expect(await surface.write('update_work_item', update)).toMatchObject({ metadata: {}, labels: [] });

    const vendor = await surface.vendor({ metadata: '{"manifest_compliant": true}' });
    const change = { name: vendor['name'], version: 1, metadata: '{"format_support": {"csv": true}}' };
    expect(await surface.write('update_vendor_status', change)).toMatchObject({
      metadata: { manifest_compliant: true, format_support: { csv: true, pdf: false } },
    });
    const deployment = await surface.write('record_deployment', {
      ...DEPLOYMENT,
      metadata: JSON.stringify(DEPLOYMENT.metadata),
      affected_vendors: JSON.stringify([vendor['name']]),
      affected_vendor_ids: JSON.stringify([vendor['id']]),
      related_work_item_ids: JSON.stringify([item['id']]),
    });
    expect(deployment).toMatchObject({
      metadata: DEPLOYMENT.metadata,
      affected_vendors: [{ id: vendor['id'] }],
      related_work_items: [{ id: item['id'] }],
    });
    const before = await surface.feedPosition();
    const refuse = (metadata: string) =>
      surface.refuseField('metadata', 'create_work_item', { item_type: 'task', title: 'x', metadata });
    expect(await refuse('{"unclosed": ')).toBe('must be an object, not a string');
    expect(await refuse('[1, 2]')).toBe('must be an object, not an array');
    expect(await surface.feedPosition()).toBe(before);
  });

  it('answers an unknown tool with the nearest name', async () => {
    const { details } = await surface.refuse('ValidationError', 'create_workitem', { title: 'x' });
    expect(details).toMatchObject({
      field: 'name',
      constraint: expect.stringContaining('the nearest is "create_work_item"') as string,
      value: 'create_workitem',
    });
  });
});
