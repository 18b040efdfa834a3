// One table of PostgreSQL cannot be written, or is not there, while everything goes on: each write is applied or kept, and
// is applied once when the table is back; what else is read is answered. In the long form with both faults for every table.
import { randomBytes } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import { beforeAll, expect, inject, it } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { openStore } from '../../src/storage/opening/open-store.ts';
import type { TieredStore } from '../../src/storage/tiers/tiered-store.ts';
import { inFolder } from '../storage/backends.ts';
import { Tracker } from '../storage/tracker.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { attachPostgres, postgresSkipReason } from '../support/postgres.ts';
import '../support/global-setup.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { TIMEOUT_MS, counted, isLong, report } from './scale.ts';
import { until } from './scene.ts';
import { KINDS_OF_WRITES, type IsThere } from './tables/kinds-of-writes.ts';

const SCHEMA = 'worktrail_test_project';

/** All that these writes touch, and the identity of the project. */
const TABLES = [
  'applied_changes',
  'changes',
  'claims',
  'feed',
  'meta',
  'notes',
  'ready_queue',
  'search_documents',
  'work_item_counts',
  'work_item_dependencies',
  'work_item_labels',
  'work_items',
];

/** The bar, from the end of the last fault on. */
const THROUGH_MAX_MS = 10_000;
/** What this machine may be busy with besides, in the short run. */
const SLACK_MS = isLong ? 0 : 20_000;

/** What was written, as it is looked for in the end. */
interface Written {
  what: string;
  isThere: IsThere;
}

describeUnless(postgresSkipReason(), 'a table that fails', () => {
  let admin: Sql;
  let url: string;
  const role = `writer_${randomBytes(4).toString('hex')}`;

  beforeAll(async () => {
    const server = attachPostgres(inject('postgresUrl'));
    const own = new URL(await server.createDatabase());
    admin = postgres(own.href, { max: 1, onnotice: () => undefined });
    await admin.unsafe(
      `create role ${role} login; grant create on database ${own.pathname.slice(1)} to ${role}`,
    );
    own.username = role;
    url = own.href;
    cleanUpLater(async () => {
      await admin.unsafe(`drop owned by ${role} cascade; drop role ${role}`);
      await admin.end();
      await server.stop();
    });
  });

  /** What is done to a table, and what takes it back. */
  const FAULTS: Readonly<Record<string, (table: string) => [string, string]>> = {
    'that may not be written': (table) => [
      `revoke insert, update, delete on ${SCHEMA}.${table} from ${role}`,
      `grant all on ${SCHEMA}.${table} to ${role}`,
    ],
    'that is missing': (table) => [
      `alter table ${SCHEMA}.${table} rename to elsewhere`,
      `alter table ${SCHEMA}.elsewhere rename to ${table}`,
    ],
  };

  async function opened(place: Parameters<typeof openStore>[0]): Promise<TieredStore> {
    const store = await openStore(place);
    cleanUpLater(() => store.close());
    return store;
  }

  it(
    'fails alone: every write is applied or kept, every other part of an answer is there',
    { timeout: TIMEOUT_MS },
    async () => {
      const place = inFolder(await temporaryProject(), url);
      const store = await opened(place);
      const tracker = new Tracker(store, place);
      const written: Written[] = [];
      const read = await tracker.create({ title: 'Read', labels: ['read'] });
      const items: WorkItem[] = [];
      const cases = TABLES.flatMap((table, at) =>
        Object.entries(FAULTS)
          .filter((_fault, which) => isLong || which === at % 2)
          .map(([name, fault]) => ({ table, name, fault: fault(table) })),
      );
      for (let made = 0; made < cases.length * Object.keys(KINDS_OF_WRITES).length * 2; made += 1) {
        items.push(await tracker.create());
      }
      let kept = 0;
      for (const { table, name, fault } of cases) {
        const [fail, mend] = fault;
        await admin.unsafe(fail);
        try {
          for (const [kind, write] of Object.entries(KINDS_OF_WRITES)) {
            const [item, other] = items.splice(0, 2) as [WorkItem, WorkItem];
            const what = `${kind} with ${table} ${name}`;
            try {
              written.push({ what, isThere: await write(tracker, what, item, other) });
            } catch (error) {
              throw new Error(`${what}: ${String(error)}`, { cause: error });
            }
          }
          expect((await tracker.query(read.id)).title, `${table} ${name}`).toBe('Read');
          expect((await tracker.list({ label: 'read' })).items).toHaveLength(1);
          expect((await tracker.configuration()).version).toBe(1);
        } finally {
          await admin.unsafe(mend);
        }
        kept += (await store.pending()).length;
      }

      const endedAt = Date.now();
      await store.close();
      const again = await opened(place);
      await until('nothing waits', async () => (await again.pending()).length === 0);
      const ms = Date.now() - endedAt;
      expect(ms, 'until all was through, in ms').toBeLessThanOrEqual(THROUGH_MAX_MS + SLACK_MS);
      // Until then a copy answers, with the versions that what waited had.
      await until('it is in use', () => again.state === 'online');
      const { data: conflicts } = await again.read((reader) =>
        reader.listConflicts({ resolved: false, limit: 5 }),
      );
      expect(conflicts.items.map(({ reason }) => reason)).toEqual([]);
      const there = new Tracker(again, place);
      for (const { what, isThere } of written) expect(await isThere(there), what).toBe(true);
      expect(kept).toBeGreaterThan(0);
      report(
        'failing tables',
        `${counted(written.length)} writes, ${counted(kept)} times one waited at the end of a fault, all applied once, through ${counted(ms)} ms after the last fault`,
      );
    },
  );
});
