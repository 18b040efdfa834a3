// The timeline of deployments, and its filters.
import { beforeAll, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('the timeline of deployments', (backend) => {
  let tracker: Tracker;
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    tracker = await openTracker(backend);
    for (const name of ['alpha', 'beta']) await tracker.register({ name });
    ids['item'] = (await tracker.create()).id;
    const deploy = async (day: number, args: Record<string, unknown>) => {
      const { pr_title = `day ${day}`, compliant = true, ...rest } = args;
      const metadata = { pr_title, constitutional_compliance: compliant };
      await tracker.deploy({ deployed_at: `2026-01-0${day}T12:00:00Z`, metadata, ...rest });
    };
    await deploy(3, { affected_vendors: ['alpha'], related_work_item_ids: [ids['item']] });
    await deploy(1, { affected_vendors: ['alpha', 'beta'], compliant: false });
    await deploy(2, { affected_vendors: ['beta'], related_work_item_ids: [ids['item']] });
    await deploy(4, { compliant: false });
  });

  const days = async (filter: Record<string, unknown>) => {
    const page = await tracker.deployments(filter);
    expect(page.total_count).toBe(page.items.length);
    return page.items.map(({ deployed_at }) => Number(deployed_at.slice(8, 10)));
  };

  it('is told newest first, with links', async () => {
    expect(await days({})).toEqual([4, 3, 2, 1]);
    const { items } = await tracker.deployments();
    expect(items[3]?.affected_vendors.map(({ name }) => name)).toEqual(['alpha', 'beta']);
    expect(items[2]?.related_work_items.map(({ id }) => id)).toEqual([ids['item']]);
  });

  it.each([
    [{ vendor: 'ALPHA' }, [3, 1]],
    [{ compliant: true }, [3, 2]],
    [{ compliant: false }, [4, 1]],
    [{ from: '2026-01-02T12:00:00Z' }, [4, 3, 2]],
    [{ to: '2026-01-02T12:00:00Z' }, [2, 1]],
    [{ from: '2026-01-02T14:00:00+02:00', to: '2026-01-03T11:59:59.999Z' }, [2]],
    [{ from: '2026-01-04T00:00:00Z', to: '2026-01-01T00:00:00Z' }, []],
    [{ vendor: 'beta', compliant: true }, [2]],
  ])('%j', async (filter, expected) => {
    expect(await days(filter)).toEqual(expected);
  });

  it('of an item, together with every other filter', async () => {
    const filter = { work_item_id: ids['item'] };
    expect(await days(filter)).toEqual([3, 2]);
    expect(
      await days({
        ...filter,
        vendor: 'alpha',
        compliant: true,
        from: '2026-01-01T00:00:00Z',
        to: '2026-01-09T00:00:00Z',
      }),
    ).toEqual([3]);
  });

  it('goes on after a cursor', async () => {
    const first = await tracker.deployments({ limit: 3 });
    expect(first).toMatchObject({ total_count: 4 });
    const second = await tracker.deployments({ limit: 3, cursor: first.next_cursor });
    expect(second).toMatchObject({
      total_count: 4,
      next_cursor: null,
      items: [{ deployed_at: '2026-01-01T12:00:00.000Z' }],
    });
    expect((await tracker.deployments({ limit: 1, offset: 2 })).items).toMatchObject([
      { deployed_at: '2026-01-02T12:00:00.000Z' },
    ]);
    expect(await refusedFields(() => tracker.deployments({ cursor: 'x' }))).toEqual(['cursor']);
  });

  it('of an unknown vendor is not empty but an error', async () => {
    expect(await refusalOf(tracker.deployments({ vendor: 'alpho' }))).toMatchObject({
      error: 'NotFoundError',
      details: { did_you_mean: ['alpha'] },
    });
  });
});
