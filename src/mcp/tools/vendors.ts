import { listVendors, queryVendor, registerVendor, updateVendor } from '../../use-cases/records/vendors.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { listText, vendorLine } from '../definitions/text.ts';

export const queryVendorStatusTool = defineTool(queryVendor, {
  toolset: 'core',
  description: 'Read one vendor by name, in any case. Example: {"name":"vendor_abc"}',
  text: vendorLine,
});

export const updateVendorStatusTool = defineTool(updateVendor, {
  toolset: 'core',
  description:
    'Change a vendor, based on the version you read. metadata merges by key: format_support {excel,csv,pdf,ocr}, test_results {passing,total,skipped}, manifest_compliant. Example: {"name":"vendor_abc","version":3,"status":"operational"}',
  text: (vendor) => `Saved ${vendorLine(vendor)}`,
});

export const registerVendorTool = defineTool(registerVendor, {
  toolset: 'vendors',
  description:
    'Track a new vendor. Names are unique without regard to case; a new vendor is broken, without formats, at 0/0/0 tests, unless given. Example: {"name":"vendor_abc","extractor_version":"1.2.3"}',
  text: (vendor) => `Registered ${vendorLine(vendor)}`,
});

export const listVendorsTool = defineTool(listVendors, {
  toolset: 'vendors',
  description: 'List vendors by name, with a count per status. Example: {"status":"broken"}',
  text: (page, maxTokens) =>
    `${page.summary.operational} operational, ${page.summary.broken} broken. ${listText(page, 'vendors', vendorLine, maxTokens)}`,
});
