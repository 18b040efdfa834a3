// Subscribed clients of every generation hear of what other processes change, over every transport, on either database.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithPostgres } from '../support/describe-with.ts';
import { clientGenerations } from '../support/mcp-clients.ts';
import { type HttpProgram, startHttp, temporaryProject } from '../support/program.ts';
import { type LiveClient, type Where, connectLive } from './live-clients.ts';
import { isLong } from '../torture/scale.ts';
import { serveArguments } from './surfaces.ts';

/** One second is promised; a busy machine that runs tests may need longer. */
const HEARD_WITHIN_MS = 5_000;
const SILENCE_MS = 1_500;
const URIS_PER_CLIENT_MAX = 200;

const MEETINGS = clientGenerations.flatMap((generation) =>
  (['stdio', 'http', 'sse'] as const)
    .filter((transport) => generation !== 'current-2026' || transport !== 'sse')
    .map((transport) => ({ generation, transport })),
);

/** What a client and the server say to each other does not depend on what stands behind: each transport once. */
const ON_POSTGRES = MEETINGS.filter(
  ({ generation, transport }) =>
    isLong ||
    (transport === 'stdio' && generation === 'previous') ||
    (transport === 'http' && generation === 'current-2026') ||
    (transport === 'sse' && generation === 'current'),
);

const delays: string[] = [];
afterAll(() => console.log(`heard after (ms from the answer to the write):\n${delays.join('\n')}`));

