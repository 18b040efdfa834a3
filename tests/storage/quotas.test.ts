// How much a project may hold, and that nothing acknowledged is ever refused for it.
import { expect, it } from 'vitest';
import { QUOTAS_DEFAULT, type Quotas } from '../../src/domain/quotas.ts';
import { newChangeId, newRecordId } from '../../src/domain/ids.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeEachBackend, openTrackerAt } from './backends.ts';
import { creation } from './changes.ts';
import { problemsOf, refusalOf } from './refusal.ts';

describeEachBackend('quotas', (backend) => {
  const trackerWith = async (quotas: Partial<Quotas>) =>
    await openTrackerAt({ ...(await backend.place()), quotas: { ...QUOTAS_DEFAULT, ...quotas } });
  const task = (key: string) => ({ key, item_type: 'task', title: key });

  it('of items hold for one, for a plan and for many changes at once, and nothing is saved', async () => {
    const tracker = await trackerWith({ items: 3 });
    const first = await tracker.create({ title: 'first', status: 'completed' });
    await tracker.create({ title: 'second' });
    const { error, message, next } = await refusalOf(tracker.plan([task('a'), task('b')]));
    expect({ error, message }).toEqual({
      error: 'ValidationError',
      message:
        'limits.items_max: a project may hold at most 3 work items outside the archive, and this would be more',
    });
    expect(next).toMatch(
      /worktrail archive.*raise limits\.items_max in worktrail\.config\.json.*nothing was saved/i,
    );
    const two = [newRecordId(), newRecordId()].map((entity_id) => creation({ entity_id }));
    await expect(tracker.store.write(two)).rejects.toThrow('limits.items_max');
    await tracker.create({ title: 'third' });
    expect((await problemsOf(tracker.create({ title: 'fourth' }))).map(({ field }) => field)).toEqual([
      'limits.items_max',
    ]);
    expect((await tracker.titles()).sort()).toEqual(['first', 'second', 'third']);
    // What is there can be changed, and what is archived makes room.
    await tracker.update(await tracker.query(first.id), { title: 'renamed' });
    const change = { ...creation({ entity_id: first.id }), kind: 'archive' as const, patch: {} };
    await tracker.store.write([change]);
    await tracker.create({ title: 'fourth' });
  });

  it('of notes and of bytes hold too, and free nobody from what was saved', async () => {
    const tracker = await trackerWith({ notes: 2 });
    const item = await tracker.create();
    const note = () => tracker.note(item, 'said');
    await note();
    await note();
    expect((await problemsOf(note())).map(({ field }) => field)).toEqual(['limits.notes_max']);

    const full = await openTrackerAt({ ...tracker.place, quotas: { ...QUOTAS_DEFAULT, bytes: 1 } });
    expect((await problemsOf(full.create())).map(({ field }) => field)).toEqual(['limits.bytes_max']);
    const described = full.update(await full.query(item.id), { description: 'long' });
    expect((await problemsOf(described)).map(({ field }) => field)).toEqual(['limits.bytes_max']);
    await full.update(await full.query(item.id), { status: 'completed' });
    await full.update(await full.query(item.id), { deleted_at: full.clock.iso });
  });

  it('answer a retry of what was saved, and never refuse a write that was acknowledged before', async () => {
    const tracker = await trackerWith({ items: 1 });
    const made = await tracker.create({ title: 'kept', idempotency_key: 'once' });
    expect(await tracker.create({ title: 'kept', idempotency_key: 'once' })).toMatchObject({ id: made.id });
    const primary = await openPrimary(tracker.place);
    cleanUpLater(() => primary.close());
    const offline = creation({ entity_id: newRecordId(), patch: { title: 'made offline' } });
    const write = {
      id: newChangeId(),
      lamport: 1,
      device: newRecordId(),
      at: offline.at,
      changes: [offline],
    };
    expect(await primary.replay(write)).toMatchObject({ outcome: 'applied' });
    expect((await tracker.titles()).sort()).toEqual(['kept', 'made offline']);
  });
});
