// The same work gives the same records, lists, histories and errors on every backend, by value.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import type { Change } from '../../src/domain/change.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { LIST_SORTS } from '../../src/domain/work-item.ts';
import { TrackerError } from '../../src/domain/errors.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import type { Reader } from '../../src/storage/queries/reader.ts';
import type { Store } from '../../src/storage/contract/store.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { freshDatabase, inFolder } from './backends.ts';
import { CHOSEN_ITEMS, PROJECT_ID, changeFor, writes, type Operation } from './parity-operations.ts';
import { episodes } from '../torture/scale.ts';

const RUNS = episodes(5, 25);

describeUnless(postgresSkipReason(), 'SQLite and PostgreSQL', () => {
  let databaseUrl: string;
  let folder: string;
  let run = 0;
  beforeAll(async () => {
    databaseUrl = await freshDatabase();
    folder = await temporaryProject();
  });

  /** An empty store of each kind, for a project of the same id. */
  const openBoth = async (): Promise<[Store, Store]> => {
    run += 1;
    const open = async (kind: string, url: string | undefined) => {
      const place = inFolder(path.join(folder, `${kind}-${run}`), url);
      await mkdir(place.dataDir, { recursive: true });
      const memory = { project_id: PROJECT_ID, project_slug: 'test-project' };
      await writeFile(path.join(place.dataDir, 'project.json'), JSON.stringify(memory));
      return await openPrimary({ ...place, slug: { value: `run-${run}`, explicit: true } });
    };
    return [await open('sqlite', undefined), await open('postgres', databaseUrl)];
  };

  it('answer any sequence of writes alike', async () => {
    await fc.assert(
      fc.asyncProperty(writes, async (sequence) => {
        const [sqlite, postgres] = await openBoth();
        try {
          await applyToBoth(sqlite, postgres, sequence);
          expect(await everything(postgres)).toEqual(await everything(sqlite));
        } finally {
          await Promise.all([sqlite.close(), postgres.close()]);
        }
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: false },
    );
  }, 200_000);
});

async function applyToBoth(sqlite: Store, postgres: Store, sequence: Operation[][]): Promise<void> {
  const sent: Change[] = [];
  let step = 0;
  for (const operations of sequence) {
    const versions = await versionsIn(sqlite);
    const state = { sent, versionOf: (id: string) => versions.get(id) ?? 1 };
    const changes = operations.map((operation) => changeFor(operation, (step += 1), state));
    sent.push(...changes);
    const expected = await outcomeOf(sqlite, changes);
    expect(await outcomeOf(postgres, changes), `the outcome of ${JSON.stringify(operations)}`).toEqual(
      expected,
    );
  }
}

async function versionsIn(store: Store): Promise<Map<string, number>> {
  const { data } = await store.read(async (reader) => [
    ...(await reader.findWorkItems(CHOSEN_ITEMS)),
    ...(await reader.statusVendors()),
    await reader.findConfiguration(),
  ]);
  return new Map(data.map(({ id, version }) => [id, version]));
}

/** The answer to a write, or the refusal as a caller sees it; any other error fails the test. */
async function outcomeOf(store: Store, changes: Change[]): Promise<unknown> {
  try {
    const { data, warnings } = await store.write(changes);
    return { data: data.map(withoutFounding), warnings };
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    const body = error.toBody();
    expect(body.error).not.toBe('DatabaseError');
    return withoutFounding(body);
  }
}

/** The two stores were founded at different times, which the configuration remembers. */
function withoutFounding(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, entry: unknown) => {
      if (typeof entry !== 'object' || entry === null || !('archive_after_days' in entry)) return entry;
      const { created_at: _created, updated_at: _updated, ...rest } = entry as JsonObject;
      return rest;
    })
      .replaceAll(/"last_updated_at":"20[^"]*"/g, '"last_updated_at":"…"')
      .replaceAll(/last changed by worktrail at [^ ]+/g, ''),
  );
}

/** Everything that a caller can read. */
async function everything(store: Store): Promise<unknown> {
  const { data } = await store.read((reader) => readAll(reader));
  return data;
}

async function readAll(reader: Reader) {
  const items = (await reader.findWorkItems(CHOSEN_ITEMS)).sort((a, b) => (a.id < b.id ? -1 : 1));
  const base = { include_deleted: false, archived: false, limit: 100, now: '2026-01-02T00:00:00.000Z' };
  const lists = [];
  for (const sort of LIST_SORTS)
    lists.push(await reader.listWorkItems({ ...base, sort, include_deleted: true }));
  for (const filter of [
    { ready: true },
    { ready: false },
    { label: 'ü' },
    { text: 'a' },
    { text: 'É' },
    { text: '%' },
    { parent_id: null },
    { assignee: 'bob', status: 'active' as const },
    { limit: 2, sort: 'title' as const },
  ]) {
    const page = await reader.listWorkItems({ ...base, sort: 'updated', ...filter });
    lists.push(page);
    if (page.next_cursor !== null) {
      lists.push(
        await reader.listWorkItems({ ...base, sort: 'updated', ...filter, cursor: page.next_cursor }),
      );
    }
  }
  const surroundings = [];
  for (const { id } of items) {
    surroundings.push(
      await reader.findChildren([id], 100),
      await reader.findDependencies(id),
      await reader.findBlockedBy([id]),
    );
  }
  return {
    items,
    lists,
    surroundings,
    prefixes: await reader.findWorkItemsByIdRange(
      { from: 'aaaaaa00-0000-0000-0000-000000000000', to: 'aaaaaa0f-ffff-ffff-ffff-ffffffffffff' },
      6,
    ),
    vendors: await reader.listVendors({ limit: 100 }),
    vendorsByFormat: await reader.listVendors({ limit: 100, format: 'excel', text: 'Ü' }),
    deployments: await reader.listDeployments({ limit: 3 }),
    compliant: await reader.listDeployments({
      limit: 100,
      compliant: true,
      from: '2026-02-03T00:00:00.000Z',
    }),
    configuration: withoutFounding(await reader.findConfiguration()),
    feed: { ...(await reader.findFeedPosition()), changed_at: null },
    counts: (await reader.countItems()).map((kind) => JSON.stringify(kind, Object.keys(kind).sort())).sort(),
    changes: await reader.listChanges({ limit: 100, since: 0 }),
    newest: await reader.listChanges({ limit: 5, maker: 'bob' }),
  };
}
