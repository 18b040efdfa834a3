// Batches made while the primary is away: one entry, replayed all or nothing.
import { beforeEach, expect, it } from 'vitest';
import { batchPatch, recordsOf } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { newRecordId } from '../../../src/domain/ids.ts';
import { openPrimary } from '../../../src/storage/opening/open-primary.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { openMemorySqlite } from '../../../src/storage/primary/memory-session.ts';
import { applyToReplica } from '../../../src/storage/replicas/replica.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeEachBackend } from '../backends.ts';
import { creation, edit, linking } from '../changes.ts';
import { found } from './filled-session.ts';

const DEVICE = '99999999-0000-4000-8000-000000000000';
const NOBODY = { ownChanges: () => [], findWaiting: () => Promise.resolve('outbox' as const) };

describeEachBackend('batches made offline', (backend) => {
  let primary: Primary;
  beforeEach(async () => {
    primary = await openPrimary(await backend.place());
    cleanUpLater(() => primary.close());
  });

  const replay = (...changes: Change[]) =>
    primary.replay({ id: changes[0]?.id ?? '', device: DEVICE, changes });
  const items = async (ids: string[]) => (await primary.read((reader) => reader.findWorkItems(ids))).data;

  function planOf(ids: string[], parent_id: string | null = null): Change {
    const [top = ''] = ids;
    return {
      ...creation({ entity_id: top }),
      kind: 'batch',
      patch: batchPatch([
        ...ids.map((entity_id, at) =>
          creation({ entity_id, patch: { title: `item ${at}`, parent_id: at === 0 ? parent_id : top } }),
        ),
        ...ids.slice(2).map((id, at) => linking(ids[at + 1] ?? '', 'blocks', id)),
      ]),
    };
  }

  async function madeOffline(changes: Change[]): Promise<Change[]> {
    const { session } = openMemorySqlite({ isReplica: true });
    cleanUpLater(() => session.close());
    await session.write((c) => found(c));
    const kept: Change[] = [];
    for (const change of changes) {
      // An update names the version that its maker was answered, which is provisional.
      const version = kept.length === 0 ? null : await versionThere(session, change.entity_id);
      const based = change.kind === 'update' ? { ...change, base_version: version } : change;
      const write = await applyToReplica({ session, hasAllFields: true }, [based], NOBODY, () =>
        Promise.resolve(),
      );
      kept.push(...write.changes);
      expect(write.made.every((made) => made.version > 1)).toBe(true);
      if (change.kind === 'batch')
        expect(write.made).toHaveLength(
          recordsOf(write.applied[0]?.record ?? {})?.filter(({ version: v }) => v !== null).length ?? 0,
        );
    }
    return kept;
  }

  it('are applied once, whoever replays them, and what was built on them too', async () => {
    const ids = Array.from({ length: 30 }, () => newRecordId());
    const kept = await madeOffline([
      planOf(ids),
      edit({ entity_id: ids[3] ?? '', base_version: 1, patch: { status: 'completed' } }),
    ]);
    for (const change of kept) expect(await replay(change)).toMatchObject({ outcome: 'applied' });
    for (const change of kept) expect(await replay(change)).toEqual({ outcome: 'repeated' });
    const there = await items(ids);
    expect(there).toHaveLength(30);
    expect(there.map(({ version }) => version).sort()).toEqual([...Array.from({ length: 29 }, () => 1), 2]);
  });

  it('leave nothing but a conflict on each of their records when a rule refuses them', async () => {
    const [parent, ids] = [newRecordId(), Array.from({ length: 10 }, () => newRecordId())];
    await primary.write([creation({ entity_id: parent, patch: { title: 'parent' } })]);
    await primary.write([
      edit({ entity_id: parent, base_version: 1, patch: { deleted_at: '2026-01-05T09:00:00.000Z' } }),
    ]);
    const plan = planOf(ids, parent);
    expect(await replay(plan)).toMatchObject({ outcome: 'rejected' });
    expect(await items(ids)).toEqual([]);
    const open = await primary.read((reader) => reader.countOpenConflicts(ids));
    expect([...open.data.keys()].sort()).toEqual([...ids].sort());
    expect(await replay(plan)).toEqual({ outcome: 'repeated' });
    // Settled once the parent is back: all of it.
    await primary.write([edit({ entity_id: parent, base_version: 2, patch: { deleted_at: null } })]);
    const resolve = {
      ...creation({ entity_id: plan.id }),
      entity: 'conflict' as const,
      kind: 'resolve' as const,
    };
    await primary.write([{ ...resolve, patch: { resolution: 'reapply' } }]);
    expect(await items(ids)).toHaveLength(10);
  });

  it('merge update by update, or become one conflict', async () => {
    const [a, b] = [newRecordId(), newRecordId()];
    await primary.write([creation({ entity_id: a }), creation({ entity_id: b })]);
    const both = (title: string): Change => ({
      ...creation({ entity_id: a }),
      kind: 'batch',
      patch: batchPatch([
        edit({ entity_id: a, base_version: 1, patch: { title } }),
        edit({ entity_id: b, base_version: 1, patch: { priority: 1 } }),
      ]),
    });
    await primary.write([edit({ entity_id: b, base_version: 1, patch: { status: 'blocked' } })]);
    expect(await replay(both('mine'))).toMatchObject({ outcome: 'applied' });
    expect((await items([b]))[0]).toMatchObject({ status: 'blocked', priority: 1, version: 3 });
    expect(await replay(both('other'))).toMatchObject({ outcome: 'conflict' });
    expect((await items([a]))[0]).toMatchObject({ title: 'mine', version: 2 });
  });
});

async function versionThere(
  session: ReturnType<typeof openMemorySqlite>['session'],
  id: string,
): Promise<number> {
  return await session.read(async (c) => {
    const { workItems: t } = c.tables;
    const rows = await c.db.select({ id: t.id, version: t.version }).from(t);
    return rows.find((row) => row.id === id)?.version ?? 0;
  });
}
