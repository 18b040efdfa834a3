/** Hierarchy and link rules over inputs of any shape. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDate } from '../../src/importers/import/dates.ts';
import { fitLabels, fitLine, piecesOf, splitBytes } from '../../src/importers/import/within-limits.ts';
import { settleLinks, type KeyedLink } from '../../src/use-cases/records/link-rules.ts';
import { compareNatural } from '../../src/importers/import/natural-order.ts';
import { plannedId } from '../../src/importers/import/plan.ts';
import { isAncestry, placeNodes, type TreeNode } from '../../src/use-cases/records/tree-placement.ts';
import { isAcyclic } from './plan-checks.ts';

const NODES = 24;
const key = (index: number) => `n${index}`;
const keys = Array.from({ length: NODES }, (_, index) => key(index));

/** Any parents at all: chains, cycles, nodes above themselves. */
const trees: fc.Arbitrary<TreeNode[]> = fc
  .array(fc.option(fc.integer({ min: 0, max: NODES - 1 }), { freq: 4 }), {
    minLength: NODES,
    maxLength: NODES,
  })
  .map((parents) =>
    parents.map((parent, index) => ({ key: key(index), parentKey: parent === null ? null : key(parent) })),
  );
/** Deep on purpose: most nodes hang below the one before. */
const chains: fc.Arbitrary<TreeNode[]> = fc
  .array(fc.integer({ min: 1, max: 3 }), { minLength: NODES, maxLength: NODES })
  .map((steps) =>
    steps.map((step, index) => ({ key: key(index), parentKey: index < step ? null : key(index - step) })),
  );

const links: fc.Arbitrary<KeyedLink[]> = fc.array(
  fc.record({
    from: fc.constantFrom(...keys),
    to: fc.constantFrom(...keys),
    type: fc.constantFrom(
      'blocks' as const,
      'depends_on' as const,
      'relates_to' as const,
      'discovered_from' as const,
    ),
  }),
  { maxLength: 80 },
);

describe('placing', () => {
  it('gives every node one place of depth 5 at most, parents first, and names whatever it moved', () => {
    fc.assert(
      fc.property(fc.oneof(trees, chains), (nodes) => {
        const { order, parents, moved } = placeNodes(nodes);
        expect([...order].sort()).toEqual([...keys].sort());
        const depths = new Map<string, number>();
        for (const node of order) {
          const parent = parents.get(node) ?? null;
          expect(parent === null || depths.has(parent)).toBe(true);
          depths.set(node, parent === null ? 0 : (depths.get(parent) ?? 0) + 1);
        }
        expect(Math.max(...depths.values())).toBeLessThanOrEqual(5);
        const movedKeys = new Map(moved.map((move) => [move.key, move]));
        for (const { key: node, parentKey } of nodes) {
          const move = movedKeys.get(node);
          expect(parents.get(node)).toBe(move === undefined ? parentKey : move.to);
          if (move !== undefined) expect(move.from).toBe(parentKey);
          if (move?.why === 'too_deep') expect(depths.get(node)).toBe(5);
        }
      }),
    );
  });

  it('moves nothing that fits', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 40 }), (choices) => {
        const depths: number[] = [];
        const nodes = choices.map((choice, index): TreeNode => {
          const parent = index === 0 ? -1 : (choice % (index + 1)) - 1;
          const depth = parent < 0 ? 0 : (depths[parent] ?? 0) + 1;
          depths.push(depth > 5 ? 0 : depth);
          return { key: key(index), parentKey: parent < 0 || depth > 5 ? null : key(parent) };
        });
        expect(placeNodes(nodes).moved).toEqual([]);
      }),
    );
  });

  it('opens a cycle at its first node and names it', () => {
    const cycle = [
      { key: 'a', parentKey: 'c' },
      { key: 'b', parentKey: 'a' },
      { key: 'c', parentKey: 'b' },
    ];
    expect(placeNodes(cycle)).toEqual({
      order: ['a', 'b', 'c'],
      parents: new Map([['a', null], ['b', 'a'], ['c', 'b']]),
      moved: [{ key: 'a', from: 'c', to: null, why: 'cycle', chain: ['a', 'c', 'b', 'a'] }],
    }); // prettier-ignore
  });

  it('takes a chain of 100,000 in its stride', () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) => ({
      key: key(index),
      parentKey: index === 0 ? null : key(index - 1),
    }));
    expect(placeNodes(nodes).order).toHaveLength(100_000);
  });
});

