// Vendors: names, metadata, registering, updating and listing.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';
import { outcomeOf, problemsOf, refusalOf, refusedFields } from './refusal.ts';
import type { Arguments, Tracker } from './tracker.ts';

const EMPTY = {
  format_support: { excel: false, csv: false, pdf: false, ocr: false },
  test_results: { passing: 0, total: 0, skipped: 0 },
  manifest_compliant: false,
};

describeEachBackend('vendors', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  it('start broken, without formats and tests', async () => {
    const vendor = await tracker.register({ name: 'vendor_abc' });
    expect(vendor).toEqual({
      id: vendor.id,
      version: 1,
      name: 'vendor_abc',
      status: 'broken',
      extractor_version: '0.0.0',
      metadata: EMPTY,
      created_at: tracker.clock.iso,
      updated_at: tracker.clock.iso,
      created_by: 'ada',
      updated_by: 'ada',
    });
    expect(await tracker.vendor('vendor_abc')).toEqual(vendor);
  });

  it('keep what is said at registration, further keys too', async () => {
    const metadata = {
      format_support: { excel: true, csv: true, pdf: false, ocr: false },
      test_results: { passing: 45, total: 50, skipped: 3 },
      manifest_compliant: true,
      contact: { mail: 'ops@example.com' },
    };
    const answer = await tracker.registerAnswer({
      name: 'Ünïcode 🚀 & Co. %_\\',
      status: 'operational',
      extractor_version: '1.2.3',
      metadata,
    });
    expect(answer.data).toMatchObject({
      name: 'Ünïcode 🚀 & Co. %_\\',
      status: 'operational',
      extractor_version: '1.2.3',
      metadata,
    });
    expect(answer.warnings).toMatchObject([{ code: 'unknown_metadata_key' }]);
    expect(await tracker.vendor('ünïcode 🚀 & co. %_\\')).toEqual(answer.data);
  });

  describe('have names', () => {
    it.each(['VENDOR_ABC', 'vendor_abc', ' Vendor_Abc '])(
      'unique without regard to case: %j is taken',
      async (name) => {
        const { id } = await tracker.register({ name: 'Vendor_ABC' });
        expect((await tracker.vendor(name.trim())).id).toBe(id);
        const [problem] = await problemsOf(tracker.register({ name }));
        expect(problem).toMatchObject({ field: 'name' });
        expect(problem?.constraint).toContain('"Vendor_ABC"');
      },
    );

    it('compared in composed form: both ways to write é are one', async () => {
      const { id } = await tracker.register({ name: 'Cafe\u0301' });
      expect((await tracker.vendor('CAFÉ')).id).toBe(id);
      expect(await refusedFields(tracker.register({ name: 'Café' }))).toEqual(['name']);
      expect((await tracker.vendors({ text: 'fÉ' })).total_count).toBe(1);
      expect((await tracker.vendors({ text: 'fe\u0301' })).total_count).toBe(1);
    });

    it('of 1 to 100 characters', async () => {
      for (const length of [1, 99, 100]) await tracker.register({ name: '🚀'.repeat(length) });
      for (const name of ['🚀'.repeat(101), '', '  ', 'a\nb']) {
        expect(await refusedFields(() => tracker.register({ name }))).toEqual(['name']);
      }
    });

    it('registered at the same time only once', async () => {
      const other = await openTrackerAt(tracker.place);
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          outcomeOf((index % 2 ? tracker : other).register({ name: index % 3 ? 'ACME' : 'acme' })),
        ),
      );
      expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
      expect(
        outcomes.filter((outcome) => 'refused' in outcome && outcome.refused === 'ValidationError'),
      ).toHaveLength(15);
      expect(await tracker.seq()).toBe(1);
    });

    it('that are suggested when one is not known', async () => {
      for (const name of ['vendor_abc', 'vendor_xyz']) await tracker.register({ name });
      for (const attempt of [
        () => tracker.vendor('vendor_abd'),
        () => tracker.updateVendor({ name: 'vendor_abd', version: 1 }, { status: 'broken' }),
      ]) {
        const refusal = await refusalOf(attempt);
        expect(refusal.error).toBe('NotFoundError');
        expect(refusal.details).toEqual({
          entity: 'vendor',
          name: 'vendor_abd',
          did_you_mean: ['vendor_abc'],
        });
        expect(refusal.next).toContain('did_you_mean');
      }
    });

    it('of which none can be suggested when there are none', async () => {
      expect((await refusalOf(tracker.vendor('x'))).details).toEqual({
        entity: 'vendor',
        name: 'x',
        did_you_mean: [],
      });
    });
  });

  describe('are updated', () => {
    it('key by key, also within formats and results', async () => {
      const vendor = await tracker.register({ name: 'Acme', metadata: { contact: 'old', note: 1 } });
      tracker.clock.advance(60);
      const updated = await tracker.updateVendor(vendor, {
        status: 'operational',
        metadata: {
          format_support: { pdf: true },
          test_results: { total: 10, passing: 7 },
          contact: null,
          team: 'x',
        },
        updated_by: 'bob',
      });
      expect(updated).toEqual({
        ...vendor,
        version: 2,
        status: 'operational',
        metadata: {
          ...EMPTY,
          format_support: { ...EMPTY.format_support, pdf: true },
          test_results: { passing: 7, total: 10, skipped: 0 },
          note: 1,
          team: 'x',
        },
        updated_at: tracker.clock.iso,
        updated_by: 'bob',
      });
      expect(await tracker.vendor('acme')).toEqual(updated);
    });

    it.each([
      [{ metadata: { test_results: { passing: 8, skipped: 3, total: 10 } } }, 'metadata.test_results'],
      [{ metadata: { test_results: { passing: 11 } } }, 'metadata.test_results'],
      [{ metadata: { test_results: { passing: -1 } } }, 'metadata.test_results.passing'],
      [{ metadata: { test_results: { total: 1.5 } } }, 'metadata.test_results.total'],
      [{ metadata: { test_results: null } }, 'metadata.test_results'],
      [{ metadata: { format_support: { excel: 'yes' } } }, 'metadata.format_support.excel'],
      [{ metadata: { format_support: { csv: null } } }, 'metadata.format_support.csv'],
      [{ metadata: { manifest_compliant: 1 } }, 'metadata.manifest_compliant'],
      [{ metadata: { extractor_version: '' } }, 'metadata.extractor_version'],
      [{ metadata: { extractor_version: 3 } }, 'metadata.extractor_version'],
      [{ extractor_version: 'x'.repeat(51) }, 'extractor_version'],
      [{ status: 'fine' }, 'status'],
      [{}, 'arguments'],
    ] as [Arguments, string][])('never to %j', async (args, field) => {
      const vendor = await tracker.register({ name: 'Acme', metadata: { test_results: { total: 10 } } });
      expect(await refusedFields(() => tracker.updateVendor(vendor, args))).toEqual([field]);
      expect(await tracker.vendor('Acme')).toEqual(vendor);
    });

    it('up to all tests passing or skipped', async () => {
      const vendor = await tracker.register({ name: 'Acme' });
      const results = { passing: 7, skipped: 3, total: 10 };
      expect(
        (await tracker.updateVendor(vendor, { metadata: { test_results: results } })).metadata,
      ).toMatchObject({ test_results: results });
    });

    it('by any spelling of the name', async () => {
      const { version } = await tracker.register({ name: 'Acme' });
      expect(
        await tracker.updateVendor({ name: ' ACME ', version }, { status: 'operational' }),
      ).toMatchObject({ name: 'Acme', version: 2 });
    });
  });

  describe('have one extractor version', () => {
    it('whether it is given in the metadata or beside it', async () => {
      const vendor = await tracker.register({ name: 'Acme', metadata: { extractor_version: '1.0.0' } });
      expect(vendor).toMatchObject({ extractor_version: '1.0.0', metadata: EMPTY });
      expect(vendor.metadata).not.toHaveProperty('extractor_version');
      const both = await tracker.updateVendor(vendor, {
        extractor_version: '2.0.0',
        metadata: { extractor_version: '2.0.0' },
      });
      expect(both).toMatchObject({ extractor_version: '2.0.0', metadata: EMPTY });
      expect(await tracker.updateVendor(both, { metadata: { extractor_version: '3.0.0' } })).toMatchObject({
        extractor_version: '3.0.0',
      });
    });

    it('so that two that disagree are refused', async () => {
      const disagreeing = { extractor_version: '1.0.0', metadata: { extractor_version: '1.0.1' } };
      const [problem] = await problemsOf(tracker.register({ name: 'Acme', ...disagreeing }));
      expect(problem).toEqual({
        field: 'metadata.extractor_version',
        constraint: 'must agree with extractor_version, which is "1.0.0"',
        value: '1.0.1',
      });
      const vendor = await tracker.register({ name: 'Acme' });
      expect(await refusedFields(tracker.updateVendor(vendor, disagreeing))).toEqual([
        'metadata.extractor_version',
      ]);
    });

    it('of 1 to 50 characters', async () => {
      expect(await tracker.register({ name: 'Acme', extractor_version: 'v'.repeat(50) })).toMatchObject({
        extractor_version: 'v'.repeat(50),
      });
      expect(
        await refusedFields(tracker.register({ name: 'B', metadata: { extractor_version: 'v'.repeat(51) } })),
      ).toEqual(['metadata.extractor_version']);
    });
  });
});