function suite(database: string, meetings: typeof MEETINGS, createDatabase: () => Promise<string>): void {
  let project: string;
  let url: string;
  let http: HttpProgram;
  /** Another process on the same tracker, through which the others' changes are made. */
  let writer: LiveClient;

  beforeAll(async () => {
    project = await temporaryProject({ git: true });
    url = await createDatabase();
    http = await startHttp({ project, args: ['--database', url, '--toolsets', 'all'] });
    writer = await connectLive('current', { args: serveArguments(project, url), cwd: project });
  });
  afterAll(() => http.stop());

  const where = (transport: 'stdio' | 'http' | 'sse'): Where =>
    transport === 'stdio'
      ? { args: serveArguments(project, url), cwd: project }
      : { url: http.url, transport };
  const makeItem = (title: string) => writer.call('create_work_item', { item_type: 'task', title });
  let vendors = 0;
  const makeVendor = () => writer.call('register_vendor', { name: `Vendor & Co ${(vendors += 1)}` });

  describe.each(meetings)('$generation over $transport', ({ generation, transport }) => {
    it("hears of another process's change of an item, a link to it, a vendor, and of what shows them", async () => {
      const [item, blocker, vendor] = [
        await makeItem('Watched'),
        await makeItem('Blocker'),
        await makeVendor(),
      ];
      const itemUri = `worktrail://work-items/${String(item['id'])}`;
      const shortUri = `worktrail://work-items/${String(item['id']).slice(0, 8)}`;
      const vendorUri = `worktrail://vendors/${encodeURIComponent(String(vendor['name']).toUpperCase())}`;
      const client = await connectLive(generation, where(transport));
      await client.subscribe(itemUri, shortUri, vendorUri, 'worktrail://status', 'worktrail://deployments');

      const hearing = async (what: string, change: () => Promise<unknown>, uris: string[]) => {
        const since = performance.now();
        await change();
        const answered = performance.now();
        const heard = await Promise.all(uris.map((uri) => client.hears(uri, since)));
        const delay = Math.max(...heard.map(({ at }) => at - answered));
        delays.push(`${database} ${generation} ${transport} ${what}: ${delay.toFixed(0)}`);
        expect(delay).toBeLessThan(HEARD_WITHIN_MS);
      };
      await hearing(
        'item',
        () => writer.call('update_work_item', { id: item['id'], version: 1, status: 'blocked' }),
        [itemUri, shortUri, 'worktrail://status'],
      );
      expect((await client.read(itemUri)).text).toContain('blocked');
      const link = { source_id: blocker['id'], target_id: item['id'], dependency_type: 'blocks' };
      await hearing('link', () => writer.call('link_work_items', link), [itemUri]);
      await hearing(
        'linked item',
        () => writer.call('update_work_item', { id: blocker['id'], version: 1, status: 'completed' }),
        [itemUri],
      );
      await hearing(
        'vendor',
        () =>
          writer.call('update_vendor_status', { name: vendor['name'], version: 1, status: 'operational' }),
        [vendorUri],
      );
      expect(JSON.parse((await client.read(vendorUri)).text)).toMatchObject({ status: 'operational' });
      const deployment = {
        deployed_at: '2026-01-31T09:30:00Z',
        commit_hash: '0123456789abcdef0123456789abcdef01234567',
        metadata: {
          pr_number: 7,
          pr_title: 'Ship',
          test_summary: { unit: 1 },
          constitutional_compliance: true,
        },
      };
      await hearing('deployment', () => writer.call('record_deployment', deployment), [
        'worktrail://deployments',
      ]);
      expect((await client.read('worktrail://deployments')).text).toContain('PR #7 Ship');
      await client.close();
    });

    it('hears of its own changes, of nothing else, and of nothing after it unsubscribed', async () => {
      const client = await connectLive(generation, where(transport));
      const create = { item_type: 'task', title: 'Mine' };
      const [mine, other] = [
        await client.call('create_work_item', create),
        await client.call('create_work_item', create),
      ];
      const uri = (item: Record<string, unknown>) => `worktrail://work-items/${String(item['id'])}`;
      // Where others are subscribed, what was changed just before may be told too.
      await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
      const endMine = await client.subscribe(uri(mine));
      await client.subscribe(uri(other));
      await client.call('update_work_item', { id: mine['id'], version: 1, priority: 1 });
      await client.hears(uri(mine));
      expect(client.heard.map((heard) => heard.uri)).not.toContain(uri(other));

      await endMine();
      const since = performance.now();
      await client.call('update_work_item', { id: mine['id'], version: 2, priority: 2 });
      await client.call('update_work_item', { id: other['id'], version: 1, priority: 2 });
      await client.hears(uri(other), since);
      await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
      const later = client.heard.filter(({ at }) => at > since);
      expect(later.map((heard) => heard.uri)).toEqual([uri(other)]);
      await client.close();
    });

    it('is refused what is not there, and more than can be watched', async () => {
      const client = await connectLive(generation, where(transport));
      for (const uri of ['worktrail://nothing', 'https://example.com/', 'worktrail://work-items/', '']) {
        await expect(client.subscribe(uri), uri).rejects.toThrow(/worktrail:\/\/status/);
      }
      if (generation !== 'current-2026') {
        await expect(client.subscribe('worktrail://work-items/00000000')).rejects.toThrow(/no work item/);
        await expect(client.subscribe('worktrail://vendors/nobody')).rejects.toThrow(/no vendor/);
      }
      if (generation === 'current-2026') {
        const many = Array.from({ length: URIS_PER_CLIENT_MAX + 1 }, (_, n) => `worktrail://vendors/v${n}`);
        await expect(client.subscribe(...many)).rejects.toThrow(/At most 200 resources/);
        const end = await client.subscribe(...many.slice(1));
        await end();
      }
      await client.close();
    });
  });

  it('tells several clients of one server, each once per change', async () => {
    const item = await makeItem('Shared');
    const uri = `worktrail://work-items/${String(item['id'])}`;
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    const clients = await Promise.all(
      MEETINGS.filter(({ transport }) => transport !== 'stdio').map(({ generation, transport }) =>
        connectLive(generation, where(transport)),
      ),
    );
    await Promise.all(clients.map((client) => client.subscribe(uri)));
    await writer.call('update_work_item', { id: item['id'], version: 1, title: 'Shared, changed' });
    await Promise.all(clients.map((client) => client.hears(uri)));
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    for (const client of clients) expect(client.heard.map((heard) => heard.uri)).toEqual([uri]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('ends within two seconds although somebody is subscribed', async () => {
    for (const generation of clientGenerations) {
      const client = await connectLive(generation, where('stdio'));
      await client.subscribe('worktrail://status');
      const started = performance.now();
      const pid = client.pid() ?? 0;
      await client.close();
      expect(() => process.kill(pid, 0)).toThrow();
      expect(performance.now() - started).toBeLessThan(HEARD_WITHIN_MS);
    }
  });
}

describe('subscriptions on sqlite', () => suite('sqlite', MEETINGS, () => Promise.resolve('embedded')));
describeWithPostgres('subscriptions on postgres', (server) =>
  suite('postgres', ON_POSTGRES, () => server.createDatabase()),
);
