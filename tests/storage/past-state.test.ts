// What a record was like at a past time, rebuilt from what it is now and what was recorded since.
import fc from 'fast-check';
import { beforeEach, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { RandomWork, linksOf, steps } from './random-changes.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { episodes } from '../torture/scale.ts';

const RUNS = episodes(5, 8);

describeEachBackend('the state at a past time', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  it('is what it was, whatever happened since', async () => {
    await fc.assert(
      fc.asyncProperty(steps(5, 25), async (sequence) => {
        const own = await openTracker(backend);
        const work = new RandomWork(own);
        const moments: { at: string; items: Map<string, Record<string, unknown>> }[] = [];
        for (const step of sequence) {
          await work.make(step);
          const items = new Map<string, Record<string, unknown>>();
          for (const id of work.ids) {
            const { ancestors: _a, dependencies, ...item } = await own.query(id, { include_children: false });
            items.set(id, { ...item, links: linksOf(dependencies ?? []) });
          }
          moments.push({ at: own.clock.iso, items });
        }
        for (const { at, items } of moments) {
          for (const [id, item] of items) {
            const { state, dependencies } = await own.history({ id, as_of: at });
            expect({ ...state, links: linksOf(dependencies ?? []) }).toEqual(item);
          }
          const [notYet] = work.ids.filter((id) => !items.has(id));
          if (notYet === undefined) continue;
          const { created_at } = await own.query(notYet);
          const refusal = await refusalOf(own.history({ id: notYet, as_of: at }));
          expect(refusal).toMatchObject({ error: 'NotFoundError', details: { id: notYet, created_at } });
          expect(refusal.message).toContain(created_at);
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 240_000);

  it('tells who left it so, and lies between two changes too', async () => {
    const item = await tracker.create({ title: 'first', metadata: { custom: { x: 1 } } });
    tracker.clock.advance(60);
    await tracker.update(
      item,
      { title: 'second', metadata: { custom: null, other: 1 } },
      { actor: 'bob', person: 'bob', client: 'x', session: 'bob' },
    );
    tracker.clock.advance(60);
    const before = await tracker.history({ id: item.id, as_of: '2026-01-05T09:00:30Z' });
    expect(before).toMatchObject({
      state: item,
      total_count: 1,
      items: [{ seq: 1, actor: 'ada' }],
      latest_seq: 2,
    });
    const after = await tracker.history({ id: item.id.slice(0, 9), as_of: '2026-01-05T10:01:30+01:00' });
    expect(after).toMatchObject({
      state: {
        title: 'second',
        version: 2,
        updated_by: 'bob',
        updated_at: '2026-01-05T09:01:00.000Z',
        metadata: { other: 1 },
      },
      items: [{ seq: 2, actor: 'bob' }],
    });
  });

  it('has all links, however many there are', async () => {
    const hub = await tracker.create({ title: 'hub' });
    for (let from = 0; from < 600; from += 200) {
      await tracker.plan(
        Array.from({ length: 200 }, (_, at) => ({
          ...{ key: `k${from + at}`, item_type: 'task', title: `Waits ${from + at}` },
          depends_on: [hub.id],
        })),
      );
    }
    const { dependencies } = await tracker.history({ id: hub.id, as_of: tracker.clock.iso });
    expect(new Set(dependencies?.map(({ source_id }) => source_id)).size).toBe(600);
  });

  it('is known of vendors, the configuration and deployments in the same way', async () => {
    // The configuration is made at the first start, by the machine's own clock.
    tracker.clock.set(new Date(Date.now() + 60_000).toISOString());
    const vendor = await tracker.register({ name: 'Acme' });
    const deployment = await tracker.deploy({ affected_vendors: ['Acme'] });
    const made = tracker.clock.iso;
    tracker.clock.advance(60);
    await tracker.updateVendor(vendor, {
      status: 'operational',
      metadata: { format_support: { pdf: true }, note: 'x' },
    });
    await tracker.configure(1, { archive_after_days: 30 });
    expect((await tracker.history({ vendor: 'acme', as_of: made })).state).toMatchObject({ ...vendor });
    expect((await tracker.history({ id: vendor.id, as_of: made })).state?.['metadata']).toEqual(
      vendor.metadata,
    );
    expect((await tracker.history({ id: deployment.id, as_of: made })).state).toMatchObject({
      id: deployment.id,
    });
    const { state } = await tracker.history({ entity: 'configuration', as_of: tracker.clock.iso });
    expect(state).toMatchObject({ archive_after_days: 30, version: 2 });
    expect((await tracker.history({ entity: 'configuration', as_of: made })).state).toMatchObject({
      archive_after_days: 365,
      version: 1,
    });
    expect(await refusalOf(tracker.history({ vendor: 'acme', as_of: '2026-01-05T08:59:59Z' }))).toMatchObject(
      {
        error: 'NotFoundError',
        details: { entity: 'vendor', created_at: vendor.created_at },
      },
    );
  });

  it('is asked of one record, by an id that exists', async () => {
    expect(await refusedFields(() => tracker.history({ as_of: '2026-01-05T09:00:00Z' }))).toEqual(['as_of']);
    expect(await refusedFields(() => tracker.history({ as_of: 'yesterday' }))).toEqual(['as_of']);
    const id = '99999999-9999-4999-8999-999999999999';
    expect((await refusalOf(tracker.history({ id, as_of: '2026-01-05T09:00:00Z' }))).error).toBe(
      'NotFoundError',
    );
  });
});
