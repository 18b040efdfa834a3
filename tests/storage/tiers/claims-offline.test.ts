// Claims made while the primary is away: provisional here, settled there.
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Applied, Change } from '../../../src/domain/change.ts';
import { newChangeId, newRecordId } from '../../../src/domain/ids.ts';
import { isProvisionalToken } from '../../../src/domain/claim.ts';
import { openPrimary } from '../../../src/storage/opening/open-primary.ts';
import type { ReplayOutcome } from '../../../src/storage/apply/replay.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { CacheReplica } from '../../../src/storage/replicas/cache.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import type { JournalEntry } from '../../../src/storage/contract/journal.ts';
import { applyToReplica } from '../../../src/storage/replicas/replica.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { describeEachBackend, type Backend } from '../backends.ts';
import { claiming, creation, edit, linking } from '../changes.ts';
import { refusalOf } from '../refusal.ts';

const DEVICE = newRecordId();

/** A primary, and a copy of it that takes writes while it is away. */
class Scene {
  readonly waiting: JournalEntry[] = [];
  readonly item = newRecordId();

  private constructor(
    readonly primary: Primary,
    readonly cache: CacheReplica,
  ) {}

  static async open(backend: Backend): Promise<Scene> {
    const primary = await openPrimary(await backend.place());
    cleanUpLater(() => primary.close());
    const { project_id } = await primary.health();
    const file = path.join(await temporaryProject(), 'cache.db');
    const cache = new CacheReplica(
      file,
      () => project_id ?? undefined,
      systemClock,
      () => undefined,
    );
    cleanUpLater(() => cache.close());
    const scene = new Scene(primary, cache);
    await scene.online(creation({ entity_id: scene.item, patch: { title: 'Wanted' } }));
    await scene.refresh();
    return scene;
  }

  get #waitingWrites() {
    return {
      fingerprint: this.waiting.map(({ id }) => id).join(' '),
      list: () => Promise.resolve([...this.waiting]),
    };
  }

  refresh() {
    return this.cache.refresh(
      this.primary,
      () => Promise.resolve(this.#waitingWrites),
      () => ({}),
    );
  }

  async online(change: Change): Promise<Applied> {
    const { data } = await this.primary.write([change]);
    return data[0] as Applied;
  }

  /** As a write is taken while the primary is away. */
  async offline(change: Change): Promise<Applied> {
    const own = { ownChanges: () => [], findWaiting: () => Promise.resolve(undefined) };
    const write = await this.cache.run(this.#waitingWrites, ({ session }) =>
      applyToReplica({ session, hasAllFields: true }, [change], own, ({ changes }) => {
        const lamport = this.waiting.length;
        this.waiting.push({ id: change.id, lamport, device: DEVICE, at: change.at, changes });
        return Promise.resolve();
      }),
    );
    return write.applied[0] as Applied;
  }

  /** Replays what waits, in order; what has to wait for a conflict stays. */
  async back(count = this.waiting.length): Promise<ReplayOutcome['outcome'][]> {
    const outcomes: ReplayOutcome['outcome'][] = [];
    for (const entry of this.waiting.splice(0, count)) {
      const { outcome } = await this.primary.replay(entry);
      if (outcome === 'waiting') this.waiting.push(entry);
      outcomes.push(outcome);
    }
    return outcomes;
  }

  async stored() {
    return (await this.primary.read((reader) => reader.findWorkItem(this.item))).data;
  }

  async conflicts() {
    const { data } = await this.primary.read((reader) =>
      reader.listConflicts({ resolved: false, limit: 10 }),
    );
    return data.items;
  }

  async copied() {
    return await this.cache.run(this.#waitingWrites, ({ session }) =>
      session.read(async (c) =>
        (await c.db.select().from(c.tables.workItems)).find(({ id }) => id === this.item),
      ),
    );
  }
}

const tokenOf = ({ record }: Applied) => Number(record['claim_token']);

