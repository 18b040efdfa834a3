// No honest write may ever be put aside: whatever the services write is read back from a journal as it was written.
// Every test that uses the `Tracker` checks that too; here it is looked for with random work and with real imports.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/domain/change.ts';
import { decodeChanges } from '../../src/domain/change-schema.ts';
import { newChangeId, newRecordId } from '../../src/domain/ids.ts';
import { runImport } from '../../src/importers/import/run.ts';
import { readBacklogMd } from '../../src/importers/backlog-md/backlog-md.ts';
import { readBeads } from '../../src/importers/beads/beads.ts';
import { readTaskMaster } from '../../src/importers/task-master/task-master.ts';
import { readSessionPrompts } from '../../src/importers/session-prompts/read-session-prompts.ts';
import { importStatusFile } from '../../src/importers/legacy-status/import-status-file.ts';
import { readStatusSource } from '../../src/importers/legacy-status/status-source.ts';
import { makeChange } from './tiers/journal-entries.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { emptyPlace, useTracker } from './export/kept.ts';
import { backends } from './backends.ts';
import { withHonestWrites } from './honest-writes.ts';
import { RandomWork, steps } from './random-changes.ts';
import type { Tracker } from './tracker.ts';
import { episodes } from '../torture/scale.ts';

const RUNS = episodes(8, 10);
const LONG_MS = 120_000;
const [sqlite] = backends;

async function onTracker(work: (tracker: Tracker) => Promise<void>): Promise<Change[]> {
  if (sqlite === undefined) throw new Error('no backend');
  const seen: Change[] = [];
  await useTracker(await emptyPlace(sqlite), async (tracker) => {
    tracker.context.store = withHonestWrites(tracker.context.store, (changes) => seen.push(...changes));
    await work(tracker);
  });
  return seen;
}

const kindsOf = (changes: readonly Change[]) =>
  new Set(changes.map(({ kind, entity }) => `${kind} ${entity}`));

describe('what the services write', () => {
  it('is what a journal takes for honest, in whatever order', { timeout: LONG_MS }, async () => {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(steps(10, 30), async (work) => {
        const changes = await onTracker(async (tracker) => {
          const random = new RandomWork(tracker);
          for (const step of work) await random.make(step);
          const item = await tracker.create({ title: 'of its own' });
          await tracker.note(item, 'a note\u2028 of two lines');
          await tracker.claim({ id: item.id });
          const vendor = await tracker.register({
            name: 'Acme',
            metadata: { format_support: { pdf: true } },
          });
          await tracker.updateVendor(vendor, { metadata: { note: null }, extractor_version: '1.2' });
        });
        for (const kind of kindsOf(changes)) kinds.add(kind);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: LONG_MS - 30_000 },
    );
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        ...['create work_item', 'update work_item', 'claim work_item', 'batch work_item'],
        ...['create note', 'link dependency', 'create vendor', 'update vendor'],
      ]),
    );
  });

  it('costs little to look at: a thousand changes in far less than a second', () => {
    const changes = Array.from({ length: 1_000 }, () => makeChange({ id: newChangeId() }));
    decodeChanges(changes.slice(0, 10));
    const started = performance.now();
    for (const change of changes) expect(decodeChanges([change])).toHaveProperty('changes');
    const microseconds = ((performance.now() - started) * 1_000) / changes.length;
    console.log(`${microseconds.toFixed(1)} µs for a change`);
    expect(microseconds).toBeLessThan(1_000);
  });

  it('may hold what only imports write', () => {
    const odd: Partial<Change>[] = [
      {
        patch: {
          title: 'a\u2028b',
          created_at: '0001-01-01T00:00:00.000Z',
          updated_at: '9999-12-31T23:59:59.999Z',
        },
      },
      { patch: { created_at: '1970-01-01T00:00:00.000Z', completed_at: null, created_by: 'import:beads' } },
      { entity: 'note', patch: { item_id: newRecordId(), text: '  ', created_by: 'x' } },
      {
        entity: 'deployment',
        patch: {
          ...{ deployed_at: '2025-10-09T16:00:00.000Z', commit_hash: '', metadata: {}, is_imported: true },
          ...{ affected_vendor_ids: [], affected_vendors: ['Acme, Inc.'], related_work_item_ids: [] },
        },
      },
    ];
    for (const one of odd) {
      const changes = [makeChange(one)];
      expect(decodeChanges(changes)).toEqual({ changes });
    }
  });
});

describeWithSharedData('what imports of real trackers write', (data) => {
  it('is what a journal takes for honest', { timeout: LONG_MS }, async () => {
    const changes = await onTracker(async ({ context, caller }) => {
      const plans = [
        await readBacklogMd(path.join(data, 'backlog-md')),
        await readBeads(path.join(data, 'beads', 'issues.jsonl')),
        await readTaskMaster(path.join(data, 'task-master', 'tasks.json')),
        await readSessionPrompts(path.join(data, 'session-prompts')),
      ];
      for (const plan of plans) await runImport(context, caller, plan, { dryRun: false });
      for (const name of readdirSync(path.join(data, 'status-files'))) {
        const file = path.join(data, 'status-files', name);
        expect(readFileSync(file).length).toBeGreaterThan(0);
        const source = await readStatusSource(context.workspace.projectDir, file, { addFromGit: false });
        await importStatusFile(context, caller, source, { dryRun: false });
      }
    });
    expect(changes.length).toBeGreaterThan(200);
    expect([...kindsOf(changes)]).toEqual(
      expect.arrayContaining(['batch vendor', 'link dependency', 'create note']),
    );
  });
});
