// Three-way comparison and merge, as pure rules.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldChange, RecordedChange } from '../../src/domain/change.ts';
import { compareChanges, mergedPatch, versionConflictError } from '../../src/domain/conflict.ts';
import type { JsonObject, JsonValue } from '../../src/domain/json.ts';

const AT = '2026-01-05T09:00:00.000Z';

function recorded(
  version: number,
  ...fields: [field: string, from: JsonValue, to: JsonValue][]
): RecordedChange {
  return {
    seq: version,
    change_id: `change-${version}`,
    at: AT,
    actor: 'bob',
    client: 'cli',
    person: 'bob',
    device: null,
    session: null,
    entity: 'work_item',
    entity_id: 'item',
    related_id: null,
    kind: 'update',
    base_version: version - 1,
    version,
    fields: fields.map(([field, from, to]): FieldChange => ({ field, from, to })),
    merged_with: [],
  };
}

describe('comparing an update with what happened since', () => {
  it('tells theirs with author, time and version, and yours with the value that was read', () => {
    const since = [recorded(2, ['title', 'A', 'B']), recorded(3, ['title', 'B', 'C'])];
    const conflict = compareChanges({ title: 'Mine', priority: 1 }, { title: 'C', priority: 3 }, since);
    expect(conflict).toEqual({
      theirs: [
        { field: 'title', from: 'A', to: 'B', by: 'bob', at: AT, version: 2 },
        { field: 'title', from: 'B', to: 'C', by: 'bob', at: AT, version: 3 },
      ],
      yours: [
        { field: 'title', from: 'A', to: 'Mine' },
        { field: 'priority', from: 3, to: 1 },
      ],
      overlap: ['title'],
      mergeable: false,
    });
  });

  it.each([
    ['status', 'completed_at'],
    ['parent_id', 'path'],
    ['parent_id', 'depth'],
    ['extractor_version', 'metadata.extractor_version'],
  ])('takes %s and %s for one', (field, coupled) => {
    expect(
      compareChanges({ [field]: 'mine' }, { [field]: 'theirs' }, [recorded(2, [coupled, 'a', 'b'])]).overlap,
    ).toEqual([field]);
  });

  it('names what would be replaced along with a field, where its maker saw another value', () => {
    const current = { status: 'completed', completed_at: '2026-01-04T09:00:00.000Z' };
    const view = { differing: new Set(['completed_at']) };
    expect(compareChanges({ status: 'active' }, current, [], view)).toMatchObject({
      not_seen: [{ field: 'completed_at', value: current.completed_at }],
      overlap: ['status'],
      mergeable: false,
    });
    expect(compareChanges({ status: 'completed' }, current, [], view).mergeable).toBe(true);
    expect(compareChanges({ title: 'Mine' }, current, [], view).mergeable).toBe(true);
  });

  it('compares metadata key by key', () => {
    const current = { metadata: { a: 2, b: 1 } };
    const since = [recorded(2, ['metadata.a', 1, 2])];
    expect(compareChanges({ metadata: { b: 5 } }, current, since)).toMatchObject({
      overlap: [],
      mergeable: true,
    });
    expect(compareChanges({ metadata: { a: 5, b: 5 } }, current, since)).toMatchObject({
      overlap: ['metadata.a'],
    });
    expect(compareChanges({ metadata: { a: 2 } }, current, since)).toMatchObject({ overlap: [] });
  });

  it('does not find what every object inherits', () => {
    const conflict = compareChanges({ metadata: { constructor: 1 } }, { metadata: {} }, []);
    expect(conflict.yours).toEqual([{ field: 'metadata.constructor', from: null, to: 1 }]);
  });

  it('never lets sets overlap', () => {
    const since = [recorded(2, ['labels', ['a'], ['a', 'b']])];
    expect(compareChanges({ labels: ['c'] }, { labels: ['a', 'b'] }, since)).toMatchObject({
      overlap: [],
      mergeable: true,
    });
  });

  it('without changes of others always merges', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const { metadata: _metadata, ...patch } = fields as JsonObject;
        expect(compareChanges(patch, {}, [])).toMatchObject({ theirs: [], overlap: [], mergeable: true });
      }),
    );
  });
});

describe('merging sets', () => {
  const merge = (base: string[], mine: string[], theirs: string[]): string[] => {
    const since = [recorded(2, ['labels', base, theirs])];
    const patch = { labels: mine };
    const current = { labels: theirs };
    return mergedPatch(patch, compareChanges(patch, current, since), current)['labels'] as string[];
  };
  const set = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'));

  it('keeps what both have, adds what either added, and drops what either removed', () => {
    fc.assert(
      fc.property(set, set, set, (base, mine, theirs) => {
        const merged = merge(base, mine, theirs);
        expect(new Set(merged).size).toBe(merged.length);
        for (const label of ['a', 'b', 'c', 'd', 'e'] as const) {
          const [was, inMine, inTheirs] = [base, mine, theirs].map((labels) => labels.includes(label));
          expect(merged.includes(label)).toBe(was ? inMine && inTheirs : inMine || inTheirs);
        }
      }),
    );
  });

  it('gives the same set whoever comes first', () => {
    fc.assert(
      fc.property(set, set, set, (base, mine, theirs) => {
        expect(merge(base, mine, theirs).sort()).toEqual(merge(base, theirs, mine).sort());
      }),
    );
  });
});

describe('the refusal', () => {
  const current = { version: 4, updated_by: 'bob', updated_at: AT };
  const disjoint = { theirs: [], yours: [], overlap: [], mergeable: true };

  it('proposes to merge disjoint changes, and to decide about others', () => {
    expect(versionConflictError('vendor', 2, current, disjoint).next).toContain('on_conflict "merge"');
    const overlapping = { ...disjoint, overlap: ['status', 'title'], mergeable: false };
    expect(versionConflictError('vendor', 2, current, overlapping).next).toContain('status, title');
  });

  it('never calls a version of the future mergeable', () => {
    const error = versionConflictError('vendor', 9, current, disjoint);
    expect(error.details).toMatchObject({ expected_version: 9, current_version: 4, mergeable: false });
    expect(error.next).toContain('Version 9 does not exist yet');
  });

  it.each([2, 9])('names the version to go on with, based on %i', (expected) => {
    expect(versionConflictError('vendor', expected, current, disjoint).next).toContain('version 4');
  });
});
