// A store that never answered, so that nothing can stand in for it: every client gets a DatabaseError in our words.
import { describe, expect, it } from 'vitest';
import { clientGenerations, connect } from '../support/mcp-clients.ts';
import { runCli, temporaryProject } from '../support/program.ts';
import { callerFor } from './calls.ts';
import { CONTRACT_TOOLS, COMMIT, DEPLOYMENT } from './contract-tools.ts';
import { serveArguments } from './surfaces.ts';

const DEAD_URL = 'postgres://someone:secret@127.0.0.1:1/nothing';
const ID = '00000000-0000-4000-8000-000000000000';

const ANY_CALL: Record<string, Record<string, unknown>> = {
  create_work_item: { item_type: 'task', title: 'x' },
  update_work_item: { id: ID, version: 1, title: 'x' },
  query_work_item: { id: ID },
  list_work_items: {},
  record_deployment: { ...DEPLOYMENT, commit_hash: COMMIT },
  query_vendor_status: { name: 'x' },
  update_vendor_status: { name: 'x', version: 1, status: 'broken' },
  get_project_configuration: {},
};

describe.concurrent.each(clientGenerations)(
  'a database that is not there, for the %s client',
  (generation) => {
    it('is told by every tool, while tools are still listed and arguments still checked', async () => {
      const cwd = await temporaryProject();
      const client = await connect({
        generation,
        transport: 'stdio',
        cwd,
        args: serveArguments(cwd, DEAD_URL),
      });
      const caller = callerFor(() => client);
      for (const { name } of CONTRACT_TOOLS) {
        const { details, message, next } = await caller.refuse('DatabaseError', name, ANY_CALL[name]);
        expect(details).toEqual({ layer: 'postgres', reason: 'nothing accepts connections at its address' });
        expect(message + next).not.toMatch(/secret|ECONNREFUSED|drop|delete|remove/i);
      }
      await caller.refuseField('limit', 'list_work_items', { limit: 0 });
      expect(client.stderr()).not.toContain('secret');
    });
  },
);

it('ends serve --http with 3', async () => {
  const project = await temporaryProject();
  const { code, stdout, stderr } = await runCli(['serve', '--http', '--port', '0', '--database', DEAD_URL], {
    project,
  });
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toContain('nothing accepts connections');
  expect(stderr).not.toContain('secret');
});
