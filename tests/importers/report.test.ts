import { describe, expect, it } from 'vitest';
import { readBeads } from '../../src/importers/beads/beads.ts';
import { renderImportReport } from '../../src/importers/import/report.ts';
import { folderOf, jsonLines } from './plan-checks.ts';

const OUTCOME = {
  created: 1,
  updated: 1,
  unchanged: 0,
  kept_local: 1,
  links_added: 0,
  notes_added: 0,
  dry_run: false,
};

describe('the report of an import', () => {
  it('tells counts, mappings, losses, references and skipped lines', async () => {
    const folder = await folderOf({
      'issues.jsonl': jsonLines(
        {
          id: 'x-1',
          title: 'A',
          status: 'open',
          blob: 'b'.repeat(200_000),
          created_at: '2025-01-01T00:00:00Z',
        },
        {
          id: 'x-2',
          title: 'B',
          status: 'odd',
          created_at: '2025-01-01T00:00:00Z',
          dependencies: [{ depends_on_id: 'gone' }],
        },
        'no issue',
      ),
    });
    expect(renderImportReport(await readBeads(folder), OUTCOME))
      .toBe(`Imported: 2 items and 0 links from beads, namespace beads
  1 created, 1 updated, 0 unchanged, 0 links added, 0 notes added
  1 changed here since the last import and left as they are

Items by type and status
        planned
  task        2

COULD NOT BE KEPT: 1
  x-1: the field "blob" (200010 bytes) is past the metadata limit of 102400 bytes and was left out

Mapped: 5
  issue_type: (none) -> task, 2
  priority: (none) -> 3, 2
  status: odd -> planned, 1
  status: open -> planned, 1
  updated_at: (none) -> created, 2

Unresolved references (kept in metadata.imported): 1
  x-2: dependencies (blocks) names gone; no issue of this export has this id

Adjusted: 1
  x-2: status "odd" became the nearest, "planned"; the original is kept [status_unknown]

Not understood: 1
  issues.jsonl, line 3: is not a JSON object
`);
  });

  it('does not let a source drive the terminal', async () => {
    const folder = await folderOf({
      'issues.jsonl': jsonLines({ id: 'x-1\u001b]0;owned\u0007', title: 'A', parent: '\u001b[2J\nx' }),
    });
    const report = renderImportReport(await readBeads(folder), { ...OUTCOME, dry_run: true });
    expect(report.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(report).toContain('Dry run, nothing was changed');
  });
});
