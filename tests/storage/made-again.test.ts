// A conflict whose change is made again: labels that others added stay, also where nobody knows what its maker saw.
import { expect, it } from 'vitest';
import { resolveConflict } from '../../src/use-cases/records/conflicts.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { makeEntry } from './tiers/journal-entries.ts';

describeEachBackend('a change that is made again', (backend) => {
  it.each([
    { labels: ['shared', 'mine'], becomes: ['shared', 'theirs', 'mine'] },
    { labels: [], becomes: [] },
  ])('over labels of others: $labels', async ({ labels, becomes }) => {
    const tracker = await openTracker(backend);
    const item = await tracker.create({ labels: ['shared'] });
    await tracker.update(item, { title: 'Theirs', labels: ['shared', 'theirs'] });
    const entry = makeEntry({
      ...{ entity: 'work_item', kind: 'update', entity_id: item.id, base_version: 1 },
      patch: { title: 'Mine', labels },
    });
    const primary = await openPrimary(tracker.place);
    try {
      expect(await primary.replay(entry)).toMatchObject({ outcome: 'conflict' });
    } finally {
      await primary.close();
    }
    await tracker.call(resolveConflict, { id: entry.id, resolution: 'reapply' });
    expect(await tracker.query(item.id)).toMatchObject({ title: 'Mine', labels: becomes });
  });
});
