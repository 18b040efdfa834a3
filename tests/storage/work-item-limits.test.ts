// Every limit of a work item at limit - 1, limit and limit + 1: characters are code points, bytes are UTF-8.
import { beforeAll, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const ROCKET = '🚀'; // one code point, two UTF-16 units, four bytes
const KIB = 1024;

describeEachBackend('limits of work items', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  describe.each([
    ['title', 200],
    ['assignee', 100],
    ['branch_name', 100],
    ['created_by', 100],
  ])('%s of at most %i characters', (field, limit) => {
    it.each(['x', 'é', ROCKET])('counts %s as one', async (character) => {
      for (const length of [1, limit - 1, limit]) {
        const value = character.repeat(length);
        const item = await tracker.create({ [field]: value });
        expect(await tracker.query(item.id)).toHaveProperty(field, value);
      }
      const tooLong = character.repeat(limit + 1);
      const [problem] = await problemsOf(() => tracker.create({ [field]: tooLong }));
      expect(problem).toMatchObject({
        field,
        constraint: `must have 1 to ${limit} characters (it has ${limit + 1})`,
      });
      expect(Array.from(String(problem?.value)).length, 'the value is shortened').toBeLessThan(100);
    });

    it.each(['', '   ', 'two\nlines', 'a\ttab', '\u0085', '\u007f'])('refuses %j', async (value) => {
      expect(await refusedFields(() => tracker.create({ [field]: value }))).toEqual([field]);
    });
  });

  describe('description of at most 64 KiB', () => {
    it.each([
      ['x', 64 * KIB],
      ['é', 32 * KIB],
      [ROCKET, 16 * KIB],
    ])('counts the bytes of %s', async (character, limit) => {
      for (const length of [limit - 1, limit]) {
        const description = character.repeat(length);
        const item = await tracker.create({ description });
        expect((await tracker.query(item.id)).description === description).toBe(true);
      }
      expect(
        await refusedFields(() => tracker.create({ description: character.repeat(limit) + 'x' })),
      ).toEqual(['description']);
    });

    it('may be empty text', async () => {
      expect((await tracker.create({ description: '' })).description).toBe('');
    });
  });

  it('takes 31 and 32 labels, and not 33', async () => {
    const labels = (count: number) => Array.from({ length: count }, (_, index) => `label-${index}`);
    for (const count of [31, 32])
      expect((await tracker.create({ labels: labels(count) })).labels).toEqual(labels(count));
    expect(await refusedFields(() => tracker.create({ labels: labels(33) }))).toEqual(['labels']);
  });

  it('takes labels of 49 and 50 characters, and neither 51 nor none', async () => {
    const labels = [ROCKET.repeat(49), ROCKET.repeat(50)];
    expect((await tracker.create({ labels })).labels).toEqual(labels);
    expect(await refusedFields(() => tracker.create({ labels: ['fine', ROCKET.repeat(51)] }))).toEqual([
      'labels[1]',
    ]);
    expect(await refusedFields(() => tracker.create({ labels: [''] }))).toEqual(['labels[0]']);
  });

  it('takes priorities 1 to 5', async () => {
    for (const priority of [1, 5]) expect((await tracker.create({ priority })).priority).toBe(priority);
    for (const priority of [0, 6, 2.5, '6', Number.NaN]) {
      expect(await refusedFields(() => tracker.create({ priority }))).toEqual(['priority']);
    }
  });

  it('takes pull request numbers from 1 to what every database can keep', async () => {
    const largest = 2 ** 31 - 1;
    for (const pr_number of [1, largest]) {
      expect((await tracker.query((await tracker.create({ pr_number })).id)).pr_number).toBe(pr_number);
    }
    for (const pr_number of [0, -1, 1.5, largest + 1, Number.MAX_SAFE_INTEGER]) {
      expect(await refusedFields(() => tracker.create({ pr_number }))).toEqual(['pr_number']);
    }
  });

  it.each(['a'.repeat(39), 'a'.repeat(41), 'A'.repeat(40), 'g'.repeat(40)])(
    'refuses the commit hash %s',
    async (hash) => {
      expect(await refusedFields(() => tracker.create({ commit_hash: hash }))).toEqual(['commit_hash']);
    },
  );

  describe('metadata of at most 100 KiB', () => {
    const ofBytes = (bytes: number) => ({ notes: 'x'.repeat(bytes - '{"notes":""}'.length) });

    it('takes one byte less and the limit itself, and not one byte more', async () => {
      for (const bytes of [100 * KIB - 1, 100 * KIB]) {
        const item = await tracker.create({ metadata: ofBytes(bytes) });
        expect((await tracker.query(item.id)).metadata).toEqual(ofBytes(bytes));
      }
      const problems = await problemsOf(tracker.create({ metadata: ofBytes(100 * KIB + 1) }));
      expect(problems).toMatchObject([{ field: 'metadata' }]);
      expect(problems[0]?.constraint).toContain(`${100 * KIB + 1}`);
    });

    it('counts bytes, not characters', async () => {
      const room = 100 * KIB - '{"notes":""}'.length;
      const notes = ROCKET.repeat(Math.floor(room / 4));
      await tracker.create({ metadata: { notes } });
      expect(await refusedFields(tracker.create({ metadata: { notes: `${notes}${ROCKET}` } }))).toEqual([
        'metadata',
      ]);
    });

    it('holds for the whole after a partial update', async () => {
      const item = await tracker.create({ metadata: ofBytes(100 * KIB) });
      expect(await refusedFields(tracker.update(item, { metadata: { one_more: 1 } }))).toEqual(['metadata']);
      const smaller = await tracker.update(item, { metadata: { notes: null, one_more: 1 } });
      expect(smaller.metadata).toEqual({ one_more: 1 });
    });
  });

  describe('metadata of depth at most 32', () => {
    /** Containers within containers, the metadata object itself being the first. */
    const nested = (depth: number): Record<string, unknown> => {
      let value: unknown = 'bottom';
      for (let level = 1; level < depth; level += 1) value = level % 2 === 0 ? [value] : { inner: value };
      return { top: value };
    };

    it.each([31, 32])('takes %i levels', async (depth) => {
      const item = await tracker.create({ metadata: nested(depth) });
      expect((await tracker.query(item.id)).metadata).toEqual(nested(depth));
    });

    it.each([33, 60, 5_000])('refuses %i levels', async (depth) => {
      const [problem] = await problemsOf(() => tracker.create({ metadata: nested(depth) }));
      expect(problem?.field).toMatch(/^metadata\.top/);
      expect(problem?.constraint).toContain('deeper than');
    });

    it('refuses depth that comes as JSON text', async () => {
      const text = `{"a":${'['.repeat(3_000)}${']'.repeat(3_000)}}`;
      expect((await problemsOf(() => tracker.create({ metadata: text })))[0]?.constraint).toContain(
        'deeper than',
      );
    });
  });

  it.each([0, 201])('refuses an idempotency key of %i characters', async (length) => {
    expect(await refusedFields(() => tracker.create({ idempotency_key: 'k'.repeat(length) }))).toEqual([
      'idempotency_key',
    ]);
  });
});
