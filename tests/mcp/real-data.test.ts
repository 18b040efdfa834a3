// Three real trackers in one: what a client is told of them, and what that costs.
import path from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, it } from 'vitest';
import { connect } from '../support/mcp-clients.ts';
import { runCli, temporaryProject } from '../support/program.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { type Row, answerOf, rows, text } from './calls.ts';

describeWithSharedData('real data of three trackers together', (data) => {
  it('is told in a brief of 2,000 tokens that names the ready work, and listed in 1,000', async () => {
    const project = await temporaryProject();
    const sources: [string, string][] = [
      ['backlog-md', 'backlog-md'],
      ['beads', 'beads/issues.jsonl'],
      ['task-master', 'task-master/tasks.json'],
    ];
    for (const [kind, place] of sources) {
      const { code, stderr } = await runCli(['import', kind, path.join(data, place)], { project });
      expect(code, stderr).toBe(0);
    }
    const client = await connect({ generation: 'current', transport: 'stdio', cwd: project });
    const brief = await client.callTool('get_brief');
    const cost = encode(brief.text).length;
    const told = answerOf(brief);
    const ready = told['ready'] as Row;
    const list = await client.callTool('list_work_items');
    const listCost = encode(list.text).length;
    await client.close();

    console.log(
      `brief ${cost} tokens, ${rows(ready['items']).length} of ${text(String(ready['total']))} ready items named; list ${listCost} tokens`,
    );
    expect(cost).toBeLessThanOrEqual(2_000);
    expect(listCost).toBeLessThanOrEqual(1_000);
    expect(Number(ready['total'])).toBeGreaterThan(0);
    const named = rows(ready['items']);
    expect(named.length).toBeGreaterThanOrEqual(5);
    for (const { id } of named) expect(brief.text).toContain(text(id).slice(0, 8));
    const priorities = named.map(({ priority }) => Number(priority));
    expect(priorities).toEqual([...priorities].sort());
  });
});
