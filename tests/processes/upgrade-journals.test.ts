// Writes that the version before this one left waiting: whichever journal they are in, they are applied, once.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { CHANGE_SCHEMA_VERSION } from '../../src/domain/change.ts';
import { newRecordId } from '../../src/domain/ids.ts';
import { encodeForOthers } from '../../src/storage/journals/entry-codec.ts';
import type { JournalEntry } from '../../src/storage/contract/journal.ts';
import { makeChange } from '../storage/tiers/journal-entries.ts';
import { PLANTED } from '../storage/tiers/planted.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { describeEachDatabase, type Place } from './place.ts';
import { Server } from './server.ts';

const TIMEOUT_MS = 120_000;

describeEachDatabase('the writes of the version before', (newPlace) => {
  it('are applied once, from every journal, in their order', { timeout: TIMEOUT_MS }, async () => {
    const place = await newPlace({ git: true, bare: true });
    // The key is made after the folder, as at an upgrade.
    const env = { WORKTRAIL_HOME: path.join(await temporaryProject(), 'home') };
    const first = await Server.start(place, { env });
    const id = await first.create({ title: 'there before' });
    await first.rpc.program.stop();
    const entries = leaveWaiting(place, id);

    for (let start = 1; start <= 2; start += 1) {
      const server = await Server.start(place, { env });
      const titles = async () => (await server.list()).items.map(({ title }) => String(title)).sort();
      const expected = ['changed while away', ...PLANTED.map(({ name }) => `made in ${name}`)].sort();
      await expect.poll(titles, { timeout: 20_000, interval: 100 }).toEqual(expected);
      // On PostgreSQL a copy may have answered that.
      const settled = async () => {
        const ids = (await place.rows('select change_id from changes')).map(({ change_id }) => change_id);
        return entries.map(({ id }) => ids.filter((one) => one === id).length);
      };
      await expect.poll(settled, { timeout: 20_000, interval: 100 }).toEqual(entries.map(() => 1));
      await server.rpc.program.stop();
    }
  });
});

/** A creation in each journal, and a change of the item that was there. */
function leaveWaiting({ project, store }: Place, entity_id: string): JournalEntry[] {
  const device = readFileSync(path.join(store.dataDir, 'device'), 'utf8').trim();
  const { project_id } = JSON.parse(readFileSync(path.join(store.dataDir, 'project.json'), 'utf8')) as {
    project_id: string;
  };
  const entries: JournalEntry[] = [];
  const entryOf = (change: Parameters<typeof makeChange>[0]): JournalEntry => {
    const made = makeChange({ schema_version: CHANGE_SCHEMA_VERSION, ...change });
    const now = Date.now();
    return {
      id: made.id,
      lamport: now + entries.length,
      device,
      project_id,
      at: new Date(now).toISOString(),
      changes: [made],
    };
  };
  const add = (index: number, change: Parameters<typeof makeChange>[0]) => {
    const entry = entryOf(change);
    entries.push(entry);
    PLANTED[index]?.plant(project, entry, encodeForOthers(entry));
  };
  for (const [index, { name }] of PLANTED.entries()) {
    add(index, { entity_id: newRecordId(), patch: { title: `made in ${name}` } });
  }
  add(2, { kind: 'update', entity_id, base_version: 1, patch: { title: 'changed while away' } });
  return entries;
}
