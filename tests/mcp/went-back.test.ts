// Each session over HTTP is told by itself of answers that are older than those it was given.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { connect, type TestClient } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { startHttp, temporaryProject } from '../support/program.ts';

interface Warning {
  code: string;
  message: string;
}

async function appeared(file: string): Promise<void> {
  for (const until = Date.now() + 20_000; !existsSync(file);) {
    if (Date.now() > until) throw new Error(`no ${path.basename(file)} after 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function list(client: TestClient): Promise<{ source: string; codes: string[]; text: string }> {
  const { structured = {}, text } = await client.callTool('list_work_items', {});
  const codes = ((structured['warnings'] ?? []) as Warning[]).map(({ code }) => code);
  return { source: String(structured['data_source']), codes, text };
}

describeUnless(postgresSkipReason(), 'two sessions of one server over HTTP', () => {
  it('are told of what each of them was shown', async () => {
    const postgres = await startPostgres({ own: true });
    cleanUpLater(() => postgres.stop());
    // Without a repository: a snapshot in git that was taken just now would be as new as what was shown.
    const project = await temporaryProject();
    const server = await startHttp({ project, args: ['--database', await postgres.createDatabase()] });
    cleanUpLater(async () => void (await server.stop()));
    const open = async () => {
      const client = await connect({ generation: 'previous', transport: 'http', url: server.url });
      cleanUpLater(() => client.close());
      return client;
    };
    const [mine, theirs] = [await open(), await open()];
    expect(await list(mine)).toMatchObject({ source: 'postgres', codes: [] });
    const cache = path.join(project, '.worktrail', 'cache.db');
    await appeared(cache);
    await mine.callTool('create_work_item', { item_type: 'task', title: 'Shown to one' });
    expect(await list(mine)).toMatchObject({ source: 'postgres', codes: [] });
    await appeared(path.join(project, '.project_status.md'));
    await postgres.halt('immediate');
    // A lesser copy does not know how far it is.
    for (const suffix of ['', '-wal', '-shm']) await rm(cache + suffix, { force: true });
    const told = await list(mine);
    expect(told.codes).toContain('went_back');
    expect(told.text).toContain('This may be older than an earlier answer');
    for (const _ of [1, 2]) expect((await list(theirs)).codes).not.toContain('went_back');
  });
});
