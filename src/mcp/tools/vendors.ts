import { listVendors, queryVendor, registerVendor, updateVendor } from '../../use-cases/records/vendors.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { listText, vendorLine } from '../definitions/text.ts';

export const queryVendorStatusTool = defineTool(queryVendor, {
  toolset: 'core',
  title: 'Read a vendor',
  description: 'Read one vendor by name, in any case. Example: {"name":"vendor_abc"}',
  parameters: {
    name: 'In any case',
  },
  text: vendorLine,
});

export const updateVendorStatusTool = defineTool(updateVendor, {
  toolset: 'core',
  title: 'Update a vendor',
  description:
    'Change a vendor, based on the version you read. metadata merges by key: format_support {excel,csv,pdf,ocr}, test_results {passing,total,skipped}, manifest_compliant. Example: {"name":"vendor_abc","version":3,"status":"operational"}',
  parameters: {
    name: 'In any case',
    status: 'operational or broken',
    extractor_version: 'As 1.2.3',
    metadata: 'Merged key by key',
  },
  text: (vendor) => `Saved ${vendorLine(vendor)}`,
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
  text: (vendor) => `Registered ${vendorLine(vendor)}`,
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
  text: (page, maxTokens) =>
    `${page.summary.operational} operational, ${page.summary.broken} broken. ${listText(page, 'vendors', vendorLine, maxTokens)}`,
});
