// A write with an idempotency key happens once, however often and from wherever it is tried.
import { beforeEach, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';
import { creation, edit, linking, registration, vendorEdit } from './changes.ts';
import { problemsOf, refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const TRIES = 20;
const key = { idempotency_key: 'the-key' };

describeEachBackend('an idempotency key', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  const many = <T>(attempt: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: TRIES }, (_, index) => attempt(index)));

  describe('gives the first result again and changes nothing', () => {
    it('for a creation', async () => {
      const args = { title: 'Once', labels: ['a'], metadata: { custom: { b: 1, a: 2 } }, ...key };
      const first = await tracker.createAnswer(args);
      expect(first.data).not.toHaveProperty('repeated');
      await tracker.update(first.data, { title: 'Renamed since' });
      tracker.clock.advance(3600);
      const seq = await tracker.seq();
      const again = await tracker.createAnswer(
        { ...args, metadata: { custom: { a: 2, b: 1 } } },
        { actor: 'other', person: 'other', client: 'other', session: 'other' },
      );
      expect(again.data).toEqual({ ...first.data, repeated: true });
      expect(await tracker.seq()).toBe(seq);
      expect(await tracker.list()).toMatchObject({ total_count: 1 });
    });

    it('for an update whose version is gone by now', async () => {
      const item = await tracker.create();
      const first = await tracker.update(item, { title: 'Mine', ...key });
      await tracker.update(first, { title: 'Theirs' });
      expect(await tracker.update(item, { title: 'Mine', ...key })).toEqual({ ...first, repeated: true });
      expect(await tracker.query(item.id)).toMatchObject({ title: 'Theirs', version: 3 });
    });

    it('for a merge, with what it merged with', async () => {
      const item = await tracker.create();
      await tracker.update(item, { title: 'Theirs' });
      const merge = () => tracker.update(item, { priority: 1, on_conflict: 'merge', ...key });
      const first = await merge();
      expect(first.merged_with).toEqual([2]);
      expect(await merge()).toEqual({ ...first, repeated: true });
    });

    it('for a link, a removal, and a link that was there already', async () => {
      const [a, b] = [await tracker.create(), await tracker.create()];
      const first = await tracker.link(a, 'blocks', b, key);
      expect(await tracker.link(a, 'blocks', b, key)).toEqual({ ...first, repeated: true });
      const removed = await tracker.unlink(a, 'blocks', b, { idempotency_key: 'remove' });
      expect(await tracker.unlink(a, 'blocks', b, { idempotency_key: 'remove' })).toEqual({
        ...removed,
        repeated: true,
      });
      expect((await tracker.query(a.id)).dependencies).toEqual([]);
      expect(await tracker.link(a, 'blocks', b, key)).toMatchObject({ repeated: true });
      expect((await tracker.query(a.id)).dependencies).toEqual([]);
    });

    it('for a vendor, registered and updated', async () => {
      const first = await tracker.register({ name: 'Acme', ...key });
      expect(await tracker.register({ name: 'Acme', ...key })).toEqual({ ...first, repeated: true });
      const updated = await tracker.updateVendor(first, { status: 'operational', idempotency_key: 'update' });
      expect(await tracker.updateVendor(first, { status: 'operational', idempotency_key: 'update' })).toEqual(
        { ...updated, repeated: true },
      );
      expect(await tracker.vendor('acme')).toEqual(updated);
    });

    it('for a deployment', async () => {
      const vendor = await tracker.register({ name: 'Acme' });
      const args = { affected_vendors: ['Acme'], ...key };
      const first = await tracker.deploy(args);
      await tracker.updateVendor(vendor, { status: 'operational' });
      expect(await tracker.deploy({ ...args })).toEqual({ ...first, repeated: true });
      expect(await tracker.deployments()).toMatchObject({ total_count: 1 });
    });

    it('for the configuration', async () => {
      const first = await tracker.configure(1, { archive_after_days: 30, ...key });
      expect(await tracker.configure(1, { archive_after_days: 30, ...key })).toEqual({
        ...first,
        repeated: true,
      });
    });

    it('with the warnings of the first time', async () => {
      const first = await tracker.createAnswer({ metadata: { estimate_hours: 1 }, ...key });
      expect(first.warnings).toHaveLength(1);
      expect((await tracker.createAnswer({ metadata: { estimate_hours: 1 }, ...key })).warnings).toEqual(
        first.warnings,
      );
    });

    it('after a restart', async () => {
      const first = await tracker.create(key);
      const reopened = await openTrackerAt(tracker.place);
      expect(await reopened.create(key)).toEqual({ ...first, repeated: true });
    });
  });

  describe(`used by ${TRIES} callers at once`, () => {
    it('makes one item, and all get it', async () => {
      const other = await openTrackerAt(tracker.place);
      const answers = await many((index) =>
        (index % 2 === 0 ? tracker : other).create({ title: 'Once', ...key }),
      );
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      expect(answers.filter(({ repeated }) => repeated === true)).toHaveLength(TRIES - 1);
      expect(await tracker.list()).toMatchObject({ total_count: 1 });
      expect(await tracker.seq()).toBe(1);
      expect(tracker.announced + other.announced).toBe(1);
    });

    it('updates an item once', async () => {
      const item = await tracker.create();
      const answers = await many(() => tracker.update(item, { title: 'Once', ...key }));
      expect(answers.map(({ version }) => version)).toEqual(answers.map(() => 2));
      expect(answers.filter(({ repeated }) => repeated === true)).toHaveLength(TRIES - 1);
      expect(await tracker.seq()).toBe(2);
    });

    it('adds one link', async () => {
      const [a, b] = [await tracker.create(), await tracker.create()];
      const answers = await many(() => tracker.link(a, 'relates_to', b, key));
      expect(answers.filter(({ repeated }) => repeated === true)).toHaveLength(TRIES - 1);
      expect((await tracker.query(a.id)).dependencies).toHaveLength(1);
    });

    it('registers one vendor', async () => {
      const answers = await many(() => tracker.register({ name: 'Acme', ...key }));
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      expect(await tracker.vendors()).toMatchObject({ total_count: 1 });
    });

    it('records one deployment', async () => {
      const answers = await many(() => tracker.deploy({ ...key }));
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      expect(await tracker.deployments()).toMatchObject({ total_count: 1 });
    });
  });

  describe('used for something else is refused', () => {
    it('whatever the something is', async () => {
      const item = await tracker.create({ title: 'First', ...key });
      const seq = await tracker.seq();
      for (const attempt of [
        () => tracker.create({ title: 'Second', ...key }),
        () => tracker.update(item, { title: 'Second', ...key }),
        () => tracker.register({ name: 'Acme', ...key }),
        () => tracker.deploy({ ...key }),
        () => tracker.configure(1, { archive_after_days: 30, ...key }),
      ]) {
        expect(await problemsOf(attempt)).toMatchObject([
          { field: 'idempotency_key', constraint: 'was used before for another operation', value: 'the-key' },
        ]);
      }
      expect(await tracker.seq()).toBe(seq);
    });

    it('also the same update of another version', async () => {
      const item = await tracker.create();
      const updated = await tracker.update(item, { title: 'x', ...key });
      expect((await refusalOf(tracker.update(updated, { title: 'x', ...key }))).details).toMatchObject({
        field: 'idempotency_key',
      });
    });

    it('when two different operations come at once: one wins', async () => {
      const results = await Promise.allSettled([
        tracker.create({ title: 'A', ...key }),
        tracker.create({ title: 'B', ...key }),
      ]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await tracker.list()).toMatchObject({ total_count: 1 });
    });
  });

  it('of a refused call stays free for the corrected one', async () => {
    const item = await tracker.create();
    await refusalOf(tracker.update({ id: item.id, version: 9 }, { title: 'Corrected', ...key }));
    expect(await tracker.update(item, { title: 'Corrected', ...key })).toMatchObject({
      title: 'Corrected',
      version: 2,
    });
  });
});

