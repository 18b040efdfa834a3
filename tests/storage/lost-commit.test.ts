// The reply to COMMIT is lost: the write may be stored or not, and the caller must be told the truth.
import { expect, it } from 'vitest';
import { newRecordId } from '../../src/domain/ids.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { isOutcomeUnknown } from '../../src/storage/primary/sql-store.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { databaseWithSchema, inFolder } from './backends.ts';
import { creation } from './changes.ts';
import { refusalOf } from './refusal.ts';

/** PostgreSQL alone, without a lower layer that takes over, behind a proxy. */
async function storeBehindProxy() {
  const proxy = await startProxy(await databaseWithSchema());
  cleanUpLater(() => proxy.stop());
  const store = await openPrimary(inFolder(await temporaryProject(), proxy.url));
  cleanUpLater(() => store.close());
  const feed = async () => (await store.read((reader) => reader.findFeedPosition())).data.seq;
  const change = creation({ entity_id: newRecordId(), patch: { title: 'Who knows' } });
  const find = async () => (await store.read((reader) => reader.findWorkItem(change.entity_id))).data;
  return { proxy, store, change, find, feed };
}

describeUnless(postgresSkipReason(), 'a write whose COMMIT was cut off', () => {
  it('is never said to be unsaved when that is not known', async () => {
    const { proxy, store, change } = await storeBehindProxy();
    await proxy.setMode({ dropCommit: { passOn: true, then: 'refuse' } });
    const failure: unknown = await store.write([change]).catch((error: unknown) => error);
    expect(isOutcomeUnknown(failure)).toBe(true);
    const refusal = await refusalOf(() => Promise.reject(failure as Error));
    expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer: 'postgres' } });
    expect(refusal.message).toContain('it is not known whether this was saved');
    expect(refusal.next).toContain('Read the record before you repeat the call');
  });

  it('is saved once, however often the same change is written again', async () => {
    const { proxy, store, change, find, feed } = await storeBehindProxy();
    await proxy.setMode({ dropCommit: { passOn: true, then: 'pass' } });
    expect((await refusalOf(store.write([change]))).message).toContain('it is not known');
    expect(await find()).toMatchObject({ title: 'Who knows', version: 1 });
    for (const attempt of [1, 2]) {
      const { data } = await store.write([change]);
      expect(data, `attempt ${attempt}`).toMatchObject([{ change_id: change.id, repeated: true }]);
    }
    expect(await feed()).toBe(1);
  });

  it('leaves nothing behind when the COMMIT never arrived', async () => {
    const { proxy, store, change, find, feed } = await storeBehindProxy();
    await proxy.setMode({ dropCommit: { passOn: false, then: 'pass' } });
    expect((await refusalOf(store.write([change]))).message).toContain('it is not known');
    expect(await find()).toBeUndefined();
    expect(await feed()).toBe(0);
    expect((await store.write([change])).data).toMatchObject([{ repeated: false }]);
  });
});
