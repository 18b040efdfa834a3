// query_vendor_status and update_vendor_status, on two surfaces.
import { expect, it } from 'vitest';
import { type Row, text } from './calls.ts';
import { describeTwoSurfaces } from './surfaces.ts';

const UNTESTED = {
  format_support: { excel: false, csv: false, pdf: false, ocr: false },
  test_results: { passing: 0, total: 0, skipped: 0 },
  manifest_compliant: false,
};

describeTwoSurfaces((surface) => {
  const update = (vendor: Row, fields: Row): Promise<Row> =>
    surface.write('update_vendor_status', { name: vendor['name'], version: vendor['version'], ...fields });

  it('reads a vendor by name in any case', async () => {
    const name = surface.unique('Åland & Søn');
    const vendor = await surface.vendor({ name });
    for (const spelling of [name, name.toUpperCase(), `  ${name.toLowerCase()} `]) {
      expect(await surface.call('query_vendor_status', { name: spelling })).toEqual({
        ...{ id: vendor['id'], version: 1, name, status: 'broken', extractor_version: '0.0.0' },
        metadata: UNTESTED,
        ...{ created_at: vendor['created_at'], updated_at: vendor['created_at'] },
        ...{ created_by: surface.clientName, updated_by: surface.clientName },
        data_source: surface.database,
      });
    }
  });

  it('suggests the nearest name for one that does not exist', async () => {
    const name = text((await surface.vendor({ name: surface.unique('vendor_abc') }))['name']);
    const wanted = `${name}x`;
    for (const [tool, more] of [
      ['query_vendor_status', {}],
      ['update_vendor_status', { version: 1, status: 'broken' }],
    ] as const) {
      const { details, message, next } = await surface.refuse('NotFoundError', tool, {
        name: wanted,
        ...more,
      });
      expect(details).toEqual({ entity: 'vendor', name: wanted, did_you_mean: [name] });
      expect(message).toContain(`Did you mean ${name}?`);
      expect(next).toContain('did_you_mean');
    }
  });

  it('updates status, version and metadata key by key, also inside the known objects', async () => {
    const vendor = await surface.vendor({ metadata: { contact: { mail: 'a@example.com' }, region: 'EU' } });
    const tested = await update(vendor, {
      ...{ status: 'operational', extractor_version: '1.2.3' },
      metadata: {
        format_support: { csv: true },
        test_results: { passing: 45, total: 50, skipped: 3 },
        region: null,
      },
    });
    expect(tested).toEqual({
      ...vendor,
      ...{ version: 2, status: 'operational', extractor_version: '1.2.3', updated_at: tested['updated_at'] },
      metadata: {
        ...UNTESTED,
        format_support: { excel: false, csv: true, pdf: false, ocr: false },
        test_results: { passing: 45, total: 50, skipped: 3 },
        contact: { mail: 'a@example.com' },
      },
      warnings: tested['warnings'],
    });
    const partly = await update(tested, { metadata: { test_results: { passing: 47 } } });
    expect(partly).toMatchObject({
      ...{ version: 3, status: 'operational', extractor_version: '1.2.3' },
      metadata: { test_results: { passing: 47, total: 50, skipped: 3 } },
    });
  });

  it('holds extractor_version to one value', async () => {
    const vendor = await surface.vendor();
    const two = { extractor_version: '2.0', metadata: { extractor_version: '2.1' } };
    const named = { name: vendor['name'], version: 1 };
    const refused = await surface.refuseField('metadata.extractor_version', 'update_vendor_status', {
      ...named,
      ...two,
    });
    expect(refused).toBe('must agree with extractor_version, which is "2.0"');
    const inside = await update(vendor, { metadata: { extractor_version: '2.1' } });
    expect(inside).toMatchObject({ version: 2, extractor_version: '2.1', metadata: UNTESTED });
    expect(inside['metadata']).not.toHaveProperty('extractor_version');
  });

  it('refuses what cannot be, and changes nothing', async () => {
    const vendor = await surface.vendor({ metadata: { test_results: { passing: 1, total: 2, skipped: 0 } } });
    const before = await surface.feedPosition();
    const wrong: [fields: Row, field: string][] = [
      [{}, 'arguments'],
      [{ status: 'degraded' }, 'status'],
      [{ extractor_version: 'x'.repeat(51) }, 'extractor_version'],
      [{ extractor_version: '' }, 'extractor_version'],
      [{ metadata: { test_results: { skipped: 2 } } }, 'metadata.test_results'],
      [{ metadata: { test_results: { total: -1 } } }, 'metadata.test_results.total'],
      [{ metadata: { format_support: { pdf: 'yes' } } }, 'metadata.format_support.pdf'],
      [{ metadata: { manifest_compliant: null } }, 'metadata.manifest_compliant'],
      [{ metadata: 'all good' }, 'metadata'],
      [{ version: 0, status: 'broken' }, 'version'],
      [{ name: ' ', status: 'broken' }, 'name'],
      [{ name: 'x'.repeat(101), status: 'broken' }, 'name'],
    ];
    for (const [fields, field] of wrong) {
      await surface.refuseField(field, 'update_vendor_status', {
        name: vendor['name'],
        version: 1,
        ...fields,
      });
    }
    expect(await surface.feedPosition()).toBe(before);
  });

  it('refuses a stale version with both sides, and merges disjoint changes when asked', async () => {
    const vendor = await surface.vendor();
    const two = await update(vendor, { status: 'operational', updated_by: 'Ada' });
    const stale = { name: vendor['name'], version: 1 };
    const { details } = await surface.refuse('VersionConflictError', 'update_vendor_status', {
      ...{ ...stale, status: 'broken', extractor_version: '9' },
    });
    const { id, version, name, status, extractor_version, metadata } = two;
    const current = { id, version, name, status, extractor_version, metadata };
    expect(details).toMatchObject({
      ...{ expected_version: 1, current_version: 2, last_updated_by: 'Ada', current },
      theirs: [{ field: 'status', from: 'broken', to: 'operational', by: 'Ada', version: 2 }],
      yours: [{ field: 'status' }, { field: 'extractor_version', from: '0.0.0', to: '9' }],
      ...{ overlap: ['status'], mergeable: false },
    });
    const disjoint = { ...stale, metadata: { test_results: { total: 3 } }, on_conflict: 'merge' };
    expect(await surface.write('update_vendor_status', disjoint)).toMatchObject({
      ...{ version: 3, status: 'operational', merged_with: [2] },
      metadata: { test_results: { total: 3 } },
    });
  });
});
