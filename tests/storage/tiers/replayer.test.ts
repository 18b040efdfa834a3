// One pass over what waits, on a real database: what was settled without an answer is let go of, and a table that is
// locked holds back what needs it, and says so.
import { expect, it } from 'vitest';
import { databaseError } from '../../../src/domain/errors.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { codedError } from '../../../src/storage/database/driver-errors.ts';
import { Journals } from '../../../src/storage/journals/journals.ts';
import { openPrimary } from '../../../src/storage/opening/open-primary.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { replayWaiting } from '../../../src/storage/tiers/replayer.ts';
import { TierMemory } from '../../../src/storage/tiers/tier-memory.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeEachBackend, openTracker, type Backend } from '../backends.ts';
import { DEVICE, makeEntry } from './journal-entries.ts';
import { MemoryJournal, newMedium } from './memory-journal.ts';

async function scene(backend: Backend) {
  const tracker = await openTracker(backend);
  const primary = await openPrimary(tracker.place);
  cleanUpLater(() => primary.close());
  const journal = new MemoryJournal(newMedium());
  const journals = new Journals([journal], DEVICE, systemClock);
  const memory = new TierMemory(() => undefined);
  const item = await tracker.create({ title: 'First' });
  await tracker.update(item, { title: 'Theirs' });
  const other = await tracker.create({ title: 'Other' });
  let lamport = 1;
  const keep = async (entity_id: string, patch: Record<string, string>, base_version = 1) => {
    const entry = { ...makeEntry({ kind: 'update', entity_id, base_version, patch }), lamport: lamport++ };
    await journal.append(entry);
    return entry;
  };
  return {
    ...{ primary, memory, keep, item: item.id, other: other.id },
    replay: (at = primary, clock = systemClock) => replayWaiting({ primary: at, journals, memory, clock }),
    waiting: async () => (await journals.waiting()).entries.map(({ id }) => id),
  };
}

describeEachBackend('a pass over what waits', (backend) => {
  it('lets go of what was settled without an answer, and holds back what waits behind its conflict', async () => {
    const { primary, keep, item, other, replay, waiting } = await scene(backend);
    const applied = await keep(item, { assignee: 'ada' });
    const refused = await keep(item, { title: 'Mine' });
    const behind = await keep(item, { title: 'Mine too' });
    await keep(other, { title: 'Another' });
    expect(await primary.replay(applied)).toMatchObject({ outcome: 'applied' });
    expect(await primary.replay(refused)).toMatchObject({ outcome: 'conflict' });
    const direct = await keep(item, { branch_name: 'direct' }, 3);
    await primary.write(direct.changes);

    expect(await replay()).toMatchObject({ applied: 1, conflicts: 0, held: [behind.id] });
    expect(await waiting()).toEqual([behind.id]);
  });

  it('notes why a write stays where it cannot be asked what was settled', async () => {
    const { primary, memory, keep, item, other, replay } = await scene(backend);
    const refused = await keep(item, { title: 'Mine' });
    expect(await primary.replay(refused)).toMatchObject({ outcome: 'conflict' });
    const again = await keep(item, { title: 'Mine too' });
    const independent = await keep(other, { title: 'Another' });
    const locked = databaseError('postgres', 'it is locked', 'Wait.', codedError('55P03', 'locked'));
    let asked = 0;
    const failing = Object.assign(Object.create(primary) as Primary, {
      // The first question is for the open conflicts, the second for what was settled.
      inSnapshot: <T>(work: Parameters<Primary['inSnapshot']>[0]) =>
        (asked += 1) === 2 ? Promise.reject<T>(locked) : (primary.inSnapshot(work) as Promise<T>),
      replay: () => Promise.reject(locked),
    });
    expect((await replay(failing)).held).toEqual([refused.id, again.id, independent.id]);
    expect([...memory.held.failures().values()]).toMatchObject([
      { reason: expect.stringContaining('locked') as string },
    ]);
  });

  it('lets go of what arrived while the primary could not be asked, however long that was', async () => {
    const { primary, memory, keep, item, replay, waiting } = await scene(backend);
    const refused = await keep(item, { title: 'Mine' });
    await keep(item, { title: 'Mine too' });
    const late = await keep(item, { branch_name: 'late' }, 2);
    expect((await replay()).conflicts).toBe(1);
    expect((await replay()).held).toContain(late.id);
    await primary.write(late.changes);
    memory.held.forgive();
    const afterwards = { ...systemClock, now: () => systemClock.now() + 600_000 };
    await replay(primary, afterwards);
    expect(await waiting()).not.toContain(late.id);
    expect(await waiting()).not.toContain(refused.id);
  });
});
