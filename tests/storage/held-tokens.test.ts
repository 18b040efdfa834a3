// A session's writes go with the token of the claim that it holds: one that lost its claim overwrites nobody.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { SessionStore } from '../../src/storage/contract/session-store.ts';
import { updateWorkItems } from '../../src/use-cases/records/bulk-updates.ts';
import { claimWorkItem } from '../../src/use-cases/records/claims.ts';
import type { Caller, Context } from '../../src/use-cases/support/context.ts';
import type { UseCase } from '../../src/use-cases/support/define-use-case.ts';
import { updateWorkItem } from '../../src/use-cases/records/work-items.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { claiming } from './changes.ts';
import { refusalOf } from './refusal.ts';
import type { Arguments, Tracker } from './tracker.ts';

const ANA: Caller = { actor: 'claude-code', client: 'claude-code/2.1', person: 'Ana', session: 'of ana' };
const BEN: Caller = { ...ANA, person: 'Ben', session: 'of ben' };
const PAST_A_SECOND_MS = 1_100;

describeEachBackend('the claim of a session', (backend) => {
  let tracker: Tracker;
  let context: Context;
  beforeEach(async () => {
    tracker = await openTracker(backend);
    context = { ...tracker.context, store: SessionStore.begin(tracker.context.store) };
  });
  const call = async (useCase: UseCase, args: Arguments, caller = ANA) =>
    (await useCase.run(context, caller, parseInput(useCase.input, args))) as {
      data: { version: number; claim_token?: number };
      warnings: { code: string }[];
    };
  const update = (item: { id: string; version: number }, args: Arguments, caller = ANA) =>
    call(updateWorkItem as unknown as UseCase, { id: item.id, version: item.version, ...args }, caller);
  const claim = (args: Arguments, caller = ANA) => call(claimWorkItem as unknown as UseCase, args, caller);
  /** A claim that ends before a tool would let it. */
  const claimBriefly = async (id: string, { session = '' }: Caller = ANA) => {
    const brief = claiming({ entity_id: id, session, patch: { lease_seconds: 1 } });
    await context.store.write([brief]);
    await sleep(PAST_A_SECOND_MS);
  };

  it('that ended and went to another is told once, before anything is overwritten', async () => {
    const item = await tracker.create({ title: 'first' });
    await claimBriefly(item.id);
    await claim({ id: item.id }, BEN);
    expect(await refusalOf(update(item, { title: 'late' }))).toMatchObject({ error: 'ClaimError' });
    expect(await tracker.query(item.id)).toMatchObject({ version: 1, title: 'first' });
    // Who was told may write all the same, and is warned.
    const again = await update(item, { title: 'on purpose' });
    expect(again.warnings).toMatchObject([{ code: 'claimed' }]);
  });

  it('that nobody took meanwhile still holds', async () => {
    const item = await tracker.create();
    await claimBriefly(item.id);
    expect((await update(item, { title: 'late' })).warnings).toEqual([]);
  });

  it('is over for itself with what ends it', async () => {
    const item = await tracker.create();
    await claim({ id: item.id });
    const completed = await update(item, { status: 'completed' });
    const open = await update({ id: item.id, version: completed.data.version }, { status: 'active' });
    await claim({ id: item.id });
    const bulk = updateWorkItems as unknown as UseCase;
    await call(bulk, { updates: [{ id: item.id, version: open.data.version, status: 'cancelled' }] });
    const { version } = await tracker.query(item.id);
    const reopened = await update({ id: item.id, version }, { status: 'active' });
    await claim({ id: item.id });
    await claim({ id: item.id, action: 'release' });
    await claim({ id: item.id }, BEN);
    const warned = await update({ id: item.id, version: reopened.data.version }, { title: 'x' });
    expect(warned.warnings).toMatchObject([{ code: 'claimed' }]);
  });

  it('is kept when its session asks for the item once more', async () => {
    const item = await tracker.create({ title: 'first' });
    const { session = '' } = ANA;
    await context.store.write([claiming({ entity_id: item.id, session, patch: { lease_seconds: 1 } })]);
    expect(await refusalOf(claim({ id: item.id }))).toMatchObject({ error: 'ClaimError' });
    await sleep(PAST_A_SECOND_MS);
    await claim({ id: item.id }, BEN);
    expect(await refusalOf(update(item, { title: 'late' }))).toMatchObject({ error: 'ClaimError' });
  });

  it('is kept when another of the same call was lost', async () => {
    const [lost, kept] = [await tracker.create(), await tracker.create()];
    await claimBriefly(lost.id);
    await claimBriefly(kept.id);
    await claim({ id: lost.id }, BEN);
    const updates = [lost, kept].map(({ id, version }) => ({ id, version, title: 'late' }));
    const bulk = call(updateWorkItems as unknown as UseCase, { updates });
    expect(await refusalOf(bulk)).toMatchObject({ error: 'ClaimError' });
    await claim({ id: kept.id }, BEN);
    expect(await refusalOf(update(kept, { title: 'late' }))).toMatchObject({ error: 'ClaimError' });
  });

  it('that ended with what its session did above the item is no obstacle', async () => {
    const above = await tracker.create();
    const item = await tracker.create({ parent_id: above.id });
    await claim({ id: item.id });
    const deleted = await update(above, { deleted_at: tracker.clock.iso, cascade: true });
    await update({ id: above.id, version: deleted.data.version }, { clear: ['deleted_at'], cascade: true });
    const { version } = await tracker.query(item.id);
    expect((await update({ id: item.id, version }, { title: 'again' })).warnings).toEqual([]);
  });

  it('that it took again through another program is its claim', async () => {
    const item = await tracker.create();
    await claim({ id: item.id });
    const other = { ...context, store: SessionStore.begin(tracker.context.store) };
    const there = (args: Arguments) => claimWorkItem.run(other, ANA, parseInput(claimWorkItem.input, args));
    await there({ id: item.id, action: 'release' });
    await there({ id: item.id });
    expect((await update(item, { title: 'again' })).warnings).toEqual([]);
  });

  it('is the latest, also where an earlier call for it is repeated', async () => {
    const item = await tracker.create();
    const keyed = { id: item.id, idempotency_key: 'once' };
    await claim(keyed);
    await claim({ id: item.id, action: 'release' });
    await claim({ id: item.id });
    await claim(keyed);
    expect((await update(item, { title: 'again' })).warnings).toEqual([]);
  });

  it('that others ended by closing the item does not stop what follows on that', async () => {
    const item = await tracker.create();
    await claim({ id: item.id });
    const closed = await update(item, { status: 'completed' }, BEN);
    const open = await update({ id: item.id, version: closed.data.version }, { status: 'active' });
    expect(open.warnings).toEqual([]);
  });

  it('is no other’s that uses the same store', async () => {
    const item = await tracker.create();
    await claim({ id: item.id });
    expect((await update(item, { title: 'x' }, BEN)).warnings).toMatchObject([{ code: 'claimed' }]);
    expect(await refusalOf(claim({ id: item.id, action: 'release' }, BEN))).toMatchObject({
      error: 'ClaimError',
    });
  });
});