describeEachBackend('a change that is applied twice under its id', (backend) => {
  it('happens once, whatever it is', async () => {
    const tracker = await openTracker(backend);
    const [a, b] = ['aaaaaaaa-0000-4000-8000-000000000000', 'bbbbbbbb-0000-4000-8000-000000000000'] as const;
    const vendor = 'cccccccc-0000-4000-8000-000000000000';
    const changes = [
      creation({ entity_id: a }),
      creation({ entity_id: b }),
      edit({ entity_id: a, base_version: 1, patch: { title: 'Edited' } }),
      edit({ entity_id: a, base_version: 1, patch: { priority: 1 }, on_conflict: 'merge' }),
      linking(a, 'blocks', b),
      registration({ entity_id: vendor, patch: { name: 'Acme' } }),
      vendorEdit({ entity_id: vendor, base_version: 1, patch: { status: 'operational' } }),
    ];
    for (const change of changes) {
      const [first] = (await tracker.store.write([change])).data;
      expect(first).toMatchObject({ change_id: change.id, repeated: false });
    }
    const seq = await tracker.seq();
    for (const change of changes) {
      const [again] = (await tracker.store.write([change])).data;
      expect(again, `${change.kind} ${change.entity}`).toMatchObject({
        change_id: change.id,
        entity_id: change.entity_id,
        repeated: true,
      });
    }
    expect(await tracker.seq()).toBe(seq);
    expect((await tracker.query(a)).version).toBe(3);
  });
});
