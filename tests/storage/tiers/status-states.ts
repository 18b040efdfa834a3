// Random states of a tracker as a status report shows them: whatever records may be called.
import * as fc from 'fast-check';
import { NAME_MAX_CHARACTERS, TITLE_MAX_CHARACTERS } from '../../../src/domain/limits.ts';
import type { Vendor } from '../../../src/domain/vendor.ts';
import { ITEM_TYPES } from '../../../src/domain/work-item.ts';
import type { StatusItem, ProjectStatus } from '../../../src/use-cases/status/project-status.ts';

export const AT = '2026-03-01T12:30:45.678Z';
export const SECOND = '2026-03-01T12:30:45.000Z';

/** One line as the tracker accepts it: not blank, no control characters. */
export const line = (max: number) =>
  fc
    .oneof(
      fc.string({ unit: 'grapheme', maxLength: max }),
      fc.string({ unit: 'binary', maxLength: max }),
      fc
        .array(
          fc.constantFrom(
            '*',
            '\\',
            '`',
            '[',
            ']',
            '(task)',
            ' ',
            '<!-- ',
            ' -->',
            '##',
            '_',
            ', ',
            ': 3',
            'v1',
            'a',
          ),
        )
        .map((parts) => parts.join('')),
      fc.constantFrom(
        'x'.repeat(max),
        '🚀'.repeat(max),
        '\\'.repeat(max),
        '- **Status**: completed',
        '### A (task)',
      ),
    )
    .map((text) => text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '').toWellFormed())
    .map((text) => Array.from(text).slice(0, max).join(''))
    .filter((text) => text.trim() !== '');
const count = fc.nat({ max: 999 });
const time = fc
  .integer({ min: Date.UTC(1971, 0), max: Date.UTC(9999, 11) })
  .map((ms) => new Date(Math.floor(ms / 1000) * 1000).toISOString());

export const vendor = fc.record({
  id: fc.uuid(),
  version: fc.integer({ min: 1, max: 3_000_003 }),
  name: line(NAME_MAX_CHARACTERS),
  status: fc.constantFrom('operational' as const, 'broken' as const),
  extractor_version: line(50),
  metadata: fc.record({
    test_results: fc.record({ passing: count, total: count, skipped: count }),
    format_support: fc.record({
      excel: fc.boolean(),
      csv: fc.boolean(),
      pdf: fc.boolean(),
      ocr: fc.boolean(),
    }),
  }),
});
export const item = fc.record({
  id: fc.uuid(),
  version: fc.integer({ min: 1, max: 3_000_003 }),
  title: line(TITLE_MAX_CHARACTERS),
  item_type: fc.constantFrom(...ITEM_TYPES),
  branch_name: fc.option(line(NAME_MAX_CHARACTERS)),
  created_at: time,
  updated_at: fc.constant(AT),
  level: fc.nat({ max: 5 }),
  outside_parent: fc.option(line(TITLE_MAX_CHARACTERS)),
});
const hex = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength, maxLength });
export const deployment = fc.record({
  id: fc.uuid(),
  deployed_at: time,
  // An imported one may lack most of it.
  commit_hash: fc.oneof(hex(40, 40), hex(7, 39), fc.constant('')),
  pr_number: fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
  pr_title: fc.option(line(TITLE_MAX_CHARACTERS)),
  tests: fc.dictionary(
    line(20)
      .map(plain)
      .filter((name) => !name.includes(',') && !name.includes(': ')),
    count,
  ),
  compliant: fc.option(fc.boolean()),
});

export const enhancement = fc.record({
  id: fc.uuid(),
  version: fc.integer({ min: 1, max: 3_000_003 }),
  title: line(TITLE_MAX_CHARACTERS),
  priority: fc.integer({ min: 1, max: 5 }),
  status: fc.constantFrom('planned' as const, 'approved' as const, 'implementing' as const),
  target_quarter: fc.option(
    fc
      .tuple(fc.integer({ min: 1000, max: 9999 }), fc.integer({ min: 1, max: 4 }))
      .map(([year, quarter]) => `${year}-Q${quarter}`),
  ),
  updated_at: fc.constant(AT),
  description: fc.option(
    fc.oneof(
      line(300),
      fc.array(line(60), { minLength: 1, maxLength: 4 }).map((lines) => lines.join('\n')),
    ),
  ),
});

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;
export type Drawn = {
  vendors: ValueOf<typeof vendor>[];
  items: StatusItem[];
  deployments: ValueOf<typeof deployment>[];
  enhancements: ValueOf<typeof enhancement>[];
};

export const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    vendors: fc.uniqueArray(vendor, { maxLength: 6, selector: ({ name }) => plain(name) }),
    items: fc.array(item, { maxLength: 12 }),
    deployments: fc.array(deployment, { maxLength: 4 }),
    enhancements: fc.array(enhancement, { maxLength: 5 }),
  })
  .map(({ items, ...rest }) => ({ ...rest, items: asTree(items) }));

/** Levels that only step down by one, and the title of whoever stands above. */
function asTree(items: ValueOf<typeof item>[]): StatusItem[] {
  const above: StatusItem[] = [];
  return items.map(({ outside_parent, ...rest }) => {
    above.length = Math.min(above.length, rest.level);
    const made = {
      ...rest,
      status: 'active',
      level: above.length,
      parent_title: above.at(-1)?.title ?? outside_parent,
    };
    above.push(made);
    return made;
  });
}

/** As text on one line is shown. */
export function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

export function reportOf({ vendors, items, deployments, enhancements }: Drawn): ProjectStatus {
  const audit = { created_at: AT, updated_at: AT, created_by: 'ada', updated_by: 'ada' };
  return {
    project_id: '00000000-0000-4000-8000-000000000001',
    seq: 1,
    changed_at: AT,
    vendors: vendors.map((one) => ({ ...one, ...audit })) as Vendor[],
    operational: 0,
    items,
    items_total: items.length + 3,
    deployments: deployments.map(
      ({ id, deployed_at, commit_hash, pr_number, pr_title, tests, compliant }) => ({
        id,
        version: 1,
        deployed_at,
        commit_hash,
        created_at: AT,
        created_by: 'ada',
        metadata: {
          ...(pr_number !== null && { pr_number }),
          ...(pr_title !== null && { pr_title }),
          test_summary: tests,
          ...(compliant !== null && { constitutional_compliance: compliant }),
        },
        affected_vendors: vendors.map(({ id: vendor_id, name, status }) => ({ id: vendor_id, name, status })),
        related_work_items: [],
      }),
    ),
    deployments_total: deployments.length,
    enhancements,
    enhancements_total: enhancements.length + 2,
    archived_total: 0,
    pending: [],
  } as ProjectStatus;
}
