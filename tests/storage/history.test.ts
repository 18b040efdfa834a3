// History: every change ever made, with who, when, through what, before and after.
import { beforeEach, describe, expect, it } from 'vitest';
import type { RecordedChange } from '../../src/domain/change.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf, refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { chainOf } from './trees.ts';

const BOB = { actor: 'bob', person: 'bob', client: 'cursor/2.0', session: 'bob' };
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describeEachBackend('history', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  const only = (changes: RecordedChange[]): RecordedChange => {
    expect(changes).toHaveLength(1);
    return changes[0] as RecordedChange;
  };
  const seqs = (changes: { seq: number }[]) => changes.map(({ seq }) => seq);

  it('records a creation with every field that got a value', async () => {
    const item = await tracker.create({
      title: 'New',
      labels: ['a'],
      metadata: { estimated_hours: 2, custom: [1] },
    });
    const change = only((await tracker.history()).items);
    expect(change).toMatchObject({
      seq: 1,
      at: tracker.clock.iso,
      actor: 'ada',
      client: 'test-client/1.0',
      entity: 'work_item',
      entity_id: item.id,
      related_id: null,
      kind: 'create',
      base_version: null,
      version: 1,
      merged_with: [],
    });
    expect(change.change_id).toMatch(UUID_V7);
    const to = Object.fromEntries(change.fields.map((field) => [field.field, field.to]));
    expect(to).toEqual({
      position: item.position,
      id: item.id,
      item_type: 'task',
      title: 'New',
      status: 'active',
      priority: 3,
      labels: ['a'],
      path: item.path,
      depth: 0,
      'metadata.estimated_hours': 2,
      'metadata.custom': [1],
      created_at: item.created_at,
      created_by: 'ada',
    });
    expect(change.fields.every(({ from }) => from === null)).toBe(true);
  });

  it('records before and after of each field that an update changed, and of no other', async () => {
    const item = await tracker.create({
      title: 'Old',
      labels: ['a'],
      metadata: { custom: { x: 1 }, blocked_reason: 'why' },
    });
    tracker.clock.advance(60);
    await tracker.update(
      item,
      {
        title: 'New',
        priority: 3,
        labels: ['a', 'b'],
        description: 'text',
        status: 'completed',
        metadata: { custom: { x: 2 }, blocked_reason: null, estimated_hours: 1 },
      },
      BOB,
    );
    const change = only((await tracker.history({ since: 1 })).items);
    expect(change).toMatchObject({
      actor: 'bob',
      client: 'cursor/2.0',
      at: tracker.clock.iso,
      base_version: 1,
      version: 2,
      kind: 'update',
    });
    const byField = [...change.fields].sort((a, b) => (a.field < b.field ? -1 : 1));
    expect(byField).toEqual([
      { field: 'completed_at', from: null, to: tracker.clock.iso },
      { field: 'description', from: null, to: 'text' },
      { field: 'labels', from: ['a'], to: ['a', 'b'] },
      { field: 'metadata.blocked_reason', from: 'why', to: null },
      { field: 'metadata.custom', from: { x: 1 }, to: { x: 2 } },
      { field: 'metadata.estimated_hours', from: null, to: 1 },
      { field: 'status', from: 'active', to: 'completed' },
      { field: 'title', from: 'Old', to: 'New' },
    ]);
  });

  it('records a move with the path and the depth', async () => {
    const [top, child] = [await tracker.create(), await tracker.create()];
    await tracker.update(child, { parent_id: top.id });
    expect(only((await tracker.history({ since: 2 })).items).fields).toEqual([
      { field: 'parent_id', from: null, to: top.id },
      { field: 'path', from: `/${child.id}`, to: `/${top.id}/${child.id}` },
      { field: 'depth', from: 0, to: 1 },
    ]);
  });

  it('records the author where one was given, and the client it came through', async () => {
    await tracker.create({ created_by: 'claude-code' }, BOB);
    expect(only((await tracker.history()).items)).toMatchObject({
      actor: 'claude-code',
      client: 'cursor/2.0',
    });
  });

  it('shows a dependency from both of its items', async () => {
    const [a, b, c] = [await tracker.create(), await tracker.create(), await tracker.create()];
    await tracker.link(a, 'blocks', b);
    await tracker.unlink(b, 'depends_on', a);
    const value = `blocks ${b.id}`;
    const expected = [
      { kind: 'unlink', fields: [{ field: 'dependencies', from: value, to: null }] },
      { kind: 'link', fields: [{ field: 'dependencies', from: null, to: value }] },
    ].map((change) => ({
      ...change,
      entity: 'dependency',
      entity_id: a.id,
      related_id: b.id,
      version: null,
    }));
    expect((await tracker.history({ id: a.id, entity: 'dependency' })).items).toMatchObject(expected);
    expect((await tracker.history({ id: b.id, entity: 'dependency' })).items).toMatchObject(expected);
    expect((await tracker.history({ id: c.id, entity: 'dependency' })).items).toEqual([]);
  });

  it('records a cascade for every item that went along, under one change', async () => {
    const [top, child, grandchild] = await chainOf(tracker, 3);
    tracker.clock.advance(1);
    await tracker.update(top, { deleted_at: tracker.clock.iso, cascade: true }, BOB);
    const { items } = await tracker.history({ since: 3 });
    expect(items.map(({ entity_id }) => entity_id)).toEqual([top.id, child.id, grandchild.id]);
    expect(new Set(items.map(({ change_id }) => change_id)).size).toBe(1);
    for (const change of items) {
      expect(change).toMatchObject({
        actor: 'bob',
        version: 2,
        fields: [{ field: 'deleted_at', from: null, to: tracker.clock.iso }],
      });
    }
  });

  it('records vendors, deployments and the configuration too', async () => {
    const vendor = await tracker.register({ name: 'Acme' });
    await tracker.updateVendor(vendor, {
      status: 'operational',
      metadata: { format_support: { excel: true } },
    });
    const deployment = await tracker.deploy({ affected_vendors: ['acme'] });
    await tracker.configure(1, { archive_after_days: 30 });
    const { items } = await tracker.history({ since: 0 });
    expect(items.map(({ entity, kind }) => `${kind} ${entity}`)).toEqual([
      'create vendor',
      'update vendor',
      'create deployment',
      'update configuration',
    ]);
    const formats = { excel: false, csv: false, pdf: false, ocr: false };
    expect(items[1]?.fields).toEqual([
      { field: 'status', from: 'broken', to: 'operational' },
      { field: 'metadata.format_support', from: formats, to: { ...formats, excel: true } },
    ]);
    expect(items[2]?.fields).toContainEqual({ field: 'affected_vendor_ids', from: null, to: [vendor.id] });
    expect(items[3]?.fields).toEqual([{ field: 'archive_after_days', from: 365, to: 30 }]);
    expect((await tracker.history({ vendor: 'ACME' })).items).toHaveLength(2);
    expect((await tracker.history({ id: deployment.id.slice(0, 18) })).items).toHaveLength(1);
  });

  describe('is read', () => {
    beforeEach(async () => {
      for (let index = 0; index < 5; index += 1) {
        tracker.clock.advance(60);
        await tracker.create({ title: `item ${index}` }, index % 2 === 0 ? tracker.caller : BOB);
      }
    });

    it('newest first, in pages, with where the feed stands', async () => {
      const first = await tracker.history({ limit: 2 });
      expect(first).toMatchObject({ total_count: 5, latest_seq: 5 });
      expect(seqs(first.items)).toEqual([5, 4]);
      const second = await tracker.history({ limit: 2, cursor: first.next_cursor });
      expect(seqs(second.items)).toEqual([3, 2]);
      const third = await tracker.history({ limit: 2, cursor: second.next_cursor });
      expect(third).toMatchObject({ items: [{ seq: 1 }], next_cursor: null });
      expect(seqs((await tracker.history({ limit: 2, offset: 3 })).items)).toEqual([2, 1]);
    });

    it('since a position, oldest first, so that nothing is missed', async () => {
      expect(seqs((await tracker.history({ since: 3 })).items)).toEqual([4, 5]);
      expect(await tracker.history({ since: 5 })).toMatchObject({ items: [], latest_seq: 5, total_count: 0 });
      const first = await tracker.history({ since: 0, limit: 3 });
      expect(seqs(first.items)).toEqual([1, 2, 3]);
      await tracker.create();
      expect(seqs((await tracker.history({ since: 0, limit: 3, cursor: first.next_cursor })).items)).toEqual([
        4, 5, 6,
      ]);
      expect((await tracker.history({ since: Number.MAX_SAFE_INTEGER })).items).toEqual([]);
    });

    it('by actor, by kind of record and by time', async () => {
      expect(seqs((await tracker.history({ actor: 'bob' })).items)).toEqual([4, 2]);
      expect((await tracker.history({ entity: 'vendor' })).items).toEqual([]);
      expect(
        seqs(
          (await tracker.history({ from: '2026-01-05T09:02:00Z', to: '2026-01-05T10:04:00+01:00' })).items,
        ),
      ).toEqual([4, 3, 2]);
      expect(
        seqs((await tracker.history({ actor: 'ada', from: '2026-01-05T09:02:00Z', since: 1 })).items),
      ).toEqual([3, 5]);
    });

    it('by cursors of its own only', async () => {
      const { next_cursor } = await tracker.history({ since: 0, limit: 2 });
      expect((await problemsOf(() => tracker.history({ cursor: next_cursor })))[0]?.field).toBe('cursor');
      for (const seq of [1.5, '1', 2 ** 60, null]) {
        const cursor = Buffer.from(JSON.stringify(['changes', seq])).toString('base64url');
        expect(await refusedFields(() => tracker.history({ cursor }))).toEqual(['cursor']);
      }
    });

    it('of known records only', async () => {
      expect(await refusalOf(tracker.history({ id: 'ffffff' }))).toMatchObject({
        error: 'NotFoundError',
        details: { entity: 'record', id: 'ffffff' },
      });
      expect(await refusalOf(tracker.history({ vendor: 'nobody' }))).toMatchObject({
        error: 'NotFoundError',
        details: { entity: 'vendor', name: 'nobody' },
      });
    });
  });
});
