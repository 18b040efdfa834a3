// The generated file in the place of a hand-kept one: around every byte that is people's or was not understood.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderKept } from '../../src/importers/legacy-status/take-over-file.ts';
import { layOut, partsOfText, readLayout } from '../../src/storage/status-file/status-layout.ts';
import { readMark } from '../../src/storage/status-file/status-mark.ts';
import { parseStatusFile } from '../../src/storage/status-file/status-parser.ts';
import { renderStatusFile } from '../../src/use-cases/status/status-file.ts';
import { drawn, reportOf, type Drawn } from '../storage/tiers/status-states.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { MIXED, SAMPLE_FILES, expectLossless } from './taken-over.ts';

const EMPTY = {
  ...reportOf({ vendors: [], items: [], deployments: [], enhancements: [] }),
  ...{ items_total: 0, enhancements_total: 0 },
};

/** Whatever the tracker holds, also later, what is kept stays and what is generated reads back. */
async function expectTakenOver(file: Buffer, state: Drawn, later: Drawn): Promise<Buffer> {
  const written = await renderKept(file, reportOf(state));
  expectLossless(file, written);
  expect(readMark(written)?.isIntact).toBe(true);
  const alone = parseStatusFile(await renderStatusFile(reportOf(state)));
  const read = parseStatusFile(written);
  expect({ ...read, other_sections: [] }).toEqual({ ...alone, other_sections: [] });
  const next = layOut(readLayout(written), partsOfText(await renderStatusFile(reportOf(later))));
  expectLossless(file, next);
  expect(readMark(next)?.isIntact).toBe(true);
  return written;
}

describe('a hand-kept file that is taken over', () => {
  it('is written around what is people’s, each where it stood', async () => {
    const text = (await renderKept(Buffer.from(MIXED), EMPTY)).toString();
    const pieces = [
      'Before all.\n',
      '# Project Status - 2026-',
      '\nKept by hand.\n',
      '\n## Future Enhancements (0)\n\n## Future Enhancements (2)\n- no priority\n',
      '### Bold one (Priority: 2)\n- **Target**: some day\n## How we work\n- **vendor_fake**',
      '\n## Operational Vendors (0/0)\n\n## Vendors (9 total)\n- **PLAIN**',
      '- odd: degraded (1/1 tests) [csv]\n### Whom to call\nMondays only.\n',
      '\n## Recent Deployments (Last 10)\n',
      '\n## Active Work Items (0)\n',
      'lost\n## Deployments\nWe deploy with make.\n## Ours\n',
      'the end\n\n---\n*Generated at',
    ];
    let from = 0;
    for (const piece of pieces) {
      const at = text.indexOf(piece, from);
      expect(at, piece).toBeGreaterThanOrEqual(from);
      from = at + piece.length;
    }
    expect(text).toContain('### 2026-01-02 10:00:00 UTC - PR #5\n- **Author**: nobody\n');
    expect(text).toContain('##### Child (task)\n- **Status**: upside down\n');
    expect(text).toContain('## Deployments\nWe deploy with make.\n## Ours\n');
    expect(text).not.toContain('- Plain one');
  });

  it.each(SAMPLE_FILES.map((file, at) => [at, file] as const))(
    'keeps line ends, a byte order mark and bytes that are no text (%i)',
    async (_at, file) => {
      const written = await renderKept(file, EMPTY);
      expectLossless(file, written);
      const mark = Buffer.from('\uFEFF');
      expect(written.indexOf(mark)).toBe(file.indexOf(mark));
      const isWindows = file.includes('\r\n');
      expect(written.includes('## Operational Vendors (0/0)\r\n')).toBe(isWindows);
      if (isWindows) expect(written.includes(Buffer.from([0xff, 0xfe, 0x80]))).toBe(true);
    },
  );

  it('has in it all that was kept, whatever it says, and whatever the tracker holds then and later', async () => {
    const line = fc.oneof(
      fc.constantFrom(...MIXED.split('\n')),
      fc.constantFrom('', '---', '```', '# Mine', '## Mine', '### Mine', 'mine', '- **a**: broken', '- x'),
      fc.string({ maxLength: 30 }),
    );
    const file = fc
      .tuple(fc.array(line, { maxLength: 40 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
      .map(([lines, end, hasMark]) => Buffer.from(`${hasMark ? '\uFEFF' : ''}${lines.join(end)}`));
    let left = 0;
    const runs = 300;
    await fc.assert(
      fc.asyncProperty(file, drawn, drawn, async (bytes, state, later) => {
        try {
          await expectTakenOver(bytes, state, later);
        } catch (error) {
          if (!/look like those of another generated file/.test(String(error))) throw error;
          left += 1;
        }
      }),
      { numRuns: runs },
    );
    expect(left).toBeLessThan(runs / 10);
  });

  it('stays as it is where a line of its own carries the id of a record elsewhere', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const foreign = `## Vendors\n- a: broken\n- lost\n## Operational Vendors\n- **b**: broken\n- **b**: broken <!-- ${id} v1 -->\n`;
    await expect(renderKept(Buffer.from(foreign), EMPTY)).rejects.toThrow(/another generated file/);
  });

  describeWithSharedData('of the real inputs', (folder) => {
    it.each(['dialect-a.md', 'dialect-b.md'])('%s', async (name) => {
      const file = readFileSync(path.join(folder, 'status-files', name));
      const states = fc.sample(drawn, { numRuns: 20, seed: 5 });
      for (const [at, state] of states.entries()) {
        await expectTakenOver(file, state, states[(at + 1) % states.length] as Drawn);
      }
    });
  });
});