describeEachBackend('lists of vendors', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
    const formats = (...names: string[]) => ({
      format_support: Object.fromEntries(names.map((name) => [name, true])),
    });
    await tracker.register({ name: 'beta', status: 'operational', metadata: formats('excel', 'csv') });
    await tracker.register({ name: 'Alpha', metadata: formats('excel') });
    await tracker.register({ name: 'gamma 100%', status: 'operational', metadata: formats('ocr') });
    // Says "excel": true elsewhere than where it counts.
    await tracker.register({
      name: 'Delta_x',
      metadata: { former_formats: { excel: true }, note: '"pdf":true' },
    });
  });

  it('come by name without regard to case, with a summary of all', async () => {
    const page = await tracker.vendors();
    expect(page.items.map(({ name }) => name)).toEqual(['Alpha', 'beta', 'Delta_x', 'gamma 100%']);
    expect(page).toMatchObject({ total_count: 4, next_cursor: null, summary: { operational: 2, broken: 2 } });
    expect(page.items[0]).toEqual(await tracker.vendor('alpha'));
  });

  it.each([
    [{ status: 'operational' }, ['beta', 'gamma 100%']],
    [{ format: 'excel' }, ['Alpha', 'beta']],
    [{ format: 'csv' }, ['beta']],
    [{ format: 'pdf' }, []],
    [{ format: 'ocr', status: 'broken' }, []],
    [{ text: 'A' }, ['Alpha', 'beta', 'Delta_x', 'gamma 100%']],
    [{ text: '_' }, ['Delta_x']],
    [{ text: '0%' }, ['gamma 100%']],
    [{ text: 'TA', format: 'excel' }, ['beta']],
  ])('%j finds %j', async (filter, names) => {
    const page = await tracker.vendors(filter);
    expect(page.items.map(({ name }) => name)).toEqual(names);
    expect(page.total_count).toBe(names.length);
    expect(page.summary.operational + page.summary.broken).toBe(names.length);
  });

  it('come in pages, by cursor and by offset', async () => {
    const first = await tracker.vendors({ limit: 3 });
    expect(first.total_count).toBe(4);
    const second = await tracker.vendors({ limit: 3, cursor: first.next_cursor });
    expect(second.items.map(({ name }) => name)).toEqual(['gamma 100%']);
    expect((await tracker.vendors({ limit: 2, offset: 1 })).items.map(({ name }) => name)).toEqual([
      'beta',
      'Delta_x',
    ]);
    expect(await refusedFields(() => tracker.vendors({ cursor: 'nonsense' }))).toEqual(['cursor']);
  });
});
