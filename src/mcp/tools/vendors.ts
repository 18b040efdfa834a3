import { listVendors, queryVendor, registerVendor, updateVendor } from '../../use-cases/records/vendors.ts';
import type { Part } from '../../domain/budget.ts';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import type { Vendor } from '../../domain/vendor.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { vendorRow } from '../definitions/rows.ts';
import { changedOf, withoutEmpty } from '../definitions/shown.ts';
import { fieldsText, listText, vendorLine } from '../definitions/text.ts';
import { callForVendor } from '../definitions/whole-item.ts';

const OF_VENDOR = ['id', 'version', 'name', 'status'] as const;
const written = (vendor: Vendor, input: object) => changedOf(vendor, input, OF_VENDOR);
const writtenText = (verb: string, shown: Pick<Vendor, 'name' | 'version' | 'status'>): string =>
  `${verb} ${vendorLine(shown)}${fieldsText(shown, ['version', 'name', 'status', 'extractor_version', 'cut'])}`;

const METADATA: Part = {
  at: 'metadata',
  isField: true,
  rest: callForVendor,
};

export const queryVendorStatusTool = defineTool(queryVendor, {
  toolset: 'core',
  title: 'Read a vendor',
  description: 'Read one vendor by name, in any case. Example: {"name":"vendor_abc"}',
  parameters: {
    name: 'In any case',
  },
  show: (vendor) => withoutEmpty(vendor),
  parts: [METADATA],
  text: (vendor) => {
    // Those are in its metadata.
    const { formats: _told, ...row } = vendorRow(vendor);
    return `${vendorLine(row)}${fieldsText(vendor, ['version', 'name', 'status', 'extractor_version', 'cut', 'open_conflicts'])}`;
  },
});

export const updateVendorStatusTool = defineTool(updateVendor, {
  toolset: 'core',
  title: 'Update a vendor',
  description:
    'Change a vendor, based on the version you read. metadata merges by key: format_support {excel,csv,pdf,ocr}, test_results {passing,total,skipped}, manifest_compliant. Example: {"name":"vendor_abc","version":3,"status":"operational"}',
  parameters: {
    name: 'In any case',
    status: 'Its new status',
    extractor_version: 'As 1.2.3',
    metadata: 'Merged key by key',
  },
  show: written,
  parts: [METADATA],
  text: (vendor) => writtenText('Saved', vendor),
});

export const registerVendorTool = defineTool(registerVendor, {
  toolset: 'vendors',
  title: 'Register a vendor',
  description:
    'Track a new vendor. Names are unique without regard to case; a new vendor is broken, without formats, at 0/0/0 tests, unless given. Example: {"name":"vendor_abc","extractor_version":"1.2.3"}',
  parameters: {
    name: 'At most 100 characters',
    status: 'operational or broken; default broken',
    extractor_version: 'As 1.2.3',
    metadata: 'format_support, test_results, manifest_compliant',
  },
  show: written,
  text: (vendor) => writtenText('Registered', vendor),
});

export const listVendorsTool = defineTool(listVendors, {
  toolset: 'vendors',
  title: 'List vendors',
  description: 'List vendors by name, with a count per status. Example: {"status":"broken"}',
  parameters: {
    status: 'operational or broken',
    format: 'Reads excel, csv, pdf or ocr',
    text: 'In the name',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: (page, input) => pageOf(page, input, vendorRow),
  parts: [{ at: 'items' }],
  text: (page) =>
    `${page.summary.operational} operational, ${page.summary.broken} broken. ${listText(page, 'vendor', vendorLine)}`,
});
