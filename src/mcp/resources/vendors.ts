import { parseInput } from '../../domain/validate.ts';
import { suggestVendors } from '../../use-cases/records/completion.ts';
import { describeAnswer } from '../../use-cases/support/described-answer.ts';
import { queryVendor, type VendorView } from '../../use-cases/records/vendors.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { defineResource } from '../definitions/define-resource.ts';
import { PROGRAM } from '../../use-cases/support/context.ts';

const METADATA_MAX_CHARACTERS = 16_000;

export const vendorResource = defineResource({
  uri: 'worktrail://vendors/{name}',
  name: 'vendor',
  title: 'Vendor',
  description: 'One vendor by name, in any case: status, extractor version, formats, test results.',
  mimeType: 'application/json',
  read: async (context, variable) => {
    const input = parseInput(queryVendor.input, { name: variable });
    const answer = await queryVendor.run(context, PROGRAM, input);
    return { ...answer, data: vendorJson(answer) };
  },
  isTouched: (touched, variable) => touched.vendor(variable),
  suggest: suggestVendors,
});

/** Cut as a whole field: half an object would not be JSON. */
function vendorJson(answer: Answer<VendorView>): string {
  const { metadata, ...rest } = describeAnswer(answer);
  const isLong = JSON.stringify(metadata).length > METADATA_MAX_CHARACTERS;
  return JSON.stringify({
    ...rest,
    ...(isLong ? { metadata_cut: 'too long for a resource: query_vendor_status answers it' } : { metadata }),
  });
}
