import * as z from 'zod';
import {
  listVendorsInput,
  queryVendorInput,
  registerVendorInput,
  updateVendorInput,
} from '../../domain/vendor.ts';
import { listVendors, queryVendor, registerVendor, updateVendor } from '../../use-cases/records/vendors.ts';
import { listShape, openConflicts, vendorShape, writeShape } from '../definitions/answers.ts';
import { ADDS, CHANGES, READS, answerSchema, defineTool } from '../definitions/define-tool.ts';
import { listText, vendorLine } from '../definitions/text.ts';

export const queryVendorStatusTool = defineTool({
  name: 'query_vendor_status',
  toolset: 'core',
  description: 'Read one vendor by name, in any case. Example: {"name":"vendor_abc"}',
  input: queryVendorInput,
  output: answerSchema({ ...vendorShape, ...openConflicts }),
  annotations: READS,
  run: (context, _caller, { name }) => queryVendor(context, name),
  text: vendorLine,
});

export const updateVendorStatusTool = defineTool({
  name: 'update_vendor_status',
  toolset: 'core',
  description:
    'Change a vendor, based on the version you read. metadata merges by key: format_support {excel,csv,pdf,ocr}, test_results {passing,total,skipped}, manifest_compliant. Example: {"name":"vendor_abc","version":3,"status":"operational"}',
  input: updateVendorInput,
  output: answerSchema({ ...vendorShape, ...writeShape }),
  annotations: CHANGES,
  run: updateVendor,
  text: (vendor) => `Saved ${vendorLine(vendor)}`,
});

export const registerVendorTool = defineTool({
  name: 'register_vendor',
  toolset: 'vendors',
  description:
    'Track a new vendor. Names are unique without regard to case; a new vendor is broken, without formats, at 0/0/0 tests, unless given. Example: {"name":"vendor_abc","extractor_version":"1.2.3"}',
  input: registerVendorInput,
  output: answerSchema({ ...vendorShape, ...writeShape }),
  annotations: ADDS,
  run: registerVendor,
  text: (vendor) => `Registered ${vendorLine(vendor)}`,
});

export const listVendorsTool = defineTool({
  name: 'list_vendors',
  toolset: 'vendors',
  description: 'List vendors by name, with a count per status. Example: {"status":"broken"}',
  input: listVendorsInput,
  output: answerSchema({
    ...listShape(vendorShape),
    summary: z.object({ operational: z.int(), broken: z.int() }),
  }),
  annotations: READS,
  run: (context, _caller, input) => listVendors(context, input),
  text: (page, maxTokens) =>
    `${page.summary.operational} operational, ${page.summary.broken} broken. ${listText(page, 'vendors', vendorLine, maxTokens)}`,
});
