// Many writers on one tracker, each a process of its own: everything acknowledged is there, once.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connect } from '../support/mcp-clients.ts';
import { startHttp } from '../support/program.ts';
import { episodes } from '../torture/scale.ts';
import { describeEachDatabase, type Place } from './place.ts';
import { Server, type Answer, type Outcome } from './server.ts';
import { expectCompleteFeed, rate } from './soundness.ts';

const LONG_MS = 240_000;
const WRITERS = 16;
const WRITES_EACH = episodes(4, 100);
/** Of the clients of the counter, those with a server process of their own; the others share one over HTTP. */
const COUNTING_PROCESSES = episodes(4, 10);
const COUNTING_OVER_HTTP = episodes(4, 40);
const INCREMENTS_EACH = episodes(4, 20);
const RIVAL_ROUNDS = episodes(4, 25);
/** A client that was too late waits up to this long, and up to twice as long every further time. */
const BACK_OFF_MIN_MS = 4;
const BACK_OFF_MAX_MS = 256;

describeEachDatabase('processes that write at the same time', (newPlace, source) => {
  it(
    `acknowledges ${WRITERS} × ${WRITES_EACH} creates and links, and keeps every one of them`,
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const servers = await Server.startMany(place, WRITERS);
      const created: string[] = [];
      const linked = new Set<string>();
      const pair = newPairs(created);
      const started = performance.now();
      await Promise.all(
        servers.map(async (server, writer) => {
          for (let write = 0; write < WRITES_EACH; write += 1) {
            const [target, source_id] = write % 3 === 2 ? pair() : [];
            if (target === undefined) {
              created.push(await server.create({ title: `item ${write} of writer ${writer}` }));
              continue;
            }
            const link = { source_id, target_id: target, dependency_type: 'discovered_from' };
            const answer = await server.answer('link_work_items', link);
            linked.add(`${String(answer['source_id'])} ${String(answer['target_id'])}`);
          }
        }),
      );
      console.info(`${source}: ${rate(WRITERS * WRITES_EACH, started)} by ${WRITERS} processes`);

      const stored = await place.rows('select id, version, created_by from work_items');
      expect(stored.map(({ id }) => id).sort()).toEqual(created.sort());
      expect(new Set(stored.map(({ version }) => Number(version)))).toEqual(new Set([1]));
      expect(new Set(stored.map(({ created_by }) => created_by)).size).toBe(WRITERS);
      const links = await place.rows('select source_id, target_id from work_item_dependencies');
      expect(links.map((link) => `${String(link['source_id'])} ${String(link['target_id'])}`).sort()).toEqual(
        [...linked].sort(),
      );
      expect(created.length + linked.size).toBe(WRITERS * WRITES_EACH);
      await expectCompleteFeed(place, servers[0] as Server, created.length + linked.size);
    },
  );

  it(
    `counts exactly ${COUNTING_PROCESSES + COUNTING_OVER_HTTP} × ${INCREMENTS_EACH} version-checked increments of one number`,
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const servers = await Server.startMany(place, COUNTING_PROCESSES);
      const id = await (servers[0] as Server).create({ title: 'the counter', metadata: { count: 0 } });
      const clients = [...servers.map(callerOf), ...(await httpCallers(place, COUNTING_OVER_HTTP))];
      const started = performance.now();
      const retries = await Promise.all(clients.map((call) => increment(call, id, INCREMENTS_EACH)));
      const total = clients.length * INCREMENTS_EACH;
      const conflicts = retries.reduce((sum, count) => sum + count, 0);
      console.info(
        `${source}: ${rate(total, started)} by ${clients.length} clients, ${conflicts} conflicts retried`,
      );

      const item = await (servers[1] as Server).answer('query_work_item', { id });
      expect(item['metadata']).toEqual({ count: total });
      expect(item['version']).toBe(total + 1);
      await expectCompleteFeed(place, servers[1] as Server, total + 1);
    },
  );

  it(
    'lets exactly one of three writers win who start from the same version',
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const servers = await Server.startMany(place, 3);
      const id = await (servers[0] as Server).create();
      for (let version = 1; version <= RIVAL_ROUNDS; version += 1) {
        const outcomes = await Promise.all(
          servers.map((server) =>
            server.call('update_work_item', { id, version, title: `${server.name} at ${version}` }),
          ),
        );
        const winners = outcomes.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
        const losers = outcomes.flatMap(({ failure }) => failure ?? []);
        expect(winners.map((winner) => winner['version'])).toEqual([version + 1]);
        expect(losers.map(({ error }) => error)).toEqual(['VersionConflictError', 'VersionConflictError']);
        for (const { details } of losers) {
          expect(details).toMatchObject({ expected_version: version, current_version: version + 1 });
          expect(details['current']).toMatchObject({ title: winners[0]?.['title'] });
        }
      }
      await expectCompleteFeed(place, servers[0] as Server, RIVAL_ROUNDS + 1);
    },
  );
});

type Call = (tool: string, args: Answer) => Promise<Outcome>;

function callerOf(server: Server): Call {
  return (tool, args) => server.call(tool, args);
}

async function httpCallers(place: Place, count: number): Promise<Call[]> {
  const { url } = await startHttp({ project: place.project, args: place.args });
  const clients = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      connect({ transport: 'http', generation: 'current', url, clientName: `http-${index}` }),
    ),
  );
  return clients.map((client) => async (tool, args) => {
    const result = await client.callTool(tool, args);
    if (result.isError) return { failure: JSON.parse(result.text) as never };
    return { answer: result.structured ?? {} };
  });
}

/** Adds 1 to the number `times` times, each time from what it last saw; answers how often others were faster. */
async function increment(call: Call, id: string, times: number): Promise<number> {
  let seen = counterOf((await call('query_work_item', { id })).answer);
  let conflicts = 0;
  for (let done = 0, backOffMs = BACK_OFF_MIN_MS; done < times;) {
    const { answer, failure } = await call('update_work_item', {
      id,
      version: seen.version,
      metadata: { count: seen.count + 1 },
    });
    if (answer !== undefined) {
      seen = counterOf(answer);
      done += 1;
      backOffMs = BACK_OFF_MIN_MS;
      continue;
    }
    if (failure.error !== 'VersionConflictError') throw new Error(JSON.stringify(failure));
    conflicts += 1;
    // Fifty clients that all repeat at once would mostly be in each other's way.
    await sleep(Math.random() * backOffMs);
    backOffMs = Math.min(backOffMs * 2, BACK_OFF_MAX_MS);
    seen = counterOf((await call('query_work_item', { id })).answer);
  }
  return conflicts;
}

function counterOf(item: Answer | undefined): { version: number; count: number } {
  const { version, metadata } = item as { version: number; metadata: { count: number } };
  return { version, count: metadata.count };
}

/** Two of the items that any writer made, another pair with every call; none while there are too few. */
function newPairs(created: readonly string[]): () => [string, string] | [] {
  let target = 1;
  let source = 0;
  return () => {
    const ends = [created[source], created[target]] as const;
    if (ends[0] === undefined || ends[1] === undefined) return [];
    source += 1;
    if (source === target) [source, target] = [0, target + 1];
    return [ends[0], ends[1]];
  };
}
