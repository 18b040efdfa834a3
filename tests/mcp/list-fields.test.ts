// `fields` of every tool that lists records: only those come back, and a name that is none is refused.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import * as z from 'zod';
import { beforeAll, expect, it } from 'vitest';
import { TOOLS } from '../../src/mcp/registry.ts';
import { rows, type Row } from './calls.ts';
import { describeBothDatabases } from './surfaces.ts';

const LISTS = TOOLS.filter(
  ({ annotations, output }) => annotations.readOnlyHint && output.shape['items'] instanceof z.ZodArray,
).map(({ name }) => name);

describeBothDatabases((surface) => {
  const call = (name: string, input: Row) => surface.client().callTool(name, input);
  beforeAll(async () => {
    for (let n = 0; n < 20; n += 1) {
      await surface.item({ title: `Item ${n}`, assignee: 'ada', description: 'A sentence.\n'.repeat(20) });
    }
  });

  it('is an argument of every tool that lists records', async () => {
    const tools = await surface.client().listTools();
    const taking = tools.filter(
      ({ name, inputSchema }) => name !== 'resolve_conflict' && 'fields' in (inputSchema.properties ?? {}),
    );
    expect(taking.map(({ name }) => name).sort()).toEqual([...LISTS].sort());
    expect(LISTS).toContain('list_work_items');
  });

  it('leaves only what was asked for, in structured content and in text', async () => {
    const whole = await call('list_work_items', { limit: 20, fields: ['all'], max_tokens: 20_000 });
    const some = await call('list_work_items', { limit: 20, fields: ['title', 'assignee'] });
    const items = rows(some.structured?.['items']);
    expect(items).toHaveLength(20);
    for (const item of items) expect(Object.keys(item)).toEqual(['id', 'title', 'assignee']);
    expect(some.structured).toMatchObject({ total_count: 20, next_cursor: null });
    expect(rows(whole.structured?.['items'])).toHaveLength(20);
    for (const item of rows(whole.structured?.['items']))
      expect(item).toMatchObject({ description: 'A sentence.\n'.repeat(20), created_by: 'tester' });
    expect(some.text).toContain('title: Item 3; assignee: ada');
    expect(some.text).not.toContain('sentence');
    const cost = (answer: typeof whole) => encode(JSON.stringify(answer.structured)).length;
    expect(cost(some) * 4).toBeLessThan(cost(whole));
    expect(whole.text).toContain('; description: A sentence. A sentence.');
    // As a client sends it that makes text of everything.
    const spoken = await call('list_work_items', { limit: 20, fields: '["title","assignee"]' });
    expect(spoken.structured).toEqual(some.structured);
  });

  it('takes the fields of each list', async () => {
    const changes = await call('query_history', { limit: 3, fields: ['seq', 'actor'] });
    for (const change of rows(changes.structured?.['items']))
      expect(Object.keys(change).sort()).toEqual(['actor', 'seq']);
  });

  it('refuses a name that is no field, and names those that are', async () => {
    const message = await surface.refuseField('fields[0]', 'list_work_items', { fields: ['titel'] });
    expect(message).toContain('title');
  });
});
