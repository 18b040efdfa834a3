// What the primary has just answered is not in the copy yet when the primary stops taking writes: that the copy does not
// have it proves nothing.
import postgres from 'postgres';
import { expect, inject, it } from 'vitest';
import { newRecordId } from '../../../src/domain/ids.ts';
import { openPrimary } from '../../../src/storage/opening/open-primary.ts';
import { openStore } from '../../../src/storage/opening/open-store.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { attachPostgres, postgresSkipReason } from '../../support/postgres.ts';
import '../../support/global-setup.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { inFolder } from '../backends.ts';
import { creation } from '../changes.ts';
import { outcomeOf, refusalOf } from '../refusal.ts';
import { Tracker } from '../tracker.ts';

/** The pauses between refreshes of the copy are this long and longer. */
const REFRESH_PAUSE_MS = 2_000;
const never = new Promise<void>(() => undefined);

async function scene() {
  const server = attachPostgres(inject('postgresUrl'));
  cleanUpLater(() => server.stop());
  const url = await server.createDatabase();
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  cleanUpLater(() => admin.end({ timeout: 1 }));
  const place = inFolder(await temporaryProject(), url);
  let isRefreshed = true;
  const clock = {
    ...systemClock,
    sleep: (ms: number) => (ms < REFRESH_PAUSE_MS || isRefreshed ? systemClock.sleep(ms) : never),
  };
  const store = await openStore({ ...place, clock });
  cleanUpLater(() => store.close());
  const tracker = new Tracker(store, place);
  const known = await tracker.create({ title: 'Known' });
  const cache = store.parts.cache;
  while ((await cache?.known())?.seq !== 1) await systemClock.sleep(20);
  isRefreshed = false;
  await systemClock.sleep(REFRESH_PAUSE_MS);
  // Somebody else makes an item.
  const primary = await openPrimary(place);
  cleanUpLater(() => primary.close());
  const id = newRecordId();
  await primary.write([creation({ entity_id: id, patch: { title: 'Just made' } })]);
  const refuse = () =>
    admin.unsafe(`create function read_only() returns trigger language plpgsql as
      $$ begin raise exception 'read-only' using errcode = '25006'; end $$;
      create trigger read_only before insert on worktrail_test_project.changes execute function read_only()`);
  const allow = () => admin.unsafe('drop trigger read_only on worktrail_test_project.changes');
  return { store, tracker, known, id, refuse, allow };
}

describeUnless(postgresSkipReason(), 'what was read a moment before PostgreSQL took no more writes', () => {
  it('can be changed, and is not said to be missing', { timeout: 60_000 }, async () => {
    const { store, tracker, known, id, refuse, allow } = await scene();
    const item = await tracker.query(id);
    await refuse();

    const changed = await tracker.updateAnswer(item, { title: 'Changed' });
    expect(changed).toMatchObject({ durability: 'outbox', data: { id, title: 'Changed' } });
    expect(changed.unchecked).toContain(id);
    const codes = changed.warnings.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['saved_locally', 'unchecked']));
    expect(changed.warnings.at(-1)?.message).toContain('lacks changes that were seen here');
    expect(await tracker.noteAnswer({ id }, 'Noted')).toMatchObject({ durability: 'outbox' });
    expect(await tracker.linkAnswer(known, 'blocks', { id })).toMatchObject({ durability: 'outbox' });
    // Read from the copy it cannot be found; read from PostgreSQL, which probes find well, it can.
    const claimed = await outcomeOf(tracker.claim({ id: id.slice(0, 8) }));
    expect(claimed).not.toEqual({ refused: 'NotFoundError' });

    await allow();
    while ((await store.pending()).length > 0) await systemClock.sleep(50);
    const after = await tracker.query(id);
    expect(after).toMatchObject({ title: 'Changed', version: 2, notes_total: 1 });
    expect(after.dependencies).toHaveLength(1);
  });

  it('is missing where the copy has all that was seen', { timeout: 60_000 }, async () => {
    const { tracker, refuse } = await scene();
    await refuse();
    await tracker.create({ title: 'Kept' });
    const refusal = await refusalOf(() =>
      tracker.update({ id: newRecordId(), version: 1 }, { title: 'Never' }),
    );
    expect(refusal.error).toBe('NotFoundError');
  });
});