describe('settling links', () => {
  it('leaves no cycle, no self link, no repetition, none between relatives, and loses no connection', () => {
    fc.assert(
      fc.property(fc.oneof(trees, chains), links, (nodes, wanted) => {
        const { order, parents } = placeNodes(nodes);
        const settled = settleLinks(wanted, order, parents);
        const edges = new Map<string, string[]>();
        const seen = new Set<string>();
        for (const { from, to, type } of settled.links) {
          expect(from).not.toBe(to);
          expect(seen.has(`${from} ${type} ${to}`)).toBe(false);
          seen.add(`${from} ${type} ${to}`);
          if (type === 'relates_to' || type === 'discovered_from') continue;
          expect(isAncestry(parents, from, to)).toBe(false);
          const [waiting, awaited] = type === 'blocks' ? [to, from] : [from, to];
          edges.set(waiting, [...(edges.get(waiting) ?? []), awaited]);
        }
        expect(isAcyclic(keys, edges)).toBe(true);
        const pairs = new Set(settled.links.flatMap(({ from, to }) => [`${from} ${to}`, `${to} ${from}`]));
        for (const { from, to } of wanted) expect(from === to || pairs.has(`${from} ${to}`)).toBe(true);
      }),
    );
  });

  it('changes nothing in links without a cycle, and gives one answer for any order of them', () => {
    const forward = links.map((all) =>
      all
        .filter(({ from, to }) => keys.indexOf(from) < keys.indexOf(to))
        .map((link) => ({ ...link, type: 'depends_on' as const })),
    );
    const flat = new Map(keys.map((node) => [node, null]));
    fc.assert(
      fc.property(forward, (wanted) => {
        const settled = settleLinks(wanted, keys, flat);
        expect(settled.adjusted).toEqual([]);
        expect(settleLinks([...wanted].reverse(), keys, flat)).toEqual(settled);
      }),
    );
  });

  it('gives one answer for any order of links with cycles', () => {
    const flat = new Map(keys.map((node) => [node, null]));
    fc.assert(
      fc.property(links, (wanted) => {
        const same = wanted.filter(({ type }) => type !== 'blocks');
        expect(settleLinks([...same].reverse(), keys, flat)).toEqual(settleLinks(same, keys, flat));
      }),
    );
  });

  it('breaks 50,000 links in one ring at one place', () => {
    const ring = Array.from({ length: 50_000 }, (_, index) => key(index));
    const wanted = ring.map((from, index) => ({
      from,
      to: key((index + 1) % 50_000),
      type: 'depends_on' as const,
    }));
    const { adjusted } = settleLinks(wanted, ring, new Map());
    expect(adjusted.map(({ link }) => link.from)).toEqual(['n49999']);
    expect(adjusted[0]?.cycle.length).toBeLessThan(30);
  });
});

describe('fitting', () => {
  it('cuts lines by characters and never splits one', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 400 }),
        fc.integer({ min: 2, max: 50 }),
        (text, max) => {
          const line = fitLine(text, max);
          expect(Array.from(line).length).toBeLessThanOrEqual(max);
          expect(line.isWellFormed()).toBe(true);
          expect(/\p{Cc}/u.test(line)).toBe(false);
        },
      ),
    );
  });

  it('splits bytes without loss', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.integer({ min: 0, max: 300 }),
        (text, max) => {
          const { start, rest } = splitBytes(text, max);
          expect(start + rest).toBe(text);
          expect(Buffer.byteLength(start)).toBeLessThanOrEqual(max);
        },
      ),
    );
  });

  it('divides a text into pieces without loss', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.integer({ min: 4, max: 50 }),
        (text, max) => {
          const pieces = piecesOf(text, max);
          expect(pieces.join('')).toBe(text);
          expect(Math.max(0, ...pieces.map((piece) => Buffer.byteLength(piece)))).toBeLessThanOrEqual(max);
        },
      ),
    );
  });

  it('leaves good labels alone', () => {
    expect(fitLabels(['a', 'gt:message'])).toEqual({ labels: ['a', 'gt:message'], changes: [] });
  });
});

describe('reading dates', () => {
  it.each([
    ['2025-07-23', '2025-07-23T00:00:00.000Z', false],
    ['2025-09-06 21:22', '2025-09-06T21:22:00.000Z', false],
    ['2026-02-27T17:04:26Z', '2026-02-27T17:04:26.000Z', true],
    ['2025-07-22T09:35:48.856Z', '2025-07-22T09:35:48.856Z', true],
    ['2025-10-16T20:46:08.971822-07:00', '2025-10-17T03:46:08.971Z', false],
    ['2025-10-16T20:46:08+0530', '2025-10-16T15:16:08.000Z', false],
    ['23.07.25', '2025-07-23T00:00:00.000Z', false],
  ])('%s', (text, iso, isExact) => {
    expect(readDate(text)).toEqual({ iso, isExact });
  });

  it.each([
    '',
    'soon',
    '2025-02-30',
    '2025-13-01',
    '2025-01-01T25:00Z',
    '0000-01-01',
    '2025-1-1',
    7,
    null,
    '9999-12-31T23:59-10:00',
  ])('refuses %s', (value) => {
    expect(readDate(value)).toBeUndefined();
  });
});

describe('ids', () => {
  it('are stable: a change here would orphan every import that was ever made', () => {
    expect(plannedId('beads', 'bd', 'bd-7vk')).toBe('7d5b3291-e90a-49e9-a134-334c4b238ec0');
    expect(plannedId('beads', 'b', 'd-7vk')).not.toBe(plannedId('beads', 'bd', '-7vk'));
  });

  it('sort as people count, totally', () => {
    expect(['a-10', 'a-9', 'a-4.13', 'a-4.7', 'A-1', 'a-09'].sort(compareNatural)).toEqual([
      'A-1', 'a-4.7', 'a-4.13', 'a-09', 'a-9', 'a-10',
    ]); // prettier-ignore
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(Math.sign(compareNatural(a, b))).toBe(-Math.sign(compareNatural(b, a)) + 0);
        expect(compareNatural(a, b) === 0).toBe(a === b);
      }),
    );
  });
});
