// Notes: added to an item for ever, whatever else happens to it.
import { beforeEach, expect, it } from 'vitest';
import { newRecordId } from '../../src/domain/ids.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('notes', (backend) => {
  let tracker: Tracker;
  let item: { id: string; version: number };
  beforeEach(async () => {
    tracker = await openTracker(backend);
    item = await tracker.create({ title: 'Noted' });
  });

  it('stand beside their item with author and time, and leave its version alone', async () => {
    tracker.clock.advance(60);
    const note = await tracker.note(item, 'First\n\n**thing**', { created_by: 'grace' });
    expect(note).toEqual({
      id: note.id,
      item_id: item.id,
      created_at: tracker.clock.iso,
      created_by: 'grace',
    });
    const { version, notes, notes_total } = await tracker.query(item.id);
    expect({ version, notes_total }).toEqual({ version: 1, notes_total: 1 });
    const { item_id: _item, ...shown } = note;
    expect(notes).toEqual([{ ...shown, text: 'First\n\n**thing**' }]);
    expect(await tracker.query((await tracker.create()).id)).not.toHaveProperty('notes');
  });

  it('are in the history of their item', async () => {
    const note = await tracker.note(item, 'Said');
    const [last] = (await tracker.history({ id: item.id })).items;
    expect(last).toMatchObject({
      ...{ entity: 'note', entity_id: note.id, related_id: item.id, kind: 'create', version: null },
      fields: [{ field: 'text', from: null, to: 'Said' }],
    });
    expect((await tracker.history({ id: note.id })).items).toEqual([last]);
  });

  it('shows the newest five, newest first, and as much of each as fits', async () => {
    for (let number = 1; number <= 7; number += 1) {
      tracker.clock.advance(1);
      await tracker.note(item, `${number} ${'🚀'.repeat(number === 7 ? 600 : 10)}`);
    }
    const { notes = [], notes_total } = await tracker.query(item.id);
    expect(notes_total).toBe(7);
    expect(notes.map(({ text }) => text.slice(0, 1))).toEqual(['7', '6', '5', '4', '3']);
    expect(Array.from(notes[0]?.text ?? '')).toHaveLength(500);
    expect(notes.map(({ characters }) => characters)).toEqual([
      602,
      ...[undefined, undefined, undefined, undefined],
    ]);
  });

  it('lists all of them whole, in pages that stay of sane size', async () => {
    for (let number = 1; number <= 5; number += 1) {
      tracker.clock.advance(1);
      await tracker.note(item, `${number}${'x'.repeat(40_000)}`);
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await tracker.notes(item, cursor === undefined ? {} : { cursor });
      expect(page.total_count).toBe(5);
      sizes.push(page.items.length);
      seen.push(...page.items.map(({ text }) => text.slice(0, 1)));
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(['5', '4', '3', '2', '1']);
    expect(sizes).toEqual([2, 2, 1]);
    expect((await tracker.notes(item, { limit: 1 })).items).toHaveLength(1);
    expect((await refusalOf(tracker.notes({ id: newRecordId() }))).error).toBe('NotFoundError');
  });

  it('never conflict, and may be about what is deleted', async () => {
    await tracker.update(item, { title: 'Changed meanwhile' });
    await tracker.note(item, 'still fine');
    await tracker.update({ ...item, version: 2 }, { deleted_at: tracker.clock.iso });
    await tracker.note(item, 'why it went');
    expect((await tracker.query(item.id)).notes_total).toBe(2);
  });

  it('are added once for a key', async () => {
    const first = await tracker.note(item, 'Once', { idempotency_key: 'k' });
    expect(await tracker.note(item, 'Once', { idempotency_key: 'k' })).toEqual({ ...first, repeated: true });
    expect((await refusalOf(tracker.note(item, 'Other', { idempotency_key: 'k' }))).error).toBe(
      'ValidationError',
    );
    expect((await tracker.notes(item)).total_count).toBe(1);
  });

  it('take 64 KiB, and nothing that is blank, larger or about nothing', async () => {
    await tracker.note(item, 'ü'.repeat(32 * 1024));
    const before = await tracker.seq();
    expect((await refusalOf(tracker.note(item, 'ü'.repeat(32 * 1024) + 'x'))).error).toBe('ValidationError');
    for (const text of ['', ' \n\t', '\0', 'a\ud800'])
      expect((await refusalOf(tracker.note(item, text))).error).toBe('ValidationError');
    expect((await refusalOf(tracker.note({ id: newRecordId() }, 'Nowhere'))).error).toBe('NotFoundError');
    expect((await refusalOf(tracker.note(item, 'With no claim', { claim_token: 1 }))).error).toBe(
      'ClaimError',
    );
    expect(await tracker.seq()).toBe(before);
  });
});
