// Servers that offer a few tools: what they answer names no other, and no argument that a tool does not take.
import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../src/mcp/registry.ts';
import { connect } from '../support/mcp-clients.ts';
import { temporaryProject } from '../support/program.ts';
import type { Row } from './calls.ts';

const LONG = 'Long. '.repeat(2_000);

const open = async (cwd: string, toolsets: string) =>
  await connect({ generation: 'current', transport: 'stdio', cwd, args: ['serve', '--toolsets', toolsets] });

async function longItem(cwd: string): Promise<Row> {
  const all = await open(cwd, 'core');
  const item = { item_type: 'task', title: 'Long', description: LONG, metadata: { log: LONG } };
  const { structured = {} } = await all.callTool('create_work_item', item);
  await all.callTool('update_work_item', { id: structured['id'], version: 1, priority: 1 });
  await all.close();
  return structured;
}

describe('a server of a few toolsets', () => {
  it('says of a claim that is shown in part what is true there', async () => {
    const cwd = await temporaryProject();
    const { id } = await longItem(cwd);
    const client = await open(cwd, 'work');
    const { text, isError } = await client.callTool('claim_work_item', { id });
    expect(isError, text).toBe(false);
    expect(text).toContain('description: ');
    expect(text).not.toContain('max_tokens');
    expect(text).not.toContain('query_work_item');
  });

  it('names in a conflict no tool that is not offered', async () => {
    const cwd = await temporaryProject();
    const { id } = await longItem(cwd);
    const client = await open(cwd, 'plan');
    const updates = [{ id, version: 1, priority: 2 }];
    const { text, isError } = await client.callTool('update_work_items', { updates });
    expect(isError, text).toBe(true);
    const offered = (await client.listTools()).map(({ name }) => name);
    const named = TOOLS.map(({ name }) => name).filter((name) => text.includes(name));
    expect(named.filter((name) => !offered.includes(name))).toEqual([]);
  });
});
