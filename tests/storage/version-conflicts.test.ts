// A stale version is refused, and the refusal says everything needed to go on.
import { beforeAll, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const BOB = { actor: 'bob', person: 'bob', client: 'cli', session: 'bob' };
const EVE = { actor: 'eve', person: 'eve', client: 'cursor/2.0', session: 'eve' };

describeEachBackend('a stale version', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  it('of a work item is refused with every detail, and nothing is saved', async () => {
    const read = await tracker.create({
      title: 'First',
      priority: 3,
      metadata: { blocked_reason: 'old', custom: 1 },
    });
    tracker.clock.advance(60);
    const atBob = tracker.clock.iso;
    const second = await tracker.update(read, { title: 'By Bob', metadata: { blocked_reason: null } }, BOB);
    tracker.clock.advance(60);
    const atEve = tracker.clock.iso;
    const third = await tracker.update(second, { status: 'completed', title: 'By Eve' }, EVE);
    tracker.clock.advance(60);

    const refusal = await refusalOf(
      tracker.update(read, { title: 'Mine', priority: 1, metadata: { custom: 2 } }),
    );
    expect(refusal.error).toBe('VersionConflictError');
    expect(refusal.details).toEqual({
      expected_version: 1,
      current_version: 3,
      last_updated_by: 'eve',
      last_updated_at: atEve,
      current: third,
      theirs: [
        { field: 'title', from: 'First', to: 'By Bob', by: 'bob', at: atBob, version: 2 },
        { field: 'metadata.blocked_reason', from: 'old', to: null, by: 'bob', at: atBob, version: 2 },
        { field: 'title', from: 'By Bob', to: 'By Eve', by: 'eve', at: atEve, version: 3 },
        { field: 'status', from: 'active', to: 'completed', by: 'eve', at: atEve, version: 3 },
        { field: 'completed_at', from: null, to: atEve, by: 'eve', at: atEve, version: 3 },
      ],
      yours: [
        { field: 'title', from: 'First', to: 'Mine' },
        { field: 'metadata.custom', from: 1, to: 2 },
        { field: 'priority', from: 3, to: 1 },
      ],
      overlap: ['title'],
      mergeable: false,
    });
    expect(refusal.message).toContain('version 3, not 1');
    expect(refusal.next).toContain('version 3');
    expect(await tracker.query(read.id)).toMatchObject(third);
  });

  it('says that fields which nobody else touched can be merged', async () => {
    const read = await tracker.create();
    await tracker.update(read, { title: 'By Bob' }, BOB);
    const { details, next } = await refusalOf(tracker.update(read, { priority: 1 }));
    expect(details).toMatchObject({
      overlap: [],
      mergeable: true,
      yours: [{ field: 'priority', from: 3, to: 1 }],
    });
    expect(next).toContain('"merge"');
  });

  it('that does not exist yet is refused too, and cannot be merged', async () => {
    const read = await tracker.create();
    for (const on_conflict of ['reject', 'merge']) {
      const refusal = await refusalOf(
        tracker.update({ id: read.id, version: 5 }, { priority: 1, on_conflict }),
      );
      expect(refusal).toMatchObject({
        error: 'VersionConflictError',
        details: { expected_version: 5, current_version: 1, theirs: [], overlap: [], mergeable: false },
      });
      expect(refusal.next).toContain('version 1');
    }
  });

  it('of a vendor is refused with every detail', async () => {
    const read = await tracker.register({ name: 'Conflicted', metadata: { contact: 'old' } });
    tracker.clock.advance(60);
    const at = tracker.clock.iso;
    const results = { passing: 9, total: 10, skipped: 0 };
    const current = await tracker.updateVendor(
      read,
      { status: 'operational', extractor_version: '2.0.0', metadata: { test_results: results } },
      BOB,
    );
    const refusal = await refusalOf(
      tracker.updateVendor(read, { extractor_version: '1.5.0', metadata: { contact: 'new' } }),
    );
    expect(refusal.error).toBe('VersionConflictError');
    expect(refusal.details).toEqual({
      expected_version: 1,
      current_version: 2,
      last_updated_by: 'bob',
      last_updated_at: at,
      current,
      theirs: [
        { field: 'status', from: 'broken', to: 'operational', by: 'bob', at, version: 2 },
        { field: 'extractor_version', from: '0.0.0', to: '2.0.0', by: 'bob', at, version: 2 },
        {
          field: 'metadata.test_results',
          from: { passing: 0, total: 0, skipped: 0 },
          to: results,
          by: 'bob',
          at,
          version: 2,
        },
      ],
      yours: [
        { field: 'extractor_version', from: '0.0.0', to: '1.5.0' },
        { field: 'metadata.contact', from: 'old', to: 'new' },
      ],
      overlap: ['extractor_version'],
      mergeable: false,
    });
    expect(await tracker.vendor('conflicted')).toEqual(current);
  });

  it('of the configuration is refused with every detail', async () => {
    const { version, ...read } = await tracker.configuration();
    tracker.clock.advance(60);
    const at = tracker.clock.iso;
    const current = await tracker.configure(version, { active_context_type: 'research' }, BOB);
    const refusal = await refusalOf(
      tracker.configure(version, { active_context_type: 'maintenance', archive_after_days: 30 }),
    );
    expect(refusal.error).toBe('VersionConflictError');
    expect(refusal.details).toEqual({
      expected_version: version,
      current_version: version + 1,
      last_updated_by: 'bob',
      last_updated_at: at,
      current,
      theirs: [
        {
          field: 'active_context_type',
          from: 'feature',
          to: 'research',
          by: 'bob',
          at,
          version: version + 1,
        },
      ],
      yours: [
        { field: 'active_context_type', from: 'feature', to: 'maintenance' },
        { field: 'archive_after_days', from: read.archive_after_days, to: 30 },
      ],
      overlap: ['active_context_type'],
      mergeable: false,
    });
  });

  describe('counts as one field', () => {
    it('the status and the time of completion', async () => {
      const read = await tracker.create();
      await tracker.update(read, { status: 'completed' }, BOB);
      const { details } = await refusalOf(tracker.update(read, { status: 'blocked' }));
      expect(details).toMatchObject({ overlap: ['status'], mergeable: false });
    });

    it('the parent, the path and the depth', async () => {
      const [here, there] = [await tracker.create(), await tracker.create()];
      const read = await tracker.create();
      await tracker.update(read, { parent_id: here.id }, BOB);
      const { details } = await refusalOf(tracker.update(read, { parent_id: there.id }));
      expect(details).toMatchObject({ overlap: ['parent_id'], mergeable: false });
      expect((details['theirs'] as { field: string }[]).map(({ field }) => field)).toEqual([
        'parent_id',
        'path',
        'depth',
      ]);
    });
  });

  it('tells of a deletion by others', async () => {
    const read = await tracker.create();
    tracker.clock.advance(1);
    await tracker.update(read, { deleted_at: tracker.clock.iso }, BOB);
    const { error, details } = await refusalOf(tracker.update(read, { title: 'Too late' }));
    expect(error).toBe('VersionConflictError');
    expect(details).toMatchObject({
      theirs: [{ field: 'deleted_at', from: null, to: tracker.clock.iso, by: 'bob' }],
      current: { deleted_at: tracker.clock.iso },
    });
  });

  it('is told before any other rule that the change breaks', async () => {
    const read = await tracker.create();
    await tracker.update(read, { title: 'By Bob' }, BOB);
    expect((await refusalOf(tracker.update(read, { metadata: { estimated_hours: -1 } }))).error).toBe(
      'VersionConflictError',
    );
  });
});
