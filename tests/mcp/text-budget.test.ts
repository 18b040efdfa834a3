// `max_tokens` of every tool that reads: its text keeps the budget, says what was cut, and is the same twice.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { beforeAll, expect, it } from 'vitest';
import { TOOLS } from '../../src/mcp/registry.ts';
import type { Row } from './calls.ts';
import { describeBothDatabases } from './surfaces.ts';

const READING = TOOLS.filter(({ annotations }) => annotations.readOnlyHint).map(({ name }) => name);

describeBothDatabases((surface) => {
  let root: Row;
  beforeAll(async () => {
    root = await surface.item({ title: 'The root of all', description: 'A sentence.\n'.repeat(300) });
    for (let n = 0; n < 60; n += 1) {
      await surface.item({ title: `Nummer ${n} für die Größenänderung 部品 ${n}`, parent_id: root['id'] });
    }
  });

  it('is an argument of every tool that reads, and of no other', async () => {
    const tools = await surface.client().listTools();
    const taking = tools.filter(({ inputSchema }) => 'max_tokens' in (inputSchema.properties ?? {}));
    expect(taking.map(({ name }) => name).sort()).toEqual([...READING].sort());
  });

  it.each(['query_work_item', 'list_work_items', 'query_history'])('cuts the text of %s', async (name) => {
    const input = name === 'query_work_item' ? { id: root['id'] } : {};
    const said = async (more: Row): Promise<string> =>
      (await surface.client().callTool(name, { ...input, ...more })).text;
    const sizes: number[] = [];
    for (const max_tokens of [100, 400, 1_500, 4_000]) {
      const text = await said({ max_tokens });
      expect(encode(text).length).toBeLessThanOrEqual(max_tokens);
      expect(await said({ max_tokens })).toBe(text);
      if (max_tokens === 100) expect(text).toContain('a larger max_tokens shows them');
      sizes.push(text.length);
    }
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    expect(sizes[0]).toBeLessThan(sizes[1] ?? 0);
    expect(encode(await said({})).length).toBeLessThanOrEqual(4_000);
  });

  it('refuses a budget that no answer fits into', async () => {
    expect(await surface.refuseField('max_tokens', 'list_work_items', { max_tokens: 5 })).toContain(
      'at least 100',
    );
  });
});
