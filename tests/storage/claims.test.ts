// Claims with leases: who holds an item, until when, and that nobody else writes under an old token.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { claiming } from './changes.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Arguments, Tracker } from './tracker.ts';

const GRACE = { actor: 'grace', person: 'grace', client: 'other-client/2.0', session: 'grace' };
/** More than a lease of one second. */
const PAST_A_SECOND_MS = 1_100;
const SLACK_MS = 60_000;

describeEachBackend('claims', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  const create = (title: string, args: Arguments = {}) => {
    tracker.clock.advance(1);
    return tracker.create({ title, ...args });
  };
  /** A claim that ends before a tool would let it. */
  const claimBriefly = async (id: string, lease_seconds = 1) => {
    const { data } = await tracker.store.write([claiming({ entity_id: id, patch: { lease_seconds } })]);
    return Number(data[0]?.record['claim_token']);
  };
  const minutesLeft = (item: WorkItem) => (Date.parse(item.claim_expires_at ?? '') - Date.now()) / 60_000;
  const warningsOf = (answer: { warnings: { code: string }[] }) => answer.warnings.map(({ code }) => code);

  it('give the item to one holder, for half an hour unless asked otherwise', async () => {
    const item = await create('wanted');
    const claimed = await tracker.claim({ id: item.id.slice(0, 8) });
    expect(claimed).toMatchObject({ id: item.id, title: 'wanted', claimed_by: 'ada' });
    expect(Number(claimed.claim_token)).toBeGreaterThan(0);
    expect(minutesLeft(claimed)).toBeGreaterThan(29);
    expect(minutesLeft(claimed)).toBeLessThanOrEqual(30 + SLACK_MS / 60_000);

    for (const caller of [GRACE, tracker.caller]) {
      expect(await refusalOf(tracker.claim({ id: item.id }, caller))).toMatchObject({
        error: 'ClaimError',
        details: { claimed_by: 'ada', claim_expires_at: claimed.claim_expires_at },
      });
    }
    const longer = await tracker.claim({ id: (await create('other')).id, lease_minutes: 1440 });
    expect(minutesLeft(longer)).toBeGreaterThan(1439);
  });

  it('alter neither the version nor the time of the item, and never make an update stale', async () => {
    const item = await create('quiet');
    tracker.clock.advance(60);
    const claimed = await tracker.claim({ id: item.id });
    expect(claimed).toMatchObject({ version: 1, updated_at: item.updated_at, updated_by: item.updated_by });
    const updated = await tracker.update(item, { title: 'renamed', claim_token: claimed.claim_token });
    expect(updated).toMatchObject({
      version: 2,
      claimed_by: 'ada',
      claim_expires_at: claimed.claim_expires_at,
    });
    await tracker.claim({ id: item.id, action: 'release', claim_token: claimed.claim_token });
    const merged = await tracker.update(item, { priority: 1, on_conflict: 'merge' });
    expect(merged).toMatchObject({ version: 3, merged_with: [2], title: 'renamed', priority: 1 });
  });

  it('are told in the history, without a version', async () => {
    const item = await create('told');
    const { claim_token, claim_expires_at } = await tracker.claim({ id: item.id });
    await tracker.claim({ id: item.id, action: 'release', claim_token });
    const { items } = await tracker.history({ id: item.id });
    expect(items).toMatchObject([
      {
        kind: 'claim',
        version: null,
        fields: [
          { field: 'claimed_by', from: 'ada', to: null },
          { field: 'claim_expires_at', from: claim_expires_at, to: null },
        ],
      },
      {
        kind: 'claim',
        version: null,
        actor: 'ada',
        fields: [{ field: 'claimed_by', from: null, to: 'ada' }, {}],
      },
      { kind: 'create', version: 1 },
    ]);
  });

  it('are renewed under the same token, for as long as before', async () => {
    const item = await create('long');
    const { claim_token } = await tracker.claim({ id: item.id, lease_minutes: 5 });
    const renewed = await tracker.claim({ id: item.id, action: 'renew', claim_token, lease_minutes: 90 });
    expect(renewed.claim_token).toBe(claim_token);
    expect(minutesLeft(renewed)).toBeGreaterThan(89);
    expect(minutesLeft(await tracker.claim({ id: item.id, action: 'renew', claim_token }))).toBeGreaterThan(
      89,
    );
    expect(await tracker.claim({ id: item.id, claim_token })).toMatchObject({ claim_token });
  });

  it('end by being released, and the next grant has a greater token', async () => {
    const item = await create('passed on');
    const { claim_token } = await tracker.claim({ id: item.id });
    const released = await tracker.claim({ id: item.id, action: 'release', claim_token });
    expect(released).toMatchObject({ claim_token: null, claimed_by: null, claim_expires_at: null });
    expect(await refusalOf(tracker.claim({ id: item.id, action: 'renew', claim_token }))).toMatchObject({
      error: 'ClaimError',
      details: { claimed_by: null, claim_expires_at: null },
    });
    const again = await tracker.claim({ id: item.id }, GRACE);
    expect(Number(again.claim_token)).toBeGreaterThan(Number(claim_token));
  });

  it('end when their time is over, not before; taking over is told as such', async () => {
    const item = await create('expiring');
    const token = await claimBriefly(item.id);
    expect(await refusalOf(tracker.claim({ id: item.id }, GRACE))).toMatchObject({ error: 'ClaimError' });
    expect(await tracker.titles({ ready: true })).toEqual([]);
    await sleep(PAST_A_SECOND_MS);
    expect(await tracker.titles({ ready: true })).toEqual(['expiring']);
    // Nobody took it: the holder may still write, and is not warned of itself.
    const late = await tracker.updateAnswer(item, { title: 'late', claim_token: token });
    expect(late.warnings).toEqual([]);
    expect(warningsOf(await tracker.updateAnswer(late.data, { priority: 2 }))).toEqual([]);

    const taken = await tracker.claim({ id: item.id }, GRACE);
    expect(taken).toMatchObject({ claimed_by: 'grace' });
    expect(Number(taken.claim_token)).toBeGreaterThan(token);
    const { items } = await tracker.history({ id: item.id, limit: 1 });
    expect(items[0]?.fields[0]).toEqual({ field: 'claimed_by', from: 'ada', to: 'grace' });
    expect(await refusalOf(tracker.update(taken, { title: 'x', claim_token: token }))).toMatchObject({
      error: 'ClaimError',
      details: { claimed_by: 'grace', claim_expires_at: taken.claim_expires_at },
    });
  });

  it('follow the clock of the store, whatever the caller says the time is', async () => {
    const item = await create('skewed');
    for (const at of ['2001-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z']) {
      await tracker.store
        .write([claiming({ entity_id: item.id, at, patch: { lease_seconds: 60 } })])
        .catch(() => undefined);
      const seen = await tracker.query(item.id);
      expect(minutesLeft(seen)).toBeGreaterThan(0);
      expect(minutesLeft(seen)).toBeLessThan(2);
    }
    expect(await refusalOf(tracker.claim({ id: item.id }, GRACE))).toMatchObject({ error: 'ClaimError' });
  });

  it('are handed over: the old token is dead, and that of the hand-over once the new holder takes the item', async () => {
    const item = await create('handed');
    const { claim_token: old } = await tracker.claim({ id: item.id });
    const handed = await tracker.claim({ id: item.id, action: 'hand_over', claim_token: old, to: 'grace' });
    expect(handed).toMatchObject({ claimed_by: 'grace' });
    expect(await refusalOf(tracker.update(item, { title: 'x', claim_token: old }))).toMatchObject({
      error: 'ClaimError',
      details: { claimed_by: 'grace' },
    });
    expect(await refusalOf(tracker.claim({ id: item.id }))).toMatchObject({ error: 'ClaimError' });
    const taken = await tracker.claim({ id: item.id }, GRACE);
    expect(taken.claim_token).toBeGreaterThan(Number(handed.claim_token));
    const release = { id: item.id, action: 'release', claim_token: handed.claim_token };
    expect(await refusalOf(tracker.claim(release))).toMatchObject({ error: 'ClaimError' });
    // Taken once: a second session of the same name proves nothing by it.
    expect(await refusalOf(tracker.claim({ id: item.id }, GRACE))).toMatchObject({ error: 'ClaimError' });
    expect(await tracker.update(item, { title: 'y', claim_token: taken.claim_token }, GRACE)).toMatchObject({
      title: 'y',
    });
  });

  describe('of items that are done with', () => {
    it.each([
      ['completing', { status: 'completed' }],
      ['cancelling', { status: 'cancelled' }],
      ['deleting', { deleted_at: '2026-01-05T10:00:00.000Z' }],
    ])('end by %s it, and it cannot be claimed', async (_what, patch) => {
      const item = await create('closing');
      const { claim_token } = await tracker.claim({ id: item.id });
      const closed = await tracker.update(item, { ...patch, claim_token });
      expect(closed).toMatchObject({ claimed_by: null, claim_expires_at: null });
      expect((await tracker.history({ id: item.id, limit: 1 })).items[0]?.fields).toContainEqual({
        field: 'claimed_by',
        from: 'ada',
        to: null,
      });
      expect(await refusedFields(tracker.claim({ id: item.id }))).toEqual(['id']);
      expect(await refusalOf(tracker.claim({ id: item.id, action: 'renew', claim_token }))).toMatchObject({
        error: 'ClaimError',
      });
      const back = 'status' in patch ? { status: 'active' } : { deleted_at: null };
      const open = await tracker.update(closed, back);
      expect(open.claimed_by).toBeNull();
      const again = await tracker.claim({ id: item.id });
      expect(Number(again.claim_token)).toBeGreaterThan(Number(claim_token));
    });

    it('end with those of everything below that is deleted along, which is told', async () => {
      const parent = await create('parent');
      const child = await create('child', { parent_id: parent.id });
      await tracker.claim({ id: child.id }, GRACE);
      const answer = await tracker.updateAnswer(parent, { deleted_at: tracker.clock.iso, cascade: true });
      expect(answer.warnings).toMatchObject([
        { code: 'claimed', message: expect.stringContaining('grace') as string },
      ]);
      expect(await tracker.query(child.id)).toMatchObject({ claimed_by: null, claim_expires_at: null });
      expect((await tracker.history({ id: child.id, limit: 1 })).items[0]?.fields).toContainEqual({
        field: 'claimed_by',
        from: 'grace',
        to: null,
      });
      await tracker.update(answer.data, { deleted_at: null, cascade: true });
      expect(await tracker.titles({ ready: true })).toEqual(['child']);
    });
  });

  describe('and writes', () => {
    /** Every way to write to an item under a token: with a token that is good they succeed. */
    const writes: [
      what: string,
      run: (item: WorkItem, other: WorkItem, claim_token: number) => Promise<unknown>,
    ][] = [
      ['an update', (item, _other, claim_token) => tracker.update(item, { title: 'x', claim_token })],
      [
        'a merged update',
        (item, _other, claim_token) =>
          tracker.update(item, { priority: 1, claim_token, on_conflict: 'merge' }),
      ],
      ['a move', (item, other, claim_token) => tracker.update(item, { parent_id: other.id, claim_token })],
      ['closing', (item, _other, claim_token) => tracker.update(item, { status: 'completed', claim_token })],
      [
        'a deletion',
        (item, _other, claim_token) => tracker.update(item, { deleted_at: tracker.clock.iso, claim_token }),
      ],
      ['a link from it', (item, other, claim_token) => tracker.link(item, 'blocks', other, { claim_token })],
      [
        'a link to it',
        (item, other, claim_token) => tracker.link(other, 'relates_to', item, { claim_token }),
      ],
      [
        'taking a link away',
        (item, other, claim_token) => tracker.unlink(item, 'discovered_from', other, { claim_token }),
      ],
      [
        'renewing',
        (item, _other, claim_token) => tracker.claim({ id: item.id, action: 'renew', claim_token }),
      ],
      [
        'releasing',
        (item, _other, claim_token) => tracker.claim({ id: item.id, action: 'release', claim_token }),
      ],
      ['taking again', (item, _other, claim_token) => tracker.claim({ id: item.id, claim_token })],
      [
        'handing over',
        (item, _other, claim_token) =>
          tracker.claim({ id: item.id, action: 'hand_over', to: 'eve', claim_token }),
      ],
    ];

    it.each(writes)(
      '%s goes on under the current token and is refused under any other',
      async (_what, run) => {
        const [item, other] = [await create('item'), await create('other')];
        await tracker.link(item, 'discovered_from', other);
        const old = (await tracker.claim({ id: item.id })).claim_token ?? 0;
        await tracker.claim({ id: item.id, action: 'release', claim_token: old });
        const before = await tracker.seq();
        // Released; and then, held by somebody else.
        for (const stale of [old, old + 1]) {
          expect(await refusalOf(run(item, other, stale))).toMatchObject({ error: 'ClaimError' });
        }
        expect(await tracker.seq()).toBe(before);
        const { claim_token } = await tracker.claim({ id: item.id }, GRACE);
        for (const stale of [old, Number(claim_token) + 1]) {
          expect(await refusalOf(run(item, other, stale))).toMatchObject({
            error: 'ClaimError',
            details: { claimed_by: 'grace' },
          });
        }
        expect(await tracker.seq()).toBe(before + 1);
        await run(item, other, Number(claim_token));
        expect(await tracker.seq()).toBe(before + 2);
      },
    );

    it('a link takes no old token of one end for the current one of the other', async () => {
      const [a, b] = [await create('a'), await create('b')];
      const mine = await tracker.claim({ id: a.id });
      await tracker.claim({ id: a.id, action: 'release', claim_token: mine.claim_token });
      await tracker.claim({ id: b.id }, GRACE);
      const link = tracker.link(a, 'blocks', b, { claim_token: mine.claim_token });
      expect(await refusalOf(link)).toMatchObject({ error: 'ClaimError' });
    });

    it('of others without a token are done, with a warning that names the holder and the time', async () => {
      const [item, other] = [await create('item'), await create('other')];
      const { claim_expires_at } = await tracker.claim({ id: item.id });
      const message = expect.stringMatching(
        RegExp(`is claimed by ada \\(test-client/1.0, session [^)]+\\) until ${claim_expires_at}`),
      ) as string;
      const warnings = [{ code: 'claimed', message }];
      const updated = await tracker.updateAnswer(item, { title: 'x' }, GRACE);
      expect(updated).toMatchObject({ warnings, data: { title: 'x', claimed_by: 'ada' } });
      expect(await tracker.linkAnswer(other, 'blocks', item, {}, GRACE)).toMatchObject({ warnings });
      const third = await create('third');
      expect((await tracker.linkAnswer(other, 'blocks', third, {}, GRACE)).warnings).toEqual([]);
    });

    it('of the session that holds the item need no token', async () => {
      const item = await create('item');
      await tracker.claim({ id: item.id });
      expect((await tracker.updateAnswer(item, { title: 'x' })).warnings).toEqual([]);
      expect((await tracker.linkAnswer(item, 'blocks', await create('other'))).warnings).toEqual([]);
    });
  });

  describe('of whatever is ready next', () => {
    it('take by priority, then what unblocks most, then age', async () => {
      await create('old');
      const key = await create('key');
      for (const title of ['first', 'second']) await tracker.link(key, 'blocks', await create(title));
      await create('urgent', { priority: 1 });
      const taken: string[] = [];
      for (let index = 0; index < 3; index += 1) taken.push((await tracker.claim()).title);
      expect(taken).toEqual(['urgent', 'key', 'old']);
    });

    it('keep to label, type and what lies below an item', async () => {
      const parent = await create('parent', { item_type: 'project', priority: 5 });
      const middle = await create('middle', { item_type: 'session', parent_id: parent.id, priority: 5 });
      await create('below', { parent_id: middle.id, priority: 5 });
      await create('labelled', { labels: ['ui'], priority: 5 });
      await create('elsewhere', { priority: 1 });
      expect(await tracker.claim({ parent_id: parent.id.slice(0, 8), item_type: 'task' })).toMatchObject({
        title: 'below',
      });
      expect(await tracker.claim({ label: 'ui' })).toMatchObject({ title: 'labelled' });
      await create('whole', { item_type: 'project', priority: 5 });
      expect(await tracker.claim({ item_type: 'project' })).toMatchObject({ title: 'whole' });
      expect(await refusalOf(tracker.claim({ parent_id: 'abcdef' }))).toMatchObject({
        error: 'NotFoundError',
      });
    });

    it('say why nothing is ready', async () => {
      expect((await tracker.claimAnswer()).data).toEqual({
        claim_token: null,
        nothing_ready: 'Nothing is ready: no open item matches.',
        waiting: [],
        waiting_count: 0,
      });
      const blocker = await create('blocker', { status: 'blocked' });
      const waiting = await create('waiting');
      await tracker.link(blocker, 'blocks', waiting);
      const held = await tracker.claim({ id: (await create('held')).id });
      const { data } = await tracker.claimAnswer();
      expect(data).toMatchObject({
        claim_token: null,
        waiting_count: 3,
        waiting: [
          { title: 'blocker', not_ready: { status: 'blocked' } },
          { title: 'waiting', not_ready: { blockers: [{ id: blocker.id, title: 'blocker' }] } },
          { title: 'held', not_ready: { claimed_by: 'ada', claim_expires_at: held.claim_expires_at } },
        ],
      });
      expect('nothing_ready' in data && data.nothing_ready).toContain(
        `"waiting" (${waiting.id.slice(0, 8)}) waits for "blocker"`,
      );
    });

    it('warn when a named item waits for others', async () => {
      const [blocker, waiting] = [await create('blocker'), await create('waiting')];
      await tracker.link(blocker, 'blocks', waiting);
      const answer = await tracker.claimAnswer({ id: waiting.id });
      expect(answer.warnings).toMatchObject([
        { code: 'blocked', message: expect.stringContaining('"blocker"') as string },
      ]);
    });
  });

  describe('and idempotency keys', () => {
    it('give the first item and token again, also when it was the last', async () => {
      await create('one');
      await create('two');
      const first = await tracker.claim({ idempotency_key: 'k1' });
      expect(await tracker.claim({ idempotency_key: 'k1' })).toEqual({ ...first, repeated: true });
      const second = await tracker.claim({ idempotency_key: 'k2' });
      expect(second.title).toBe('two');
      expect(await tracker.claim({ idempotency_key: 'k2' })).toEqual({ ...second, repeated: true });
      expect(await refusedFields(tracker.claim({ idempotency_key: 'k2', label: 'ui' }))).toEqual([
        'idempotency_key',
      ]);
    });

    it('make one of several calls at once', async () => {
      for (const title of ['a', 'b', 'c']) await create(title);
      const claimed = await Promise.all(
        Array.from({ length: 5 }, () => tracker.claim({ idempotency_key: 'once' })),
      );
      expect(new Set(claimed.map(({ id }) => id)).size).toBe(1);
      expect(await tracker.list({ ready: true })).toMatchObject({ total_count: 2 });
    });
  });

  it.each([
    [{ action: 'renew' }, 'id'],
    [{ id: 'abcdef12', action: 'hand_over', claim_token: 1 }, 'to'],
    [{ id: 'abcdef12', to: 'grace' }, 'to'],
    [{ id: 'abcdef12', label: 'ui' }, 'label'],
    [{ claim_token: 1 }, 'id'],
    [{ lease_minutes: 0 }, 'lease_minutes'],
    [{ lease_minutes: 1441 }, 'lease_minutes'],
    [{ lease_minutes: 1.5 }, 'lease_minutes'],
    [{ action: 'steal' }, 'action'],
    [{ claim_token: 0 }, 'claim_token'],
  ])('refuse %j and name the field', async (args, field) => {
    await create('there');
    expect(await refusedFields(tracker.claim(args))).toEqual([field]);
    expect(await tracker.list({ ready: true })).toMatchObject({ total_count: 1 });
  });
});
