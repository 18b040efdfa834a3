// The reply to COMMIT is lost: the write may be stored or not, and the caller must be told the truth.
import { expect, it } from 'vitest';
import { openPrimary, schemaName } from '../../src/storage/open-primary.ts';
import { openPostgres } from '../../src/storage/sql/postgres.ts';
import { SqlStore, isOutcomeUnknown } from '../../src/storage/sql/sql-store.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { freshDatabase, inFolder } from './backends.ts';
import { refusalOf } from './refusal.ts';
import { Tracker } from './tracker.ts';

/** PostgreSQL alone, without a lower layer that takes over. */
async function trackerBehindProxy() {
  const place = inFolder(await temporaryProject(), await freshDatabase());
  await (await openPrimary(place)).close();
  const proxy = await startProxy(place.databaseUrl as string);
  cleanUpLater(() => proxy.stop());
  const { session, state } = await openPostgres({ url: proxy.url, schema: schemaName(place.slug.value) });
  cleanUpLater(() => session.close());
  return { proxy, tracker: new Tracker(new SqlStore(session, state, 'behind a proxy'), place) };
}

const KEY = '01900000-0000-7000-8000-00000000c0de';

describeUnless(postgresSkipReason(), 'a write whose COMMIT was cut off', () => {
  it('is never said to be unsaved when that is not known', async () => {
    const { proxy, tracker } = await trackerBehindProxy();
    await proxy.setMode({ dropCommit: { passOn: true, then: 'refuse' } });
    const failure: unknown = await tracker.create({ title: 'Who knows' }).catch((error: unknown) => error);
    expect(isOutcomeUnknown(failure)).toBe(true);
    const refusal = await refusalOf(() => Promise.reject(failure as Error));
    expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer: 'postgres' } });
    expect(refusal.message).toContain('it is not known whether this was saved');
    expect(refusal.next).toContain('Read the record before you repeat the call');
  });

  it('is saved once when it is repeated with its key', async () => {
    const { proxy, tracker } = await trackerBehindProxy();
    await proxy.setMode({ dropCommit: { passOn: true, then: 'pass' } });
    const args = { title: 'Saved after all', idempotency_key: KEY };
    expect((await refusalOf(tracker.create(args))).message).toContain('it is not known');
    expect(await tracker.create(args)).toMatchObject({ title: 'Saved after all', version: 1 });
    expect(await tracker.titles()).toEqual(['Saved after all']);
    expect(await tracker.seq()).toBe(1);
  });

  it('leaves nothing behind when the COMMIT never arrived', async () => {
    const { proxy, tracker } = await trackerBehindProxy();
    await proxy.setMode({ dropCommit: { passOn: false, then: 'pass' } });
    const refusal = await refusalOf(tracker.create({ title: 'Never there' }));
    expect(refusal.message).toContain('it is not known whether this was saved');
    expect(await tracker.titles()).toEqual([]);
  });
});
