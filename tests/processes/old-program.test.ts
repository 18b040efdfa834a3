// A program that runs on while a newer one brings the tracker up to date: it stops writing, keeps what it is given, and says so.
import { expect, it } from 'vitest';
import { programWithMigration } from './installation.ts';
import { describeEachDatabase } from './place.ts';
import { Server } from './server.ts';

const LONG_MS = 120_000;
const SAID = /a newer Worktrail has changed the tracker: restart this program|made by a newer Worktrail/;
const ADDED = ['create table made_by_newer (n integer)'];

describeEachDatabase('an old program beside a newer one', (newPlace, source) => {
  it('keeps what it is given; the newer one applies it', { timeout: LONG_MS }, async () => {
    const place = await newPlace({ bare: true });
    const old = await Server.start(place);
    const blocker = await old.create({ title: 'Blocker' });
    const blocked = await old.create({ title: 'Blocked' });
    await old.answer('link_work_items', {
      ...{ source_id: blocker, target_id: blocked, dependency_type: 'blocks' },
    });
    const program = await programWithMigration(source, ADDED);
    const newer = await Server.start(place, { program });
    const theirs = await newer.create({ title: 'By the newer one' });
    const before = await place.rows('select seq from feed');

    const kept = await old.answer('create_work_item', { item_type: 'task', title: 'By the old one' });
    expect(kept['durability']).toBe('outbox');
    expect(JSON.stringify(kept['warnings'])).toMatch(SAID);
    const closed = await old.answer('update_work_item', { id: blocker, version: 1, status: 'completed' });
    expect(closed['durability']).toBe('outbox');
    const listed = await old.list();
    expect(listed.items.map(({ title }) => title)).toContain('By the old one');
    expect(JSON.stringify(listed['warnings'])).toMatch(SAID);
    expect(await place.rows('select seq from feed')).toEqual(before);
    await old.rpc.program.stop();

    const next = await Server.start(place, { program });
    const titles = async () =>
      (await place.rows('select title from work_items order by title')).map(({ title }) => title);
    await expect.poll(titles, { timeout: 30_000 }).toContain('By the old one');
    const ready = () => next.list({ ready: true });
    await expect
      .poll(async () => (await ready()).items.map(({ title }) => title).toSorted(), { timeout: 30_000 })
      .toEqual(['Blocked', 'By the newer one', 'By the old one']);
    expect(await place.rows(`select status from work_items where id = '${theirs}'`)).toHaveLength(1);
  });
});