describeEachBackend('a claim made while the primary is away', (backend) => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open(backend);
  });

  const claim = (fields: Partial<Change> = {}) => claiming({ entity_id: scene.item, ...fields });
  const rename = (title: string, claim_token: number | null, base_version = 1) =>
    edit({ entity_id: scene.item, base_version, patch: { title }, claim_token });

  it('is granted here under a provisional token, says so, and is granted there when it is free', async () => {
    const granted = await scene.offline(claim());
    const token = tokenOf(granted);
    expect(isProvisionalToken(token)).toBe(true);
    expect(granted.warnings).toMatchObject([{ code: 'claim_provisional' }]);
    expect(granted.record).toMatchObject({ version: 1, claimed_by: 'ada' });
    expect(await refusalOf(scene.offline(claim({ actor: 'grace' })))).toMatchObject({ error: 'ClaimError' });
    await scene.offline(rename('Mine', token));

    expect(await scene.back()).toEqual(['applied', 'applied']);
    expect(await scene.stored()).toMatchObject({ title: 'Mine', version: 2, claimed_by: 'ada' });
    // The holder goes on under the token that it was given.
    await scene.online(rename('Still mine', token, 2));
    const renewed = await scene.online(
      claim({ claim_token: token, patch: { action: 'renew', lease_seconds: 60 } }),
    );
    expect(isProvisionalToken(tokenOf(renewed))).toBe(false);
    expect(await refusalOf(scene.online(rename('x', token + 1_000_000, 3)))).toMatchObject({
      error: 'ClaimError',
    });
    await scene.refresh();
    await scene.offline(rename('Offline again', token, 3));
    expect(await scene.back()).toEqual(['applied']);
  });

  it('that met another there is a conflict; what was built on it is refused and kept', async () => {
    const token = tokenOf(await scene.offline(claim()));
    await scene.offline(rename('Mine', token));
    await scene.offline(claim({ claim_token: token, patch: { action: 'release' } }));
    await scene.online(claim({ actor: 'grace' }));

    expect(await scene.back()).toEqual(['rejected', 'waiting', 'waiting']);
    const [conflict] = await scene.conflicts();
    expect(conflict).toMatchObject({ kind: 'rejected', entity: 'work_item', entity_id: scene.item });
    expect(conflict?.reason).toContain('claimed by grace');
    expect(await scene.stored()).toMatchObject({ title: 'Wanted', claimed_by: 'grace' });

    await scene.online(settling(conflict?.id ?? '', 'keep_theirs'));
    expect(await scene.back(1)).toEqual(['rejected']);
    const [kept] = await scene.conflicts();
    expect(kept).toMatchObject({ kind: 'rejected', changes: [{ patch: { title: 'Mine' } }] });
    expect(await scene.stored()).toMatchObject({ title: 'Wanted', claimed_by: 'grace' });
    // Whoever decides for it does so in spite of the claim.
    await scene.online(settling(kept?.id ?? '', 'reapply'));
    expect(await scene.stored()).toMatchObject({ title: 'Mine', claimed_by: 'grace' });
    expect(await scene.back()).toEqual(['rejected']);
  });

  it('that is made again in settling the conflict carries what was built on it', async () => {
    const token = tokenOf(await scene.offline(claim()));
    await scene.offline(rename('Mine', token));
    const theirs = await scene.online(claim({ actor: 'grace' }));
    expect(await scene.back()).toEqual(['rejected', 'waiting']);
    await scene.online(claim({ claim_token: tokenOf(theirs), patch: { action: 'release' } }));
    const [conflict] = await scene.conflicts();
    await scene.online(settling(conflict?.id ?? '', 'reapply'));
    expect(await scene.stored()).toMatchObject({ claimed_by: 'ada' });
    expect(await scene.back()).toEqual(['applied']);
    expect(await scene.stored()).toMatchObject({ title: 'Mine' });
  });

  it('fences what comes after it was handed over there', async () => {
    const token = tokenOf(await scene.offline(claim()));
    await scene.offline(rename('Too late', token));
    expect(await scene.back(1)).toEqual(['applied']);
    await scene.online(
      claim({ claim_token: token, patch: { action: 'hand_over', lease_seconds: null, to: 'grace' } }),
    );
    expect(await scene.back()).toEqual(['rejected']);
    expect(await scene.stored()).toMatchObject({ title: 'Wanted', claimed_by: 'grace' });
  });

  it('can be handed over, released and taken again here, each time under another token', async () => {
    const first = tokenOf(await scene.offline(claim()));
    const handed = await scene.offline(
      claim({ claim_token: first, patch: { action: 'hand_over', lease_seconds: null, to: 'grace' } }),
    );
    expect(await refusalOf(scene.offline(rename('x', first)))).toMatchObject({ error: 'ClaimError' });
    const taken = await scene.offline(claim({ actor: 'grace' }));
    expect(await refusalOf(scene.offline(rename('x', tokenOf(handed))))).toMatchObject({
      error: 'ClaimError',
    });
    await scene.offline(rename('By grace', tokenOf(taken)));
    await scene.offline(claim({ claim_token: tokenOf(taken), patch: { action: 'release' } }));
    const again = tokenOf(await scene.offline(claim()));
    expect(new Set([first, tokenOf(handed), tokenOf(taken), again]).size).toBe(4);
    expect(await scene.back()).toEqual(['applied', 'applied', 'applied', 'applied', 'applied', 'applied']);
    expect(await scene.stored()).toMatchObject({ title: 'By grace', claimed_by: 'ada' });
    await scene.online(rename('By ada', again, 2));
  });

  it('ends on this copy when its holder was told, however often it is laid on top again', async () => {
    const granted = await scene.offline(claim());
    await scene.online(edit({ entity_id: scene.item, base_version: 1, patch: { priority: 1 } }));
    await scene.refresh();
    expect(await scene.copied()).toMatchObject({
      priority: 1,
      claimed_by: 'ada',
      claim_expires_at: granted.record['claim_expires_at'],
    });
    // There it is the clock of the primary that counts.
    await scene.back();
    const { claim_expires_at } = (await scene.stored()) ?? {};
    expect(Date.parse(claim_expires_at ?? '')).toBeGreaterThanOrEqual(
      Date.parse(String(granted.record['claim_expires_at'])),
    );
  });

  describe('before that,', () => {
    it('a token that this copy has not heard of yet is believed, and held against the claim there', async () => {
      const other = await another();
      const token = tokenOf(await scene.online(claim()));
      await scene.offline(rename('Mine', token));
      await scene.offline(linking(scene.item, 'relates_to', other, { claim_token: token }));
      const foreign = { patch: { priority: 1 }, claim_token: token + 5, on_conflict: 'merge' as const };
      await scene.offline(edit({ entity_id: scene.item, base_version: 1, ...foreign }));
      expect(await scene.back()).toEqual(['applied', 'applied', 'rejected']);
      expect(await scene.stored()).toMatchObject({ title: 'Mine', claimed_by: 'ada' });
    });

    it('an old token that this copy knows of is refused at once', async () => {
      const old = tokenOf(await scene.online(claim()));
      await scene.online(claim({ claim_token: old, patch: { action: 'release' } }));
      await scene.online(claim({ actor: 'grace' }));
      await scene.refresh();
      expect(await refusalOf(scene.offline(rename('x', old)))).toMatchObject({ error: 'ClaimError' });
      expect(await refusalOf(scene.offline(claim()))).toMatchObject({ details: { claimed_by: 'grace' } });
      expect(scene.waiting).toEqual([]);
    });

    const another = async () => {
      const id = newRecordId();
      await scene.online(creation({ entity_id: id }));
      await scene.refresh();
      return id;
    };
  });
});

function settling(entity_id: string, resolution: string): Change {
  return {
    ...edit({ entity_id, base_version: 1, patch: { resolution } }),
    id: newChangeId(),
    entity: 'conflict',
    kind: 'resolve',
    base_version: null,
    actor: 'eve',
  };
}
