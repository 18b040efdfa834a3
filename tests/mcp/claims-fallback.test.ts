// A claim while the database is away, by a real client of the real program: told as such, and settled afterwards.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { isProvisionalToken } from '../../src/domain/claim.ts';
import { CACHE_FILE } from '../../src/storage/opening/open-store.ts';
import { lookIntoCache } from '../../src/storage/replicas/cache-position.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { connect } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { temporaryProject } from '../support/program.ts';
import { rows, type Row } from './calls.ts';
import { serveArguments } from './surfaces.ts';

const PATIENCE_MS = 30_000;
const POLL_MS = 100;

describeUnless(postgresSkipReason(), 'a claim while the database is away', () => {
  it('holds here, says so, and is there when the database is back', { timeout: 120_000 }, async () => {
    const postgres = await startPostgres({ own: true });
    cleanUpLater(() => postgres.stop());
    const url = await postgres.createDatabase();
    const project = await temporaryProject({ git: true });
    const args = serveArguments(project, url, 'all');
    const client = await connect({ generation: 'current', transport: 'stdio', cwd: project, args });
    cleanUpLater(() => client.close());
    const call = async (tool: string, input: Row = {}) => {
      const { isError, structured, text } = await client.callTool(tool, input);
      expect(isError, text).toBe(false);
      return structured ?? {};
    };
    const eventually = async (check: () => Promise<boolean>) => {
      for (const until = Date.now() + PATIENCE_MS; !(await check()); await sleep(POLL_MS)) {
        expect(Date.now()).toBeLessThan(until);
      }
    };
    const { id } = await call('create_work_item', { item_type: 'task', title: 'Wanted' });
    const cacheFile = path.join(project, '.worktrail', CACHE_FILE);
    await eventually(() => Promise.resolve((lookIntoCache(cacheFile)?.identity.seq ?? 0) >= 1));
    await postgres.halt('immediate');

    const claimed = await call('claim_work_item');
    expect(claimed).toMatchObject({ id, claimed_by: 'test-client' });
    const claim_token = Number(claimed['claim_token']);
    expect(isProvisionalToken(claim_token)).toBe(true);
    const codes = rows(claimed['warnings']).map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['claim_provisional', 'saved_locally']));
    expect(await call('claim_work_item')).toMatchObject({ claim_token: null, waiting_count: 1 });
    const updated = await call('update_work_item', { id, version: 1, title: 'Mine', claim_token });

    await postgres.resume();
    await eventually(async () => (await call('list_conflicts'))['pending_count'] === 0);
    await eventually(async () => (await call('query_work_item', { id }))['data_source'] === 'postgres');
    expect(await call('query_work_item', { id })).toMatchObject({
      ...{ title: 'Mine', version: 2, claimed_by: 'test-client' },
    });
    expect(await call('list_conflicts')).toMatchObject({ total_count: 0 });
    const completed = { id, version: updated['version'], status: 'completed', claim_token };
    expect(await call('update_work_item', completed)).toMatchObject({ version: 3, status: 'completed' });
    expect(await call('query_work_item', { id })).not.toHaveProperty('claimed_by');
  });
});
