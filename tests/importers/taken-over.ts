// Hand-kept status files, and what must be true of the generated file that takes the place of one.
import { parseLegacyStatus } from '../../src/importers/legacy-status/parse-legacy-status.ts';
import { decodeSource } from '../../src/importers/import/source-files.ts';

/** Dialects A and B in one, with text of people's in every place and lines that nobody understands. */
export const MIXED = `Before all.
# Project Status - 2025-10-10T14:30:00+00:00
Kept by hand.

## Future Enhancements (2)
- Plain one (Priority: Low)
- no priority
### Bold one (Priority: 2)
- **Target**: some day
## How we work
- **vendor_fake**: operational (1/1 tests) [csv]
## Vendors (9 total)
- plain: broken (1/3 tests passed, 1 skipped) [CSV] v1.0
- **PLAIN**: operational (1/1 tests) [csv]
- odd: degraded (1/1 tests) [csv]
### Whom to call
Mondays only.
## Recent Deployments (Last 10)
### 2026-01-02 10:00:00 UTC - PR #5
- **Commit**: \`abcdef1\`
- **Author**: nobody
### 2026-01-03
## Active Work Items (1)
#### Parent (project)
##### Child (task)
- **Status**: upside down
## Session Prompts (1 total)
### Session 1
---
"
---
lost
## Deployments
We deploy with make.
## Ours
\`\`\`
- **x**: operational
\`\`\`
the end`;

export const SAMPLE_FILES: readonly Buffer[] = [
  Buffer.from(MIXED),
  Buffer.concat([
    Buffer.from(`\uFEFF${MIXED.replaceAll('\n', '\r\n')}`),
    Buffer.from([0x0d, 0x0a, 0xff, 0xfe, 0x80, 0x0a]),
  ]),
];

/** Each with its newline. */
function linesOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** @throws where a line that is kept, or was not understood, is not in the file to the byte and in its place */
export function expectLossless(original: Buffer, written: Buffer): void {
  const { fates } = parseLegacyStatus(decodeSource(original).text);
  const mark = Buffer.from('\uFEFF').toString('latin1');
  const file = written.toString('latin1');
  let from = 0;
  linesOf(original).forEach((line, at) => {
    const text = at === 0 && line.startsWith(mark) ? line.slice(mark.length) : line;
    if (fates[at] === 'understood' || text.trim() === '') return;
    const found = file.indexOf(text, from);
    if (found === -1)
      throw new Error(`line ${at + 1} is not there, or not in its place: ${JSON.stringify(text)}`);
    from = found + text.length;
  });
}
