// Taking changes back: one by its inverse, or all of somebody's since a time.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { TrackerError } from '../../src/domain/errors.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { RandomWork, linksOf, steps } from './random-changes.ts';
import { problemsOf, refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';
import { episodes } from '../torture/scale.ts';

const BOB = { actor: 'bob', person: 'bob', client: 'cursor/2.0', session: 'bob' };
/** Each run opens a tracker and makes some dozens of writes on it. */
const RUNS = episodes(5, 8);

/** What was made since and is deleted again still stands below: it has to fit where its parent goes back to. */
const TOO_DEEP = /would reach depth \d, past the limit of 5/;

/** Where an item or a link cannot go back to what is deleted by now, and what builds on that. */
const DELETED_BY_NOW =
  /a link would come back|was changed again|restore (it|that) first|stands below .*, which would be deleted/;

/** Takes all of ada's changes back; changes that cancel each other out leave nothing to take back. */
async function problemsOfUndo(tracker: Tracker, since: string): Promise<string[]> {
  try {
    await tracker.undo({ actor: 'ada', since, apply: true });
    return [];
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    return [error.message];
  }
}

describeEachBackend('undo', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });
  /** The last change, as an undo takes it. */
  const last = async () => `#${await tracker.seq()}`;
  const undoLast = async () => tracker.undo({ change_id: await last() });

  it('makes a random sequence of changes undone, one after the other, give back what was there', async () => {
    await fc.assert(
      fc.asyncProperty(steps(5, 25), async (sequence) => {
        const own = await openTracker(backend);
        const work = new RandomWork(own);
        for (const step of sequence.slice(0, 5)) await work.make({ ...step, kind: 'create' });
        const seeds = work.ids.length;
        const first = await work.snapshot();
        const made: string[] = [];
        for (const step of sequence.slice(5)) if (await work.make(step)) made.push(`#${await own.seq()}`);
        const end = await work.snapshot();
        own.clock.advance(60);
        const since = own.clock.iso;
        for (const change_id of made.toReversed()) {
          const before = await own.seq();
          try {
            await own.undo({ change_id });
          } catch (error) {
            expect(String(error)).toMatch(TOO_DEEP);
            expect(await own.seq()).toBe(before);
            return;
          }
          own.clock.advance(60);
        }
        const back = await work.snapshot();
        for (const [at, id] of work.ids.entries()) {
          if (at < seeds) expect(back.get(id)).toEqual(first.get(id));
          else expect(back.get(id)).toMatchObject({ deleted: true });
        }
        if (made.length === 0) return;
        // And all of the undoing, taken back in one, gives the end again; only a link to what is deleted then cannot,
        // nor what builds on it.
        const shown = await own.undo({ actor: 'ada', since });
        const reasons = shown.refused.map(({ reason }) => reason);
        if (reasons.length > 0) {
          for (const reason of reasons) expect(reason).toMatch(DELETED_BY_NOW);
          expect(await work.snapshot()).toEqual(back);
          return;
        }
        const [problem] = await problemsOfUndo(own, since);
        if (problem !== undefined) expect(problem).toMatch(TOO_DEEP);
        expect(await work.snapshot()).toEqual(problem === undefined ? end : back);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 240_000);

  it('takes all that somebody did since a time back in one, to what was there then', async () => {
    await fc.assert(
      fc.asyncProperty(steps(5, 20), async (sequence) => {
        const own = await openTracker(backend);
        const work = new RandomWork(own);
        for (const step of sequence.slice(0, 8)) await work.make(step);
        const ids = [...work.ids];
        const first = await work.snapshot();
        own.clock.advance(60);
        const since = own.clock.iso;
        let made = 0;
        for (const step of sequence.slice(8)) made += (await work.make(step)) ? 1 : 0;
        if (made === 0) return;
        const end = await work.snapshot();
        const shown = await own.undo({ actor: 'ada', since });
        expect(shown.applied).toBe(false);
        if (shown.refused.length > 0) {
          for (const { reason } of shown.refused) expect(reason).toMatch(DELETED_BY_NOW);
          expect(await work.snapshot()).toEqual(end);
          return;
        }
        // Those that changed no field are among them.
        expect(shown.undone.length).toBeGreaterThanOrEqual(made);
        const seqs = shown.undone.map(({ seq }) => seq);
        expect(seqs).toEqual([...seqs].sort((a, b) => b - a));
        expect(await work.snapshot()).toEqual(end);
        own.clock.advance(60);
        const [problem] = await problemsOfUndo(own, since);
        if (problem !== undefined && TOO_DEEP.test(problem)) {
          expect(await work.snapshot()).toEqual(end);
          return;
        }
        expect(problem ?? 'nothing is left').toContain('nothing is left');
        const back = await work.snapshot();
        for (const id of ids) expect(back.get(id)).toEqual(first.get(id));
        for (const id of work.ids.slice(ids.length)) {
          expect(back.get(id)).toMatchObject({ deleted: true });
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 240_000);

  it('is itself a change with who made it, and can be undone', async () => {
    const item = await tracker.create({
      title: 'first',
      labels: ['a'],
      metadata: { custom: { x: 1 }, gone: 1 },
    });
    tracker.clock.advance(60);
    await tracker.update(item, {
      ...{ title: 'second', status: 'completed', labels: ['b', 'a'] },
      metadata: { custom: { x: 2 }, gone: null, fresh: true },
    });
    const change_id = await last();
    const undone = await tracker.undo({ change_id }, BOB);
    expect(undone).toMatchObject({
      applied: true,
      undone: [{ seq: 2, title: 'second' }],
      records: [{ id: item.id, version: 3 }],
    });
    expect(await tracker.query(item.id)).toMatchObject({
      ...{
        title: 'first',
        status: 'active',
        completed_at: null,
        labels: ['a'],
        version: 3,
        updated_by: 'bob',
      },
      metadata: { custom: { x: 1 }, gone: 1 },
    });
    expect((await tracker.history({ limit: 1 })).items[0]).toMatchObject({
      ...{ actor: 'bob', change_id: undone.change_id, kind: 'update', base_version: 2, version: 3 },
    });
    await tracker.undo({ change_id: undone.change_id });
    expect(await tracker.query(item.id)).toMatchObject({
      ...{
        title: 'second',
        status: 'completed',
        completed_at: '2026-01-05T09:01:00.000Z',
        labels: ['b', 'a'],
      },
      metadata: { custom: { x: 2 }, fresh: true },
    });
  });

  it('deletes what was created, restores what was deleted, and takes a whole plan back in one', async () => {
    const { ids } = await tracker.plan([
      { key: 'p', item_type: 'project', title: 'P' },
      { key: 'a', item_type: 'task', title: 'A', parent: 'p' },
      { key: 'b', item_type: 'task', title: 'B', parent: 'p', depends_on: ['a'] },
    ]);
    const undone = await undoLast();
    expect(undone.undone).toMatchObject([{ records: 4 }]);
    expect(await tracker.titles()).toEqual([]);
    expect((await tracker.query(ids['a'] ?? '')).dependencies).toEqual([]);
    await tracker.undo({ change_id: undone.change_id });
    expect(await tracker.titles({ sort: 'title' })).toEqual(['A', 'B', 'P']);
    expect((await tracker.query(ids['a'] ?? '')).dependencies).toHaveLength(1);

    const project = await tracker.query(ids['p'] ?? '');
    await tracker.update(project, { deleted_at: tracker.clock.iso, cascade: true });
    expect(await tracker.titles()).toEqual([]);
    await undoLast();
    expect(await tracker.titles({ sort: 'title' })).toEqual(['A', 'B', 'P']);
  });

  it('moves back, with everything below, and links and unlinks', async () => {
    const [top, other] = [await tracker.create({ title: 'top' }), await tracker.create({ title: 'other' })];
    const child = await tracker.create({ title: 'child', parent_id: top.id });
    const below = await tracker.create({ title: 'below', parent_id: child.id });
    await tracker.update(child, { parent_id: other.id });
    await undoLast();
    expect((await tracker.query(below.id)).path).toBe(`/${top.id}/${child.id}/${below.id}`);
    await tracker.link(top, 'blocks', other);
    const linked = await last();
    await tracker.undo({ change_id: linked });
    expect((await tracker.query(top.id)).dependencies).toEqual([]);
    await undoLast();
    expect(linksOf((await tracker.query(top.id)).dependencies ?? [])).toEqual([
      `${top.id} blocks ${other.id}`,
    ]);
  });

  it('takes back changes of vendors and of the configuration, in the same way', async () => {
    const vendor = await tracker.register({ name: 'Acme', metadata: { note: 'x' } });
    const changed = await tracker.updateVendor(vendor, {
      status: 'operational',
      extractor_version: '2.0',
      metadata: {
        format_support: { pdf: true },
        test_results: { total: 5, passing: 5 },
        note: null,
        more: 1,
      },
    });
    await undoLast();
    const { version: _v, updated_at: _at, ...before } = vendor;
    expect(await tracker.vendor('Acme')).toMatchObject(before);
    expect((await tracker.vendor('Acme')).metadata).toEqual(vendor.metadata);
    expect(changed.status).toBe('operational');
    await tracker.configure(1, { archive_after_days: 30, default_token_budget: 5000 });
    await undoLast();
    expect(await tracker.configuration()).toMatchObject({
      archive_after_days: 365,
      default_token_budget: 200_000,
    });
  });

  describe('refuses, with the reason,', () => {
    const reasonFor = async (change_id: string): Promise<string> => {
      const before = await tracker.seq();
      const [problem] = await problemsOf(() => tracker.undo({ change_id }));
      expect(await tracker.seq()).toBe(before);
      return problem?.constraint ?? '';
    };

    it('what others changed again since, and says who and when', async () => {
      const item = await tracker.create({ title: 'first' });
      const second = await tracker.update(item, { title: 'second', priority: 1 });
      tracker.clock.advance(60);
      const third = await tracker.update(second, { title: 'third' }, BOB);
      expect(await reasonFor('#2')).toMatch(
        RegExp(
          `title was changed again by bob \\(cursor/2\\.0, session \\S+\\) at ${tracker.clock.iso} \\(#3\\)`,
        ),
      );
      expect(await reasonFor('#1')).toContain('was changed again by bob');
      // Also when it has the old value again: that was bob's decision, unless he took his own change back.
      const fourth = await tracker.update(third, { title: 'fourth' });
      await tracker.update(fourth, { title: 'second' }, BOB);
      expect(await reasonFor('#2')).toContain('title was changed again by bob');
    });

    it('but not changes that were taken back themselves, nor changes of other fields, labels and keys', async () => {
      const item = await tracker.create({ labels: ['a'], metadata: { one: 1 } });
      const second = await tracker.update(item, {
        title: 'second',
        labels: ['a', 'b'],
        metadata: { one: 2 },
      });
      const third = await tracker.update(
        second,
        { title: 'third', labels: ['c', 'a', 'b'], metadata: { two: 2 } },
        BOB,
      );
      await tracker.update(third, { title: 'second' }, BOB);
      await tracker.undo({ change_id: '#2' });
      expect(await tracker.query(item.id)).toMatchObject({
        ...{ title: 'Task', labels: ['c', 'a'], metadata: { one: 1, two: 2 } },
      });
    });

    it('what would leave live items below a deleted one, or a live one below it', async () => {
      const top = await tracker.create({ title: 'top' });
      await tracker.create({ title: 'child', parent_id: top.id }, BOB);
      expect(await reasonFor('#1')).toContain('"child" stands below "top"');
      const [child] = (await tracker.query(top.id)).children ?? [];
      const gone = await tracker.update(child as { id: string; version: number }, {
        deleted_at: tracker.clock.iso,
      });
      await tracker.update(top, { deleted_at: tracker.clock.iso }, BOB);
      expect(await reasonFor('#3')).toContain('its parent "top" is deleted');
      expect(gone.deleted_at).not.toBeNull();
    });

    it('what happened, and what is only ever added', async () => {
      const vendor = await tracker.register({ name: 'Acme' });
      expect(await reasonFor('#1')).toContain('never deleted');
      await tracker.deploy({ affected_vendors: [vendor.name] });
      expect(await reasonFor('#2')).toContain('a deployment happened');
    });

    it('changes that nobody made, and arguments that do not say what', async () => {
      expect(await refusalOf(tracker.undo({ change_id: '#99' }))).toMatchObject({ error: 'NotFoundError' });
      expect(await refusalOf(tracker.undo({ change_id: 'ffffffff' }))).toMatchObject({
        error: 'NotFoundError',
      });
      for (const args of [{}, { actor: 'ada' }, { since: '2026-01-01T00:00:00Z' }, { change_id: '12' }]) {
        expect((await refusalOf(() => tracker.undo(args))).error).toBe('ValidationError');
      }
    });
  });

  it('of an actor leaves out what cannot be undone only when asked to', async () => {
    const item = await tracker.create({ title: 'first' }, BOB);
    tracker.clock.advance(60);
    const since = tracker.clock.iso;
    const mine = await tracker.update(item, { title: 'second' });
    await tracker.update(mine, { title: 'third' }, BOB);
    await tracker.create({ title: 'mine' });
    const shown = await tracker.undo({ actor: 'ada', since });
    expect(shown).toMatchObject({ applied: false, undone: [{ seq: 4 }], refused: [{ seq: 2 }] });
    expect(shown.refused[0]?.reason).toContain('bob');
    const before = await tracker.seq();
    const { next, details } = await refusalOf(tracker.undo({ actor: 'ada', since, apply: true }));
    expect(next).toContain('partial');
    expect(details['refused']).toMatchObject([{ seq: 2 }]);
    expect(await tracker.seq()).toBe(before);
    await tracker.undo({ actor: 'ada', since, apply: true, partial: true });
    expect(await tracker.titles()).toEqual(['third']);
  });

  it('gives its first result again under the same idempotency key, and otherwise says it was done', async () => {
    const item = await tracker.create({ title: 'first' });
    await tracker.update(item, { title: 'second' });
    const first = await tracker.undo({ change_id: '#2', idempotency_key: 'k' });
    const second = await tracker.undo({ change_id: '#2', idempotency_key: 'k' });
    expect(second).toMatchObject({
      applied: true,
      repeated: true,
      change_id: first.change_id,
      records: first.records,
    });
    expect(await tracker.seq()).toBe(3);
    expect((await problemsOf(() => tracker.undo({ change_id: '#2' })))[0]?.constraint).toContain('(#3)');
    const other = await tracker.create({ title: 'other', idempotency_key: 'other' });
    expect(other.title).toBe('other');
    expect(await problemsOf(() => tracker.undo({ change_id: '#2', idempotency_key: 'other' }))).toMatchObject(
      [{ field: 'idempotency_key' }],
    );
  });

  it('finds a change by its id, by the beginning of it, and by any of its positions', async () => {
    const [a, b] = [await tracker.create({ title: 'a' }), await tracker.create({ title: 'b' })];
    await tracker.updateMany([
      { id: a.id, version: 1, priority: 1 },
      { id: b.id, version: 1, priority: 1 },
    ]);
    const change_id = (await tracker.history({ limit: 1 })).items[0]?.change_id ?? '';
    for (const reference of [change_id, change_id.slice(0, 30), '#3', '#4']) {
      const undone = await tracker.undo({ change_id: reference });
      expect(undone.records).toHaveLength(2);
      await tracker.undo({ change_id: undone.change_id });
    }
    expect((await tracker.query(b.id)).priority).toBe(1);
  });
});
