// The archive and the layers: what was written offline meets it as a conflict, never as a loss, and copies follow.
import path from 'node:path';
import { expect, it } from 'vitest';
import { openPrimary } from '../../../src/storage/opening/open-primary.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { TABLE_NAMES, readTable } from '../../../src/storage/database/table-copy.ts';
import { CacheReplica } from '../../../src/storage/replicas/cache.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { applyToReplica } from '../../../src/storage/replicas/replica.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { describeEachBackend, type Backend } from '../backends.ts';
import { archiving, creation, edit, enhancing, enhancementEdit, restoring } from '../changes.ts';
import { Tracker } from '../tracker.ts';
import { makeEntry } from './journal-entries.ts';
import type { WaitingWrites } from '../../../src/storage/contract/journal.ts';

const NOTHING: WaitingWrites = { fingerprint: 'nothing', list: () => Promise.resolve([]) };

async function scene(backend: Backend) {
  const place = await backend.place();
  const primary = await openPrimary(place);
  cleanUpLater(() => primary.close());
  const { project_id } = await primary.health();
  const cache = new CacheReplica(
    path.join(await temporaryProject(), 'cache.db'),
    () => project_id ?? undefined,
    systemClock,
    () => undefined,
  );
  cleanUpLater(() => cache.close());
  const tracker = new Tracker(primary, place);
  const refresh = (waiting = NOTHING) =>
    cache.refresh(
      primary,
      () => Promise.resolve(waiting),
      () => ({}),
    );
  const project = await tracker.create({ item_type: 'project', title: 'Project', status: 'completed' });
  const task = await tracker.create({ title: 'Task', parent_id: project.id, status: 'completed' });
  return { primary, cache, tracker, refresh, project, task };
}

/** Every row of every table. */
async function contentOf(source: Primary | CacheReplica): Promise<Record<string, unknown[]>> {
  const content: Record<string, unknown[]> = {};
  const read = async (c: Parameters<typeof readTable>[0]) => {
    for (const name of TABLE_NAMES) {
      const all: Record<string, unknown>[] = [];
      for await (const rows of readTable(c, name)) all.push(...rows);
      content[name] = all.filter((row) => name !== 'workItemCounts' || row['items'] !== 0);
    }
  };
  if (source instanceof CacheReplica) await source.run(NOTHING, ({ session }) => session.read(read));
  else await source.inSnapshot(read);
  return content;
}

describeEachBackend('the archive and the layers', (backend) => {
  it('keeps an edit that meets an archived item, and it can be made after all', async () => {
    const { primary, tracker, project, task } = await scene(backend);
    await primary.write([archiving(project.id)]);
    const entry = makeEntry({
      ...{ kind: 'update', entity_id: task.id, base_version: 1 },
      patch: { status: 'active' },
    });
    expect(await primary.replay(entry)).toMatchObject({
      outcome: 'rejected',
      reason: expect.stringContaining('is in the archive') as string,
    });
    expect((await tracker.query(task.id)).open_conflicts).toBe(1);
    const settle = {
      entity: 'conflict',
      kind: 'resolve',
      entity_id: entry.id,
      patch: { resolution: 'reapply' },
    };
    await expect(primary.write(makeEntry(settle as never).changes)).rejects.toThrow('is in the archive');
    await primary.write([restoring(task.id)]);
    await primary.write(makeEntry(settle as never).changes);
    expect(await tracker.query(task.id)).toMatchObject({ status: 'active', archived_at: null, version: 4 });
  });

  it('keeps an offline archiving that meets an item that was reopened', async () => {
    const { primary, tracker, project, task } = await scene(backend);
    await tracker.update(task, { status: 'active' });
    const entry = makeEntry({ kind: 'archive', entity_id: project.id, patch: {} });
    expect(await primary.replay(entry)).toMatchObject({
      outcome: 'rejected',
      reason: expect.stringContaining('"Task" is active') as string,
    });
    expect((await tracker.query(project.id)).archived_at).toBeNull();
    // One that nobody asked for by name is simply not due any more.
    const due = { created_before: '2030-01-01T00:00:00.000Z' };
    const again = makeEntry({ kind: 'archive', entity_id: project.id, patch: due });
    const device = '00000000-0000-4000-8000-00000000000d';
    expect(await primary.replay({ ...again, device })).toMatchObject({ outcome: 'applied' });
    expect((await tracker.query(project.id)).archived_at).toBeNull();
  });

  it('is followed by a copy, item by item, there and back', async () => {
    const { primary, cache, refresh, project, task } = await scene(backend);
    await refresh();
    await primary.write([archiving(project.id)]);
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
    await primary.write([restoring(task.id)]);
    const made = makeEntry().changes[0]?.id ?? '';
    await primary.write([enhancing({ entity_id: made, patch: { title: 'Enhancement' } })]);
    await primary.write([
      creation({ entity_id: made.replace(/^./, 'f'), patch: { title: 'Item' } }),
      enhancementEdit({ entity_id: made, base_version: 1, patch: { work_item_id: made.replace(/^./, 'f') } }),
    ]);
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });

  it('works on a copy by the same rules, and what was done there arrives', async () => {
    const { primary, cache, refresh, tracker, project, task } = await scene(backend);
    await refresh();
    const own = { ownChanges: () => [], findWaiting: () => Promise.resolve(undefined) };
    const made = creation({
      entity_id: makeEntry().id,
      patch: { title: 'Late', parent_id: project.id, status: 'cancelled' },
    });
    const writes = [made, archiving(project.id), restoring(task.id)];
    const entries = await cache.run(NOTHING, async ({ session }) => {
      const kept = [];
      for (const change of writes) {
        const prepared = await applyToReplica({ session, hasAllFields: true }, [change], own, () =>
          Promise.resolve(),
        );
        kept.push({ ...makeEntry(), id: change.id, changes: prepared.changes });
      }
      const version = Number((await session.read((c) => findVersion(c, task.id))) ?? 0);
      const last = edit({ entity_id: task.id, base_version: version, patch: { status: 'active' } });
      const prepared = await applyToReplica({ session, hasAllFields: true }, [last], own, () =>
        Promise.resolve(),
      );
      return [...kept, { ...makeEntry(), id: last.id, changes: prepared.changes }];
    });
    for (const entry of entries) expect(await primary.replay(entry)).toMatchObject({ outcome: 'applied' });
    expect(await tracker.query(task.id)).toMatchObject({ status: 'active', archived_at: null, version: 4 });
    expect((await tracker.query(made.entity_id)).archived_at).not.toBeNull();
    await refresh();
    expect(await contentOf(cache)).toEqual(await contentOf(primary));
  });
});

async function findVersion(c: Parameters<typeof readTable>[0], id: string): Promise<number | undefined> {
  const { findWorkItem } = await import('../../../src/storage/queries/work-items.ts');
  return (await findWorkItem(c, id))?.version;
}
